//! The plugins of `join`: the very same as on the other nodes of the cluster, as far as this node's own file lets them.

use std::sync::Arc;

use kubephase_engine::{Sink, Workflow};
use kubephase_model::config::load::Documents;
use kubephase_model::config::v1beta4::JoinConfiguration;
use kubephase_model::plugin::config::narrow;
use kubephase_model::{Problem, Report};
use kubephase_node::{Change, Node};
use kubephase_plugin::Plugins;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::join::{self, Join, Met};

use crate::args::Global;
use crate::args::plugin::GetArgs;
use crate::failure::Failure;
use crate::plugins::{self, Configured, Store};
use crate::report;

/// Plugins that are wanted here.
pub struct Wanted<'a> {
    /// How they are got.
    pub get: &'a GetArgs,
    /// Where files are that are plugins.
    pub files: &'a Node,
    /// What they see.
    pub machine: &'a Node,
    /// This node's own file.
    pub documents: Option<&'a Documents>,
    /// What is asked for.
    pub config: &'a JoinConfiguration,
    /// The one phase that is run; all if none.
    pub only: Option<&'a str>,
}

impl Wanted<'_> {
    /// Gets and checks them all; from then on those count for this node that are in `met`. `None` if there are none.
    pub async fn load(
        &self,
        met: &mut Met,
        sink: &Sink<Change>,
        global: &Global,
    ) -> Result<Option<Arc<Plugins>>, Failure> {
        let control_plane = self.config.control_plane.is_some();
        let mut problems = Report::default();
        met.cluster.plugins = narrow(&met.cluster.plugins, self.documents, control_plane, &mut problems);
        if problems.has_errors() {
            return Err(problems.into());
        }
        report::problems(&problems.problems, global);
        if self.only.is_some_and(|only| !join::has_plugins(only)) {
            return Ok(None);
        }
        let configuration = &met.cluster.plugins;
        let configured = Configured { configuration, documents: self.documents, control_plane };
        let world = plugins::world_of("join", self.machine, Some(&met.cluster));
        let ear = plugins::ear(sink.clone(), global.verbosity);
        let plugins = plugins::ready(&configured, &Store::of(Some(self.get)), self.files, world, ear).await?;
        let loaded = plugins.as_deref().map(Extension::plugins).unwrap_or_default();
        let withheld = plugins::withheld(configuration, self.documents, loaded);
        if withheld.has_errors() {
            return Err(withheld.into());
        }
        Ok(plugins)
    }
}

/// The tree of phases with plugins among them.
pub fn arrange(plugins: Option<&Plugins>) -> Result<Workflow<Join>, Failure> {
    join::workflow_with(plugins.map(Extension::plugins).unwrap_or_default()).map_err(|cycle| {
        let problem = Problem::error("plugins", cycle.to_string()).hint(cycle.hint());
        Report { problems: vec![problem] }.into()
    })
}
