//! Phase `show-join-command`: how other nodes join. It is only put together here; whoever runs the workflow shows it, on
//! standard output alone, because it holds secrets.

use std::fmt;

use kubephase_engine::Phase;
use kubephase_render::kubeconfig::Kubeconfig;

use super::Init;
use crate::error::PhaseError;
use crate::join_command::{JoinCommand, WITHHELD};

/// The commands with which nodes join. Holds secrets.
pub struct Joining {
    /// For control-plane nodes; only if they can find each other by a common endpoint.
    pub control_plane: Vec<JoinCommand>,
    /// For workers, one per token.
    pub worker: Vec<JoinCommand>,
}

impl fmt::Debug for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joining(…)")
    }
}

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("show-join-command", "Show how other nodes join", |cx: &mut Init| Box::pin(run(cx)))
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    let path = cx.kubeconfig_path("admin.conf");
    let bytes = cx.read(&path)?.ok_or_else(|| PhaseError::NoKubeconfig { path: path.clone() })?;
    let admin = Kubeconfig::parse(&bytes).map_err(|source| PhaseError::Kubeconfig { path: path.clone(), source })?;
    let command = JoinCommand::of(&admin, &path, |file| cx.read(file).ok().flatten())?;
    let withheld = WITHHELD.to_owned();
    let key = cx
        .certificate_key
        .as_ref()
        .map(|key| if cx.sharing.withhold_certificate_key { withheld.clone() } else { key.reveal() });
    let mut joining = Joining { control_plane: Vec::new(), worker: Vec::new() };
    for token in &cx.cluster.init.bootstrap_tokens {
        let command = match cx.sharing.withhold_token {
            true => command.clone(),
            false => command.clone().with_token(&token.token),
        };
        if cx.cluster.control_plane_endpoint().is_some() {
            joining.control_plane.push(command.clone().for_control_plane(key.clone()));
        }
        joining.worker.push(command);
    }
    cx.joining = Some(joining);
    Ok(())
}
