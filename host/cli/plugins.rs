//! Plugins for commands that run them: got, verified, compiled and checked together, before anything is changed. What is
//! wrong with any of them is told at once, with its place in the file.

mod withheld;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use kubephase_artifact::{Artifact, ArtifactError, Cache, Options, obtain};
use kubephase_engine::{Event, Level, Sink};
use kubephase_model::config::load::Documents;
use kubephase_model::object::{CONFIG_MAP, ObjectRef};
use kubephase_model::plugin::config::KIND;
use kubephase_model::plugin::{PluginConfiguration, PluginEntry};
use kubephase_model::report::Place;
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::kube::Api;
use kubephase_node::{Change, Node, PrivateDir, cache_home};
use kubephase_plugin::{
    CompiledCache, Ear, LoadError, Machine, Plugins, Refused, Told, Volume, Wanted, World, cluster_facts,
};
use kubephase_render::objects::{KUBE_SYSTEM, kubephase_config};
use kubephase_workflow::extension::Extension;

use crate::args::plugin::GetArgs;
use crate::args::{Global, Output};
use crate::failure::Failure;
use crate::{input, printer};

pub use withheld::withheld;

/// Where what is got and what is compiled is kept.
#[derive(Clone, Debug)]
pub struct Store {
    /// How plugins are obtained.
    pub options: Options,
    /// Their compiled code.
    pub compiled: CompiledCache,
}

impl Store {
    /// As flags say.
    pub fn of(get: Option<&GetArgs>) -> Self {
        let named = get.and_then(|get| get.cache_dir.clone());
        let home: Option<PathBuf> = named.or_else(cache_home);
        // A cache that others could write to, or that cannot be made, is none: compiling again is only slower.
        let compiled = home.as_ref().and_then(|home| PrivateDir::open(home.join("compiled")).ok());
        let artifacts = home.map(|home| Cache::new(home.join("plugins").to_string_lossy()));
        let offline = get.is_some_and(|get| get.offline);
        let options = Options { cache: artifacts, offline, ..Options::default() };
        Self { options, compiled: compiled.map_or_else(CompiledCache::none, CompiledCache::new) }
    }
}

/// The world that plugins see on a machine; with a cluster, they see what is being set up.
pub fn world(machine: &Node, cluster: Option<&Cluster>) -> Arc<dyn World> {
    world_of("init", machine, cluster)
}

/// The same in another workflow.
pub fn world_of(workflow: &str, machine: &Node, cluster: Option<&Cluster>) -> Arc<dyn World> {
    let facts = cluster.map(|cluster| cluster_facts(cluster, workflow, false));
    Arc::new(Machine::new(machine, facts, cluster.map(|cluster| cluster.node().cri_socket.as_str())))
}

/// Where what plugins tell goes: to the other events.
pub fn ear(sink: Sink<Change>, verbosity: u8) -> Ear {
    Arc::new(move |plugin, told| match told {
        Told::Log { volume, message } => {
            let (level, from) = match volume {
                Volume::Warning => (Level::Warning, 0),
                Volume::Info => (Level::Info, 1),
                Volume::Debug => (Level::Info, 2),
                Volume::Trace => (Level::Info, 3),
            };
            if verbosity >= from {
                sink(Event::Notice { path: String::new(), level, message: format!("{plugin}: {message}") });
            }
        }
        Told::Progress { what, percent } => {
            let message = percent.map_or_else(|| what.clone(), |percent| format!("{what} ({percent} %)"));
            sink(Event::Progress { path: String::new(), item: plugin.to_owned(), message });
        }
    })
}

/// What a configuration says, and where it says it.
pub struct Configured<'a> {
    /// The plugins.
    pub configuration: &'a PluginConfiguration,
    /// The file, for places, which need not have all of them; `None` if it comes from the cluster.
    pub documents: Option<&'a Documents>,
    /// Whether this is a control-plane node.
    pub control_plane: bool,
}

impl Configured<'_> {
    /// Their number in the file, for those that run here.
    fn entries(&self) -> Vec<(usize, &PluginEntry)> {
        let all = self.configuration.plugins.iter().enumerate();
        all.filter(|(_, entry)| entry.runs_on(self.control_plane)).collect()
    }

    fn problem(&self, index: usize, field: &str, message: String) -> Problem {
        let (path, place) = self.place(index, field);
        Problem::error(path, message).at(place)
    }

    /// The path of a field, and where it is in the file if the file has it.
    fn place(&self, index: usize, field: &str) -> (String, Option<Place>) {
        let path = format!("plugins[{}]{field}", self.number(index).unwrap_or(index));
        let documents = self.documents.filter(|_| self.number(index).is_some());
        let place = documents.and_then(|documents| documents.place(KIND, &path));
        (path, place)
    }

    /// Which one it is in the file: a node's own may have fewer than the cluster, and in another order.
    fn number(&self, index: usize) -> Option<usize> {
        let name = &self.configuration.plugins.get(index)?.name;
        self.documents?.plugins.as_ref()?.plugins.iter().position(|entry| entry.name == *name)
    }
}

/// Gets, verifies, compiles and checks all plugins that run here; `None` if there are none.
pub async fn ready(
    configured: &Configured<'_>,
    store: &Store,
    files: &Node,
    world: Arc<dyn World>,
    ear: Ear,
) -> Result<Option<Arc<Plugins>>, Failure> {
    let entries = configured.entries();
    if entries.is_empty() {
        return Ok(None);
    }
    let getting = entries.iter().map(|(_, entry)| obtain(files, entry, configured.configuration, &store.options));
    let mut problems = Report::default();
    let mut fault = false;
    let (mut indices, mut wanted) = (Vec::new(), Vec::new());
    for ((index, entry), got) in entries.iter().zip(join_all(getting).await) {
        match got {
            Ok(Artifact { bytes, signer, .. }) => {
                indices.push(*index);
                let signer = signer.map(|signer| signer.key);
                wanted.push(Wanted { entry: (*entry).clone(), bytes: bytes.into(), signer });
            }
            Err(error) => {
                let problem = configured.problem(*index, ".source", chain(&error));
                problems.push(error.hint().into_iter().fold(problem, Problem::hint));
            }
        }
    }
    // One that cannot be had or used is left out, so that what is wrong with the others is told with it.
    let plugins = loop {
        let refused = match Plugins::load(wanted.clone(), world.clone(), ear.clone(), &store.compiled).await {
            Ok(plugins) => break plugins,
            Err(refused) => refused,
        };
        for refused in refused.iter().rev() {
            wanted.remove(refused.index);
            fault |= refused.error.is_fault();
            problems.push(unusable(configured, indices.remove(refused.index), refused));
        }
    };
    for ((index, wanted), plugin) in indices.iter().zip(&wanted).zip(plugins.plugins()) {
        let schema = plugin.description.settings_schema.as_ref();
        let judged = kubephase_plugin::settings::judge(
            schema,
            &wanted.entry,
            configured.number(*index).unwrap_or(*index),
            configured.documents.filter(|_| configured.number(*index).is_some()),
        );
        problems.problems.extend(judged);
    }
    if !problems.has_errors() {
        return Ok(Some(Arc::new(plugins)));
    }
    // In the order of the file.
    problems.problems.sort_by_key(|problem| problem.place.as_ref().map(|place| (place.line, place.column)));
    Err(if fault { Failure::Fault(problems) } else { Failure::Input(problems) })
}

/// A component that was refused.
fn unusable(configured: &Configured<'_>, index: usize, refused: &Refused) -> Problem {
    let message = format!("the plugin `{}` cannot be used: {}", refused.plugin, refused.error);
    let field = if matches!(refused.error, LoadError::NotGranted(_)) { ".grants" } else { ".source" };
    let mut problem = configured.problem(index, field, message).hint(refused.error.hint());
    if let LoadError::Describe { backtrace, .. } = &refused.error
        && !backtrace.is_empty()
    {
        problem.message.push_str(&format!("\n  at {}", backtrace.join("\n  at ")));
    }
    problem
}

/// Which plugins a cluster has stored; none if it has stored nothing.
pub async fn stored(api: &Api) -> Result<PluginConfiguration, Failure> {
    let name = ObjectRef::new(&CONFIG_MAP, Some(KUBE_SYSTEM), kubephase_config::NAME);
    let found = api.get(&name).await.map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    })?;
    let read = found.as_ref().map_or(Ok(None), kubephase_config::read).map_err(|report| Failure::Machine {
        error: format!("what the ConfigMap {name} has stored cannot be read: {report}").into(),
        hint: Some("upload it anew with `kubephase init phase upload-config plugins --config <file>`".into()),
        told: false,
    });
    Ok(read?.unwrap_or_default())
}

/// Images that the plugins of a configuration bring along, whatever node they are for.
pub fn images(
    cluster: &Cluster,
    documents: Option<&Documents>,
    host: &Node,
    global: &Global,
) -> Result<Vec<String>, Failure> {
    if cluster.plugins.is_empty() {
        return Ok(Vec::new());
    }
    let sink = printer::sink(&Global { output: Output::Text, ..global.clone() });
    let ear = ear(sink, global.verbosity);
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    runtime.block_on(async {
        let mut all = Vec::new();
        for control_plane in [true, false] {
            let configured = Configured { configuration: &cluster.plugins, documents, control_plane };
            let world = world(host, Some(cluster));
            let Some(plugins) = ready(&configured, &Store::of(None), host, world, ear.clone()).await? else { continue };
            for plugin in kubephase_workflow::plugins::images(&*plugins)
                .await
                .map_err(|error| Failure::phase(error.into(), global))?
            {
                if let Some(warning) = plugin.warning {
                    printer::err(&format!("! {warning}\n"));
                }
                all.extend(plugin.images);
            }
        }
        Ok(all)
    })
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The same as a failure of a command that is about one plugin.
pub fn failure(error: ArtifactError) -> Failure {
    let hint = error.hint();
    Failure::machine(error, hint)
}
