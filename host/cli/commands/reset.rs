//! `reset` and `reset phase …`: lists what will be done, asks, and does it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Level, RunError, Selection, Sink};
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::v1beta4::ResetConfiguration;
use kubephase_model::plugin::PluginConfiguration;
use kubephase_model::plugin::config::{Digests, narrow, resolve};
use kubephase_model::{Problem, Report};
use kubephase_node::{Change, ChangeKind, Node, ScratchDir};
use kubephase_preflight::Ignore;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::reset::{self, Known, Options, Reset};
use kubephase_workflow::status::Status;
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
    /// The file, for what it says of plugins.
    documents: Option<Documents>,
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
    Ok(Asked { config, documents, ignore, selection })
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

/// The plugins that have something here, to be asked what else should go. Without them only what the journal knows goes.
async fn plugins(cx: &Reset, asked: &Asked, args: &ResetArgs, global: &Global) -> Option<Arc<dyn Extension>> {
    let journal = Journal::read(&cx.node).ok().flatten()?;
    if journal.plugins.is_empty() || !reset::uses_cri_socket(asked.selection.only.as_deref()) {
        return None;
    }
    let warn = |message| (cx.options.sink)(Event::Notice { path: String::new(), level: Level::Warning, message });
    let cannot = |why: String| warn(format!("plugins cannot be asked what else should go: {why}"));
    let documents = asked.documents.as_ref();
    let control_plane = Status::of(&cx.node).is_ok_and(|status| status.role != Some("worker"));
    let mut problems = Report::default();
    let stored = in_cluster(cx, args).await;
    let mut configuration = counting(stored.as_ref(), documents, control_plane, &mut problems);
    if problems.has_errors() {
        cannot(problems.to_string());
        return None;
    }
    problems.problems.into_iter().for_each(|problem| warn(problem.message));
    configuration.plugins.retain(|entry| journal.plugins.contains_key(&entry.name));
    let configured = Configured { configuration: &configuration, documents, control_plane };
    let ear = ear(cx.options.sink.clone(), global.verbosity);
    let host = Node::real();
    match ready(&configured, &Store::of(Some(&args.get)), &host, world(&cx.node, None), ear).await {
        Ok(plugins) => plugins.map(|plugins| plugins as Arc<dyn Extension>),
        Err(error) => {
            cannot(match error {
                Failure::Input(report) | Failure::Fault(report) => report.to_string(),
                Failure::Machine { error, .. } => error.to_string(),
                Failure::Bug(why) => why,
            });
            None
        }
    }
}

/// Which plugins the cluster has stored, if it answers and has any.
async fn in_cluster(cx: &Reset, args: &ResetArgs) -> Option<PluginConfiguration> {
    if !cx.node.exists(&args.kubeconfig) {
        return None;
    }
    let api = cluster::connect(&cx.node, &args.kubeconfig).ok()?.within(ANSWER).credulous();
    stored(&api).await.ok().filter(|stored| !stored.is_empty())
}

/// Which plugins count here: those of the cluster, as far as the node's file lets them, as for `join`. Where nobody knows
/// of any, those of the file: it may be the one of an `init` that never got as far.
fn counting(
    stored: Option<&PluginConfiguration>,
    documents: Option<&Documents>,
    control_plane: bool,
    problems: &mut Report,
) -> PluginConfiguration {
    match stored {
        Some(stored) => narrow(stored, documents, control_plane, problems),
        None => resolve(documents, Digests::Optional, problems),
    }
}

#[cfg(test)]
mod tests {
    use kubephase_model::config::load::load;
    use kubephase_model::report::Source;

    use super::*;

    fn documents(entry: &str) -> Documents {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\n---\n\
             apiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\nplugins:\n- name: hello\n{entry}"
        );
        let mut problems = Report::default();
        let documents = load(&Arc::new(Source { name: "dir/reset.yaml".into(), text }), Command::Reset, &mut problems);
        assert!(!problems.has_errors(), "{problems}");
        documents
    }

    #[test]
    fn the_clusters_plugins_beat_the_files() {
        let mut problems = Report::default();
        let file = documents("  source: ./hello.wasm\n  grants: {facts: [cpu, os]}\n");
        let alone = counting(None, Some(&file), true, &mut problems);
        assert!(!problems.has_errors(), "{problems}");
        assert_eq!(alone.plugins[0].source, "dir/hello.wasm", "seen from where the file is");

        let mut less = alone.clone();
        less.plugins[0].grants.facts = vec!["cpu".into()];
        counting(Some(&less), Some(&file), true, &mut problems);
        let told = problems.to_string();
        assert!(problems.has_errors() && told.contains("`os` is more than the cluster grants `hello`"), "{told}");

        let mut problems = Report::default();
        let file = documents("  grants: {facts: [os]}\n");
        let narrowed = counting(Some(&alone), Some(&file), true, &mut problems);
        assert!(problems.problems.is_empty(), "{problems}");
        assert_eq!(narrowed.plugins[0].grants.facts, ["os"]);
        assert_eq!(narrowed.plugins[0].source, "dir/hello.wasm");
        assert_eq!(counting(Some(&alone), None, true, &mut problems), alone);
    }
}
