//! The process that is killed: this test's own program, started again. It works on a machine whose cluster lives in the
//! process that started it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubephase_engine::{Context, Event, Selection, Sink, Workflow};
use kubephase_model::Report;
use kubephase_model::config::flags::JoinFlags;
use kubephase_model::config::resolve::resolve_join;
use kubephase_node::Change;
use kubephase_rehearsal::Lent;
use kubephase_workflow::PhaseError;
use kubephase_workflow::init::{self, Init, Sharing};
use kubephase_workflow::join::{self, Join, Options};
use nix::sys::{ptrace, signal};
use serde::{Deserialize, Serialize};

use crate::stage::{cluster, runtime};

/// Where a process is told what to do.
pub const TASK: &str = "KUBEPHASE_TEST_TASK";
/// Everybody answers at once, or never.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it is to do.
#[derive(Serialize, Deserialize)]
pub struct Task {
    /// On which machine.
    pub machine: Lent,
    /// Which workflow.
    pub what: What,
    /// Whether it waits for a tracer first.
    pub is_traced: bool,
    /// Where it asks whether it may go on when a phase begins and when one ends.
    pub boundaries: Option<PathBuf>,
}

/// A workflow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum What {
    /// `init`, with the key that its certificates are uploaded with.
    Init(String),
    /// `join`, with the pin of the cluster's authority; of a control plane if there is a key for its certificates.
    Join(String, Option<String>),
}

/// What a machine joins with.
pub fn join_flags(pin: &str, key: Option<&str>) -> JoinFlags {
    JoinFlags {
        api_server_endpoint: Some("cp.example.com:6443".into()),
        token: Some(crate::stage::TOKEN.into()),
        discovery_token_ca_cert_hash: vec![pin.to_owned()],
        control_plane: key.is_some(),
        certificate_key: key.map(str::to_owned),
        ..JoinFlags::default()
    }
}

/// No test of its own: it does nothing unless it was started by the one that kills it.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: Task = serde_json::from_str(&task).expect("a task");
    if task.is_traced {
        ptrace::traceme().expect("a parent that may trace");
        signal::raise(signal::Signal::SIGSTOP).expect("a stop");
    }
    let asked = task.boundaries.map(|path| Mutex::new(UnixStream::connect(path).expect("somebody listens")));
    let sink: Sink<Change> = Arc::new(move |event| {
        let Some(asked) = &asked else { return };
        let boundary = match &event {
            Event::Started { path, .. } => format!("{path} begins\n"),
            Event::Finished { path, .. } => format!("{path} has ended\n"),
            _ => return,
        };
        let mut asked = asked.lock().expect("not poisoned");
        asked.write_all(boundary.as_bytes()).expect("told");
        asked.read_exact(&mut [0]).expect("it may go on");
    });
    let node = task.machine.node();
    let done = runtime().block_on(async {
        let _lock = node.lock().expect("nobody else is here");
        let options = Options { patience: Some(PATIENCE), ..Options::new(sink.clone()) };
        match task.what {
            What::Init(key) => {
                let cluster = cluster(&node, &key, "");
                let mut cx = Init::new(cluster, node, options)?;
                cx.sharing = Sharing { upload_certs: true, ..Sharing::default() };
                run(&init::workflow(), &mut cx).await
            }
            What::Join(pin, key) => {
                let (facts, mut report) = (node.facts(), Report::default());
                let flags = join_flags(&pin, key.as_deref());
                let config =
                    resolve_join(None, &flags, &facts, false, &mut report).unwrap_or_else(|| panic!("{report}"));
                let met = join::meet(&node, &config, &facts, &sink).await?;
                run(&join::workflow(), &mut Join::new(met, config, node, options)?).await
            }
        }
    });
    if let Err(error) = done {
        panic!("{}: {:?}", error, std::error::Error::source(&error));
    }
}

async fn run<C: Context<Error = PhaseError>>(workflow: &Workflow<C>, cx: &mut C) -> Result<(), PhaseError> {
    use kubephase_engine::RunError;

    match workflow.run(cx, &Selection::default()).await {
        Ok(_) => Ok(()),
        Err(RunError::Phase { source, .. }) => Err(source),
        Err(RunError::Select(error)) => panic!("{error}"),
    }
}
