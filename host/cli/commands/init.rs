//! `init` and `init phase …`.

mod closing;

pub use closing::summary;

use std::sync::{Arc, Mutex};

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Level, RunError, SelectError, Selection, Sink, Workflow};
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::plugin::config::check_places;
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::{Change, Node, ScratchDir};
use kubephase_plugin::Plugins;
use kubephase_preflight::Ignore;
use kubephase_render::objects::manifest::{self, Addon};
use kubephase_workflow::PhaseError;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::init::{self, Init, Options};

use crate::args::init::InitArgs;
use crate::args::{Global, Output, chosen_phase};
use crate::failure::{Failure, Outcome};
use crate::plugins::{self, Configured, Store};
use crate::printer::{self, changes, err, out};
use crate::{input, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let (only, at) = chosen_phase(matches);
    let args = InitArgs::from_arg_matches(at).map_err(|error| Failure::Bug(error.to_string()))?;
    let host = Node::real();
    let Asked { cluster, documents, ignore } = ask(&args, &Sources::of(&host), only.as_deref(), global)?;
    let plugins = Wanted { cluster: &cluster, documents: documents.as_ref(), args: &args, only: only.as_deref() };
    let selection = selection(&cluster, only.clone());
    check_key(&args, &cluster, &selection, global)?;
    let place = Place::choose(&args, &host, &cluster, only.is_some())?;
    if global.output == Output::Text && only.is_none() {
        err(&format!("using Kubernetes version v{}\n", cluster.version));
    }
    let told = place.is_dry.then(Told::default);
    let sink = told.as_ref().map_or_else(|| printer::sink(global), |told| told.sink(printer::sink(global)));
    let plugins = plugins.load(&host, &place.node, &sink, global)?;
    let workflow = arrange(plugins.as_deref(), &selection)?;
    let mut options = options(&args, &cluster, ignore, only, sink);
    options.extension = plugins.map(|plugins| plugins as Arc<dyn Extension>);
    if let (Output::Json, false, Some(scratch)) = (global.output, place.plan, place.node.scratch()) {
        let message = format!("a dry run: files are written below {}", scratch.display());
        (options.sink)(Event::Notice { path: String::new(), level: Level::Info, message });
    }
    let _lock = lock(&place.node, options.only.is_none())?;
    let mut cx = Init::new(cluster, place.node.clone(), options).map_err(phase_error)?;
    if args.print_manifest {
        return print_manifest(&cx, selection.only.as_deref());
    }
    execute(&workflow, &mut cx, &selection, global)?;
    if let Some(told) = told {
        place.list(&told, global);
    } else if global.output == Output::Text {
        out(&closing::text(&cx));
    }
    cx.stopped.map_or(Ok(()), |error| Err(phase_error(error)))
}

/// What is to be done, as far as the input says it.
pub struct Asked {
    pub cluster: Cluster,
    /// The file, for places.
    pub documents: Option<Documents>,
    pub ignore: Ignore,
}

/// Plugins that are wanted here.
pub struct Wanted<'a> {
    pub cluster: &'a Cluster,
    pub documents: Option<&'a Documents>,
    pub args: &'a InitArgs,
    pub only: Option<&'a str>,
}

impl Wanted<'_> {
    /// Gets and checks them all. `machine` is what they see.
    pub fn load(
        &self,
        files: &Node,
        machine: &Node,
        sink: &Sink<Change>,
        global: &Global,
    ) -> Result<Option<Arc<Plugins>>, Failure> {
        // Certificates and kubeconfigs are nobody's business but ours.
        if self.only.is_some_and(|only| !init::has_plugins(only)) || self.cluster.plugins.plugins.is_empty() {
            return Ok(None);
        }
        let configured =
            Configured { configuration: &self.cluster.plugins, documents: self.documents, control_plane: true };
        let store = Store::of(Some(&self.args.get));
        let world = plugins::world(machine, Some(self.cluster));
        let ear = plugins::ear(sink.clone(), global.verbosity);
        let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
        let plugins = runtime.block_on(plugins::ready(&configured, &store, files, world, ear))?;
        let loaded = plugins.as_deref().map(Extension::plugins).unwrap_or_default();
        let withheld = plugins::withheld(&self.cluster.plugins, self.documents, loaded);
        if withheld.has_errors() {
            return Err(withheld.into());
        }
        report::problems(&withheld.problems, global);
        Ok(plugins)
    }
}

/// The tree of phases with plugins among them. Tells what is left out or meant by names that nothing has.
pub fn arrange(plugins: Option<&Plugins>, selection: &Selection) -> Result<Workflow<Init>, Failure> {
    let mut problems = Report::default();
    let plugins = plugins.map(Extension::plugins).unwrap_or_default();
    let workflow = init::workflow_with(plugins).map_err(|cycle| {
        problems.push(Problem::error("plugins", cycle.to_string()).hint(cycle.hint()));
    });
    if let Ok(workflow) = &workflow
        && let Err(error) = workflow.select(selection)
    {
        problems.push(no_such_phase(selection, &error));
    }
    match workflow {
        Ok(workflow) if !problems.has_errors() => Ok(workflow),
        _ => Err(problems.into()),
    }
}

/// What is wrong with the words that name phases on the command line.
fn no_such_phase(selection: &Selection, error: &SelectError) -> Problem {
    let place = if selection.only.is_some() { "init phase plugin" } else { "--skip-phases" };
    Problem::error(place, error.to_string()).hint(error.hint())
}

/// Where the input comes from.
pub struct Sources<'a> {
    /// Holds the configuration file.
    pub files: &'a Node,
    /// The machine whose facts count.
    pub machine: &'a Node,
    /// Finds the version that a label stands for.
    pub lookup: &'a dyn Fn(&str) -> Result<String, String>,
}

impl<'a> Sources<'a> {
    fn of(host: &'a Node) -> Self {
        Self { files: host, machine: host, lookup: &input::lookup_version }
    }
}

/// Reads and checks the input, and tells what is odd about it.
pub fn ask(args: &InitArgs, sources: &Sources<'_>, only: Option<&str>, global: &Global) -> Result<Asked, Failure> {
    let mut problems = Report::default();
    let documents =
        args.config.as_deref().map(|path| input::documents(sources.files, path, Command::Init, &mut problems));
    // Problems of the file's syntax first: what resolving half a file would say is noise.
    let cluster = match problems.has_errors() {
        true => None,
        false => resolve(args, documents.as_ref(), sources, only, &mut problems),
    };
    if args.strict {
        problems.make_strict();
    }
    if let Some(cluster) = &cluster {
        // Plugins' own phases are known later; without them this is told with everything else.
        let selection = selection(cluster, only.map(str::to_owned));
        if cluster.plugins.plugins.is_empty()
            && let Err(error) = init::workflow().select(&selection)
        {
            problems.push(no_such_phase(&selection, &error));
        }
        if let Some(documents) = &documents {
            check_places(documents, &init::workflow().paths(), &mut problems);
        }
    }
    let names = cluster.iter().flat_map(|cluster| &cluster.node().ignore_preflight_errors);
    let ignore = Ignore::new(names).map_err(|error| {
        let problem = Problem::error("--ignore-preflight-errors", error.to_string());
        problems.push(match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    });
    let (Some(cluster), Ok(ignore), false) = (cluster, ignore, problems.has_errors()) else {
        return Err(problems.into());
    };
    report::problems(&problems.problems, global);
    Ok(Asked { cluster, documents, ignore })
}

fn resolve(
    args: &InitArgs,
    documents: Option<&Documents>,
    sources: &Sources<'_>,
    only: Option<&str>,
    problems: &mut Report,
) -> Option<Cluster> {
    resolve_init(
        documents,
        &args.flags(),
        &sources.machine.facts(),
        sources.lookup,
        &mut |bytes| sources.machine.random(bytes),
        init::uses_cri_socket(only),
        problems,
    )
}

/// What steers the run.
pub fn options(
    args: &InitArgs,
    cluster: &Cluster,
    ignore: Ignore,
    only: Option<String>,
    sink: Sink<Change>,
) -> Options {
    Options {
        kubeconfig_dir: args.kubeconfig_dir.trim_end_matches('/').to_owned(),
        patches: cluster.patches_directory().map(str::to_owned),
        ignore,
        plan: args.plan(),
        upload_certs: args.upload_certs,
        withhold_token: args.skip_token_print,
        withhold_certificate_key: args.skip_certificate_key_print,
        kubeconfig: args.kubeconfig.clone(),
        patience: None,
        extension: None,
        sink,
        only,
    }
}

/// Only text tells a key that was drawn; without it nobody could open what was uploaded.
fn check_key(args: &InitArgs, cluster: &Cluster, selection: &Selection, global: &Global) -> Outcome {
    const PHASE: &str = "upload-certs";

    let uploads = match &selection.only {
        Some(only) => only == PHASE,
        None => !selection.skip.iter().any(|skipped| skipped == PHASE),
    };
    if !args.upload_certs || !uploads || global.output == Output::Text || !cluster.init.certificate_key.is_empty() {
        return Ok(());
    }
    let why = "without text as output, a random certificate key would be told nowhere";
    let hint =
        "make one with `kubephase certs certificate-key`; give it as --certificate-key, or certificateKey in the file";
    let problem = Problem::error("--upload-certs", why).hint(hint);
    Err(Report { problems: vec![problem] }.into())
}

/// A single phase is run whatever the configuration skips, as with kubeadm.
pub fn selection(cluster: &Cluster, only: Option<String>) -> Selection {
    let skip = if only.is_some() { Vec::new() } else { cluster.init.skip_phases.clone() };
    Selection { only, skip }
}

fn lock(node: &Node, whole: bool) -> Result<Option<kubephase_node::RunLock>, Failure> {
    // Single phases are also run while images are built, where our state directory has no place.
    if !whole {
        return Ok(None);
    }
    node.lock().map(Some).map_err(|error| {
        let hint = match error.hint() {
            Some("run as root") => {
                Some("run as root; `--plan` and `--dry-run` show without it what would be done".into())
            }
            hint => hint.map(str::to_owned),
        };
        Failure::machine(error, hint)
    })
}

/// What is found wrong before the first phase: patches are the user's input, everything else is the machine's state.
pub fn phase_error(error: PhaseError) -> Failure {
    let hint = error.hint().map(String::from);
    match error {
        PhaseError::Patches { source, .. } => Failure::Input(source),
        PhaseError::PatchDirectory(_) => {
            let problem = Problem::error("patches.directory", error.to_string());
            let problem = hint.into_iter().fold(problem, Problem::hint);
            Failure::Input(Report { problems: vec![problem] })
        }
        error => Failure::machine(error, hint),
    }
}

/// An addon's objects, for who installs them by other means.
fn print_manifest(cx: &Init, only: Option<&str>) -> Outcome {
    let addons: &[Addon] = match only {
        Some("addon") => &[Addon::CoreDns, Addon::KubeProxy],
        Some("addon/coredns") => &[Addon::CoreDns],
        Some("addon/kube-proxy") => &[Addon::KubeProxy],
        _ => {
            let problem = Problem::error("--print-manifest", "only addons have manifests to print");
            let hint = "run it as `kubephase init phase addon coredns --print-manifest`";
            return Err(Report { problems: vec![problem.hint(hint)] }.into());
        }
    };
    for addon in addons {
        let text = manifest::print_manifest(*addon, &cx.cluster, &cx.patches);
        out(&text.map_err(|error| phase_error(error.into()))?);
    }
    Ok(())
}

fn execute(workflow: &Workflow<Init>, cx: &mut Init, selection: &Selection, global: &Global) -> Outcome {
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let result = runtime.block_on(async {
        // Every file is whole at every moment, so this is a safe point.
        let interrupted = async { drop(tokio::signal::ctrl_c().await) };
        work(workflow, cx, selection, global, interrupted).await
    });
    // A key that nobody waits for any more is not waited for.
    runtime.shutdown_background();
    result
}

/// Runs the phases until they are done, one fails, or `interrupted` ends.
pub async fn work(
    workflow: &Workflow<Init>,
    cx: &mut Init,
    selection: &Selection,
    global: &Global,
    interrupted: impl Future<Output = ()>,
) -> Outcome {
    let result = tokio::select! {
        biased;
        result = workflow.run(cx, selection) => Some(result),
        () = interrupted => None,
    };
    match result {
        Some(Ok(_)) => Ok(()),
        Some(Err(RunError::Phase { source, .. })) => Err(Failure::phase(source, global)),
        Some(Err(RunError::Select(error))) => Err(Failure::Bug(error.to_string())),
        None => Err(Failure::Machine {
            error: "interrupted".into(),
            hint: Some("run the same command again: it goes on where this ended".into()),
            told: false,
        }),
    }
}

/// On which node the phases work, and where a dry run writes.
struct Place {
    node: Node,
    is_dry: bool,
    plan: bool,
    /// A plan's tree goes when the plan has been shown.
    _scratch: Option<ScratchDir>,
}

impl Place {
    fn choose(args: &InitArgs, host: &Node, cluster: &Cluster, single: bool) -> Result<Self, Failure> {
        let new = |prefix: &str| ScratchDir::new(prefix).map_err(|error| Failure::machine(error, None));
        if args.plan() {
            let scratch = new("kubephase-plan-")?;
            let node = Node::dry_run(scratch.path());
            return Ok(Self { node, is_dry: true, plan: true, _scratch: Some(scratch) });
        }
        if !cluster.init.dry_run && args.dry_run_dir().is_none() {
            return Ok(Self { node: host.clone(), is_dry: false, plan: false, _scratch: None });
        }
        let named = args.dry_run_dir().map(str::to_owned).or_else(|| host.env("KUBEADM_INIT_DRYRUN_DIR"));
        let node = match named {
            // Phases that are run one by one see each other's work; a whole run starts afresh.
            Some(directory) if single => Node::dry_run_resumed(directory),
            Some(directory) => Node::dry_run(directory),
            None => Node::dry_run(new("kubephase-init-dryrun-")?.keep()),
        };
        Ok(Self { node, is_dry: true, plan: false, _scratch: None })
    }

    /// What a dry run or a plan would do.
    fn list(&self, told: &Told, global: &Global) {
        if global.output != Output::Text {
            return;
        }
        for (path, changes) in told.take() {
            out(&format!("{path}\n"));
            for change in &changes {
                out(&format!("  {}\n{}", changes::line(change, true), changes::difference(change)));
            }
        }
        if let (false, Some(scratch)) = (self.plan, self.node.scratch()) {
            out(&format!("\nNothing was changed. The files are in {}\n", scratch.display()));
        }
    }
}

/// A finished phase and what it did.
type Did = (String, Vec<Change>);

/// Changes by phase, to be listed at the end.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Did>>>);

impl Told {
    fn sink(&self, next: Sink<Change>) -> Sink<Change> {
        let list = self.0.clone();
        Arc::new(move |event| {
            if let Event::Finished { path, changes, .. } = &event
                && let Ok(mut list) = list.lock()
            {
                list.push((path.clone(), changes.clone()));
            }
            next(event);
        })
    }

    fn take(&self) -> Vec<Did> {
        self.0.lock().map(|mut list| std::mem::take(&mut *list)).unwrap_or_default()
    }
}
