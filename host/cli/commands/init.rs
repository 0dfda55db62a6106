//! `init` and `init phase …`.

mod closing;

pub use closing::summary;

use std::sync::Arc;

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Level, SelectError, Selection, Sink, Workflow};
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::plugin::config::check_places;
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::{Change, Node};
use kubephase_plugin::Plugins;
use kubephase_preflight::Ignore;
use kubephase_render::objects::manifest::{self, Addon};
use kubephase_workflow::extension::Extension;
use kubephase_workflow::init::{self, Init, Options, Sharing};

use crate::args::init::InitArgs;
use crate::args::plugin::GetArgs;
use crate::args::{Global, Output, chosen_phase};
use crate::failure::{Failure, Outcome};
use crate::plugins::{self, Configured, Store};
use crate::printer::{self, err, out};
use crate::runs::{Place, Told, Wish, execute, lock, phase_error};
use crate::{input, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let (only, at) = chosen_phase(matches);
    let args = InitArgs::from_arg_matches(at).map_err(|error| Failure::Bug(error.to_string()))?;
    let host = Node::real();
    let Asked { cluster, documents, ignore } = ask(&args, &Sources::of(&host), only.as_deref(), global)?;
    let plugins = Wanted { cluster: &cluster, documents: documents.as_ref(), get: &args.get, only: only.as_deref() };
    let selection = selection(&cluster, only.clone());
    check_key(&args, &cluster, &selection, global)?;
    let wish = Wish {
        workflow: "init",
        plan: args.plan(),
        dry_run: cluster.init.dry_run,
        directory: args.dry_run_dir(),
        single: only.is_some(),
    };
    let place = Place::choose(&wish, &host)?;
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
    cx.sharing = sharing(&args);
    if args.print_manifest.unwrap_or_default() {
        return print_manifest(&cx, selection.only.as_deref());
    }
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let outcome = execute(&runtime, &workflow, &mut cx, &selection, global);
    // A key that nobody waits for any more is not waited for.
    runtime.shutdown_background();
    outcome?;
    if let Some(told) = told {
        place.list(&told, global);
    } else if global.output == Output::Text {
        out(&closing::text(&cx));
    }
    cx.work.stopped.map_or(Ok(()), |error| Err(phase_error(error)))
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
    pub get: &'a GetArgs,
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
        let store = Store::of(Some(self.get));
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
    // A single phase is run whatever the configuration skips.
    let skip = if only.is_some() { Vec::new() } else { cluster.init.skip_phases.clone() };
    Options {
        skip,
        kubeconfig_dir: args.kubeconfig_dir.trim_end_matches('/').to_owned(),
        patches: cluster.patches_directory().map(str::to_owned),
        ignore,
        plan: args.plan(),
        kubeconfig: args.kubeconfig.clone(),
        patience: None,
        extension: None,
        sink,
        only,
    }
}

/// What of the cluster's secrets is shared, and shown.
pub fn sharing(args: &InitArgs) -> Sharing {
    Sharing {
        upload_certs: args.upload_certs.unwrap_or_default(),
        withhold_token: args.skip_token_print.unwrap_or_default(),
        withhold_certificate_key: args.skip_certificate_key_print.unwrap_or_default(),
    }
}

/// Only text tells a key that was drawn; without it nobody could open what was uploaded.
fn check_key(args: &InitArgs, cluster: &Cluster, selection: &Selection, global: &Global) -> Outcome {
    const PHASE: &str = "upload-certs";

    let uploads = match &selection.only {
        Some(only) => only == PHASE,
        None => !selection.skip.iter().any(|skipped| skipped == PHASE),
    };
    if !args.upload_certs.unwrap_or_default()
        || !uploads
        || global.output == Output::Text
        || !cluster.init.certificate_key.is_empty()
    {
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
