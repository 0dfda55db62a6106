//! `join` and `join phase …`.

pub mod closing;
pub mod guests;

use std::sync::Arc;

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Level, SelectError, Selection};
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::resolve::resolve_join;
use kubephase_model::config::v1beta4::JoinConfiguration;
use kubephase_model::{Facts, Problem, Report, layout};
use kubephase_node::Node;
use kubephase_preflight::Ignore;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::join::{self, Join, Options};

use crate::args::join::JoinArgs;
use crate::args::{Global, Output, chosen_phase};
use crate::failure::{Failure, Outcome};
use crate::printer::{self, out};
use crate::runs::{Place, Told, Wish, execute, lock, phase_error};
use crate::{input, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let (only, at) = chosen_phase(matches);
    let args = JoinArgs::from_arg_matches(at).map_err(|error| Failure::Bug(error.to_string()))?;
    let host = Node::real();
    let facts = host.facts();
    let Asked { config, documents, ignore } = ask(&args, &host, &facts, only.as_deref(), global)?;
    // A single phase is run whatever the configuration skips.
    let skip = if only.is_some() { Vec::new() } else { config.skip_phases.clone() };
    let selection = Selection { only: only.clone(), skip };
    refuse_impossible(&selection)?;
    let wish = Wish {
        workflow: "join",
        plan: args.plan(),
        dry_run: config.dry_run,
        directory: args.dry_run_dir(),
        single: only.is_some(),
    };
    let place = Place::choose(&wish, &host)?;
    let told = place.is_dry.then(Told::default);
    let sink = told.as_ref().map_or_else(|| printer::sink(global), |told| told.sink(printer::sink(global)));
    if let (Output::Json, false, Some(scratch)) = (global.output, place.plan, place.node.scratch()) {
        let message = format!("a dry run: files are written below {}", scratch.display());
        sink(Event::Notice { path: String::new(), level: Level::Info, message });
    }
    if let Some(phase) = only.as_deref().filter(|only| needs_administrator(only))
        && !place.node.exists(layout::ADMIN_CONF)
    {
        let hint = "run the phases of `control-plane-prepare` first, which make it";
        let error = format!("`{phase}` needs {}, which does not exist", layout::ADMIN_CONF);
        return Err(Failure::Machine { error: error.into(), hint: Some(hint.into()), told: false });
    }
    // Before anybody is asked: who may not do it need not wait to be told so.
    let _lock = lock(&place.node, only.is_none())?;

    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let mut met = input::unless_interrupted(&runtime, None, async {
        join::meet(&place.node, &config, &facts, &sink).await.map_err(phase_error)
    })?;
    let wanted = guests::Wanted {
        get: &args.get,
        files: &host,
        machine: &place.node,
        documents: documents.as_ref(),
        config: &config,
        only: only.as_deref(),
    };
    let plugins = input::unless_interrupted(&runtime, None, wanted.load(&mut met, &sink, global))?;
    let workflow = guests::arrange(plugins.as_deref())?;
    workflow.select(&selection).map_err(unknown_phases)?;
    let options = Options {
        only,
        skip: selection.skip.clone(),
        patches: config.patches.as_ref().map(|patches| patches.directory.clone()).filter(|path| !path.is_empty()),
        ignore,
        plan: args.plan(),
        extension: plugins.map(|plugins| plugins as Arc<dyn Extension>),
        ..Options::new(sink)
    };
    let mut cx = Join::new(met, config, place.node.clone(), options).map_err(phase_error)?;
    execute(&runtime, &workflow, &mut cx, &selection, global)?;
    runtime.shutdown_background();
    if let Some(told) = told {
        place.list(&told, global);
    } else if global.output == Output::Text && cx.options.only.is_none() {
        out(&closing::text(&cx));
    }
    cx.work.stopped.map_or(Ok(()), |error| Err(phase_error(error)))
}

/// Whether a single phase is nothing for a node that has no administrator's kubeconfig file yet, as for kubeadm.
fn needs_administrator(phase: &str) -> bool {
    let all = ["control-plane-prepare/control-plane", "etcd-join", "control-plane-join", "wait-control-plane"];
    all.iter().any(|path| phase.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What is to be done, as far as the input says it.
struct Asked {
    config: JoinConfiguration,
    /// The file, for places, and for what it says of plugins.
    documents: Option<Documents>,
    ignore: Ignore,
}

/// Reads and checks the input, and tells what is odd about it.
fn ask(args: &JoinArgs, host: &Node, facts: &Facts, only: Option<&str>, global: &Global) -> Result<Asked, Failure> {
    let mut problems = Report::default();
    let documents: Option<Documents> =
        args.config.as_deref().map(|path| input::documents(host, path, Command::Join, &mut problems));
    let mut flags = args.flags();
    let is_found_otherwise = flags.api_server_endpoint.is_some() || flags.discovery_file.is_some();
    if only.is_some() && documents.is_none() && !is_found_otherwise && host.exists(layout::ADMIN_CONF) {
        // As for kubeadm: whoever runs single phases on a control-plane node has been there.
        flags.discovery_file = Some(layout::ADMIN_CONF.to_owned());
    }
    let mut config = match problems.has_errors() {
        true => None,
        false => resolve_join(documents.as_ref(), &flags, facts, true, &mut problems),
    };
    if let Some(file) = config.as_mut().and_then(|config| config.discovery.file.as_mut()) {
        let place = if documents.is_some() { "discovery.file.kubeConfigPath" } else { "--discovery-file" };
        find_file(&mut file.kube_config_path.0, place, host, &mut problems);
    }
    if args.strict {
        problems.make_strict();
    }
    let names = config.iter().flat_map(|config| &config.node_registration.ignore_preflight_errors);
    let ignore = Ignore::new(names).map_err(|error| {
        let problem = Problem::error("--ignore-preflight-errors", error.to_string());
        problems.push(error.hint().into_iter().fold(problem, Problem::hint));
    });
    let (Some(config), Ok(ignore), false) = (config, ignore, problems.has_errors()) else {
        return Err(problems.into());
    };
    report::problems(&problems.problems, global);
    Ok(Asked { config, documents, ignore })
}

/// Gives a discovery file its whole path, for the rest of the run not to depend on where it was started. One that is not
/// there is a mistake of the input, as for kubeadm.
fn find_file(path: &mut String, place: &str, host: &Node, problems: &mut Report) {
    let file = path.strip_prefix("file://").unwrap_or(path);
    if file.contains("://") {
        return;
    }
    if !host.exists(file) {
        let problem = Problem::error(place, format!("`{file}` does not exist"));
        return problems.push(problem.hint("bring the file, or name another discovery file or an https:// URL"));
    }
    // Only an empty path has none, or a working directory that is gone.
    if let Ok(whole) = std::path::absolute(file) {
        *path = whole.to_string_lossy().into_owned();
    }
}

/// Refuses phases to skip that are none of ours, before the cluster is asked. What could be the name of a plugin is judged
/// when its plugins are known.
fn refuse_impossible(selection: &Selection) -> Outcome {
    let of_plugins = |name: &&String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let skip = selection.skip.iter().filter(|name| !of_plugins(name)).cloned().collect();
    let selection = Selection { only: selection.only.clone(), skip };
    join::workflow().select(&selection).map(drop).map_err(unknown_phases)
}

fn unknown_phases(error: SelectError) -> Failure {
    let problem = Problem::error("--skip-phases", error.to_string()).hint(error.hint());
    Report { problems: vec![problem] }.into()
}
