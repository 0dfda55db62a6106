//! `reset` and `reset phase …`: lists what will be done, asks, and does it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Level, RunError, Selection, Sink};
use kubephase_model::config::load::Command;
use kubephase_model::config::v1beta4::ResetConfiguration;
use kubephase_model::plugin::PluginConfiguration;
use kubephase_model::{Problem, Report};
use kubephase_node::{Change, ChangeKind, Node, ScratchDir};
use kubephase_preflight::Ignore;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::reset::{self, Known, Options, Reset};
use kubephase_workflow::{Journal, cluster};

use crate::args::reset::ResetArgs;
use crate::args::{Global, Output, chosen_phase};
use crate::failure::{Failure, Outcome};
use crate::plugins::{Configured, Store, ear, ready, stored, world};
use crate::printer::{self, changes, err, out};
use crate::{input, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let (only, at) = chosen_phase(matches);
    let args = ResetArgs::from_arg_matches(at).map_err(|error| Failure::Bug(error.to_string()))?;
    let host = Node::real();
    let asked = ask(&args, &host, only, global)?;
    if asked.config.dry_run {
        let listed = list(&asked, &args, &host, global)?;
        if global.output == Output::Text {
            out(&format!("{}\nNothing was changed.\n", listed.text));
        }
        return Ok(());
    }
    let mut known = None;
    if reset::asks(asked.selection.only.as_deref()) && !asked.config.force {
        let listed = list(&asked, &args, &host, &quiet(global))?;
        known = listed.known;
        err(&format!("This would be done on this node:\n\n{}\n", listed.text));
        confirm()?;
    }
    let _lock = asked.selection.only.is_none().then(|| host.lock()).transpose().map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    })?;
    let mut cx = asked.context(host.clone(), printer::sink(global), &args);
    cx.known = known;
    execute(&mut cx, &asked, &args, global)?;
    if global.output == Output::Text && asked.selection.only.is_none() {
        out(CLOSING);
    }
    Ok(())
}

const CLOSING: &str = "\nThis node is reset. What stays is named above. Kubeconfig files in home directories, such as \
                       ~/.kube/config, stay as well;\nso does the Node object: where the cluster goes on, `kubephase node \
                       remove` takes it away there.\n";

/// How long the cluster is asked which plugins it has. It may well be gone.
const ANSWER: Duration = Duration::from_secs(5);

/// What is to be done, as far as the input says it.
struct Asked {
    config: ResetConfiguration,
    plugins: Option<PluginConfiguration>,
    ignore: Ignore,
    selection: Selection,
}

impl Asked {
    fn context(&self, node: Node, sink: Sink<Change>, args: &ResetArgs) -> Reset {
        let options = Options {
            only: self.selection.only.clone(),
            ignore: self.ignore.clone(),
            kubeconfig: args.kubeconfig.clone(),
            extension: None,
            sink,
        };
        Reset::new(self.config.clone(), node, options)
    }
}

fn ask(args: &ResetArgs, host: &Node, only: Option<String>, global: &Global) -> Result<Asked, Failure> {
    let mut problems = Report::default();
    let documents = args.config.as_deref().map(|path| input::documents(host, path, Command::Reset, &mut problems));
    let config = match problems.has_errors() {
        true => None,
        false => {
            let detection = reset::uses_cri_socket(only.as_deref());
            args.flags().resolve(documents.as_ref(), &host.facts(), detection, &mut problems)
        }
    };
    if args.strict {
        problems.make_strict();
    }
    let skip = config.iter().flat_map(|config| config.skip_phases.clone()).collect();
    let selection = Selection { skip: if only.is_some() { Vec::new() } else { skip }, only };
    if let Err(error) = reset::workflow().select(&selection) {
        problems.push(Problem::error("--skip-phases", error.to_string()).hint(error.hint()));
    }
    let names = config.iter().flat_map(|config| &config.ignore_preflight_errors);
    let ignore = Ignore::new(names)
        .map_err(|error| problems.push(Problem::error("--ignore-preflight-errors", error.to_string())));
    let (Some(config), Ok(ignore), false) = (config, ignore, problems.has_errors()) else {
        return Err(problems.into());
    };
    report::problems(&problems.problems, global);
    let plugins = documents.and_then(|documents| documents.plugins);
    Ok(Asked { config, plugins, ignore, selection })
}

/// What a dry run says.
struct Listed {
    text: String,
    known: Option<Known>,
}

/// The same without a word of its own: what is told is collected.
fn quiet(global: &Global) -> Global {
    Global { output: Output::Text, ..global.clone() }
}

/// Runs the phases without changing anything, and lists what they would do.
fn list(asked: &Asked, args: &ResetArgs, host: &Node, global: &Global) -> Result<Listed, Failure> {
    let scratch = ScratchDir::new("kubephase-reset-").map_err(|error| Failure::machine(error, None))?;
    let node = host.dry_run_here(scratch.path());
    let told: Arc<Mutex<String>> = Arc::default();
    let sink: Sink<Change> = match global.output {
        Output::Text => {
            let told = Arc::clone(&told);
            Arc::new(move |event| told.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line(&event)))
        }
        _ => printer::sink(global),
    };
    let mut cx = asked.context(node, sink, args);
    execute(&mut cx, asked, args, global)?;
    let text = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    let text = if text.is_empty() { "  nothing: there is nothing of ours here\n".to_owned() } else { text };
    Ok(Listed { text, known: cx.known })
}

/// What of an event belongs into the list.
fn line(event: &Event<Change>) -> String {
    match event {
        Event::Notice { level: Level::Warning, message, .. } => format!("! {message}\n"),
        Event::Notice { message, .. } => format!("  {message}\n"),
        Event::Finding { check, seen, .. } => format!("! {check}: {seen}\n"),
        Event::Finished { changes, .. } | Event::Failed { changes, .. } => changes
            .iter()
            .filter(|change| change.kind != ChangeKind::Unchanged)
            .map(|change| format!("  {}\n", changes::line(change, true)))
            .collect(),
        _ => String::new(),
    }
}

/// Anything but a yes is a no, as is the end of the input.
fn confirm() -> Outcome {
    err("Go on? [y/N]: ");
    let answer = input::line("nothing was changed")?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::Machine {
        error: "not confirmed: nothing was changed".into(),
        hint: Some("answer `y`, or give --force where nobody can answer".into()),
        told: false,
    })
}

/// Runs the phases.
fn execute(cx: &mut Reset, asked: &Asked, args: &ResetArgs, global: &Global) -> Outcome {
    input::until_interrupted(async {
        cx.options.extension = plugins(cx, asked, args, global).await;
        match reset::workflow().run(cx, &asked.selection).await {
            Ok(_) => Ok(()),
            Err(RunError::Select(error)) => Err(Failure::Bug(error.to_string())),
            Err(RunError::Phase { source, .. }) => Err(Failure::phase(source, global)),
        }
    })
}

/// The plugins that have something here, to be asked what else should go: those of the file, or those that the cluster
/// has stored. Without them only what the journal knows goes.
async fn plugins(cx: &Reset, asked: &Asked, args: &ResetArgs, global: &Global) -> Option<Arc<dyn Extension>> {
    let journal = Journal::read(&cx.node).ok().flatten()?;
    if journal.plugins.is_empty() || !reset::uses_cri_socket(asked.selection.only.as_deref()) {
        return None;
    }
    let mut configuration = match &asked.plugins {
        Some(given) => given.clone(),
        None if !cx.node.exists(&args.kubeconfig) => return None,
        None => {
            let api = cluster::connect(&cx.node, &args.kubeconfig).ok()?.within(ANSWER).credulous();
            stored(&api).await.ok()?
        }
    };
    configuration.plugins.retain(|entry| journal.plugins.contains_key(&entry.name));
    let configured = Configured { configuration: &configuration, documents: None, control_plane: true };
    let ear = ear(cx.options.sink.clone(), global.verbosity);
    let host = Node::real();
    match ready(&configured, &Store::of(Some(&args.get)), &host, world(&cx.node, None), ear).await {
        Ok(plugins) => plugins.map(|plugins| plugins as Arc<dyn Extension>),
        Err(error) => {
            let why = match error {
                Failure::Input(report) | Failure::Fault(report) => report.to_string(),
                Failure::Machine { error, .. } => error.to_string(),
                Failure::Bug(why) => why,
            };
            let message = format!("plugins cannot be asked what else should go: {why}");
            (cx.options.sink)(Event::Notice { path: String::new(), level: Level::Warning, message });
            None
        }
    }
}
