//! What the phases of `init` work on, beside what those of every workflow do.

use std::ops::{Deref, DerefMut};

use kubephase_engine::{Context, Sink};
use kubephase_model::Cluster;
use kubephase_node::{Change, Node};
use kubephase_pki::CertificateKey;

use super::head_start::Ahead;
use super::show_join_command::Joining;
use crate::error::PhaseError;
use crate::journal::fingerprint;
use crate::work::{Options, Run, Work, guests};

/// What of the cluster's secrets is shared, and shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sharing {
    /// Put what control-plane nodes share into the cluster, sealed.
    pub upload_certs: bool,
    /// Keep tokens out of the commands to join with.
    pub withhold_token: bool,
    /// Keep the certificate key out of them.
    pub withhold_certificate_key: bool,
}

/// The state of one run.
pub struct Init {
    /// What every workflow has.
    pub work: Work,
    /// What is shared and shown; nothing is uploaded and everything is shown unless it is set.
    pub sharing: Sharing,
    /// What the uploaded certificates are sealed with, once they are. A secret.
    pub certificate_key: Option<CertificateKey>,
    /// How other nodes join, once it is known. Holds secrets.
    pub joining: Option<Joining>,
    /// One of the plugins is a phase of its own before the kubelet starts.
    pub(super) guests_before_kubelet: bool,
    pub(super) ahead: Ahead,
}

impl Init {
    /// Looks at what is there: patches, external authorities, an earlier run. Changes nothing.
    pub fn new(cluster: Cluster, node: Node, options: Options) -> Result<Self, PhaseError> {
        if options.only.is_none() && !cluster.plugins.is_empty() {
            // Before anything is changed, not when it is to be stored.
            guests::pinned(&cluster, options.extension.as_deref())?;
        }
        let plugins = options.extension.clone();
        let workflow = super::workflow_with(plugins.as_ref().map(|all| all.plugins()).unwrap_or_default())?;
        let guests_before_kubelet = plugins
            .as_ref()
            .is_some_and(|plugins| guests::any_between(&workflow.phases, plugins.plugins(), "certs", "kubelet-start"));
        let guests = guests::invite(plugins, &workflow.paths())?;
        let run = Run { workflow: "init", fingerprint: fingerprint(&cluster), founds: true };
        let mut work = Work::begin(run, cluster, node, options, guests)?;
        work.look_for_authorities()?;
        Ok(Self {
            work,
            sharing: Sharing::default(),
            certificate_key: None,
            joining: None,
            guests_before_kubelet,
            ahead: Ahead::default(),
        })
    }
}

impl Deref for Init {
    type Target = Work;

    fn deref(&self) -> &Work {
        &self.work
    }
}

impl DerefMut for Init {
    fn deref_mut(&mut self) -> &mut Work {
        &mut self.work
    }
}

impl AsMut<Work> for Init {
    fn as_mut(&mut self) -> &mut Work {
        &mut self.work
    }
}

impl Context for Init {
    type Error = PhaseError;
    type Change = Change;

    fn enter(&mut self, path: &str) {
        self.work.enter(path);
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changes = self.node.changes();
        let changes = self.ahead.told_by(self.work.path(), changes);
        self.remember(&changes);
        changes
    }

    fn leave(&mut self, path: &str, _: &[Change]) -> Result<(), PhaseError> {
        self.work.leave(path);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), PhaseError> {
        self.work.settle()
    }

    fn end(&mut self) {
        self.work.end();
    }

    fn hint(error: &PhaseError) -> Option<String> {
        error.hint().map(Into::into)
    }

    fn sink(&self) -> Sink<Change> {
        self.options.sink.clone()
    }
}
