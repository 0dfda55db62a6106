//! `rehearse init`: with the embedded API server, or with real programs in its place.

use std::path::Path;
use std::sync::Arc;

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Sink};
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::{Change, Node};
use kubephase_rehearsal::report::Recorder;
use kubephase_rehearsal::{Hopeless, Options, Programs, Rehearsal};
use kubephase_workflow::extension::Extension;
use kubephase_workflow::init::Init;

use super::super::init::{Asked, Sources, Wanted, arrange, ask, options, selection, sharing, summary};
use super::shown::{Shown, first_of_all};
use super::{Ends, LONGEST_WAIT, again, failure, interrupted};
use crate::args::init::InitArgs;
use crate::args::rehearse::{ProgramsArgs, StageArgs};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::runs::{phase_error, work};
use crate::{input, printer};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let bug = |error: clap::Error| Failure::Bug(error.to_string());
    let args = InitArgs::from_arg_matches(matches).map_err(bug)?;
    let stage = StageArgs::from_arg_matches(matches).map_err(bug)?;
    let real_api = ProgramsArgs::from_arg_matches(matches).map_err(bug)?.real_api;
    refuse(&args)?;

    let recorder = Recorder::start();
    let host = Node::real();
    let real = if real_api { Some(programs(&host)?) } else { None };
    let version = real.as_ref().and_then(Programs::version);
    let begin = Options { keep: stage.keep.clone(), port: stage.serve_port, real };
    let rehearsal = Rehearsal::begin(&begin).map_err(failure)?;
    // Real programs are of one version, which a configuration that names none is for.
    // Else nobody is asked, and what is taken is what init takes without a network.
    let lookup = |label: &str| {
        let theirs = version.clone().filter(|_| !label.contains('.'));
        theirs.ok_or_else(|| "a rehearsal asks nobody".to_owned())
    };
    let sources = Sources { files: &host, machine: rehearsal.node(), lookup: &lookup };
    let Asked { cluster, documents, ignore } = ask(&args, &sources, None, global)?;
    let selection = selection(&cluster, None);
    if let Some(version) = &version {
        fits_programs(version, &cluster)?;
    }
    rehearsal.fit(&cluster).map_err(failure)?;

    let sink = recorder.sink(printer::sink(global));
    if global.output == Output::Text {
        printer::err(&format!(
            "rehearsing with Kubernetes version v{}; nothing of this machine is changed\n",
            cluster.version
        ));
    }
    let wanted = Wanted { cluster: &cluster, documents: documents.as_ref(), get: &args.get, only: None };
    let plugins = wanted.load(&host, rehearsal.node(), &sink, global)?;
    let workflow = arrange(plugins.as_deref(), &selection)?;
    let mut options = options(&args, &cluster, ignore, None, sink.clone());
    options.extension = plugins.map(|plugins| plugins as Arc<dyn Extension>);
    options.patience = Some(LONGEST_WAIT[usize::from(real_api)]);
    let mut cx = Init::new(cluster, rehearsal.node().clone(), options).map_err(phase_error)?;
    cx.sharing = sharing(&args);
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let mut ends = Ends::listen(&runtime)?;
    let mut hopeless = None;
    let outcome = runtime.block_on(async {
        let cut_short = async {
            tokio::select! {
                () = ends.wait() => {}
                found = rehearsal.hopeless(), if real_api => hopeless = Some(found),
            }
        };
        work(&workflow, &mut cx, &selection, global, cut_short).await
    });
    let mut outcome = match hopeless {
        Some(found) => Err(give_up(found, &recorder, &sink, global)),
        None => outcome.map_err(again),
    };
    first_of_all(&mut outcome, global);
    let held = runtime.block_on(async {
        tokio::select! {
            held = rehearsal.objects() => Some(held),
            () = ends.wait() => None,
        }
    });
    let Some(held) = held else { return outcome.and(Err(interrupted())) };
    let shown = Shown {
        command: "init",
        stage: &stage,
        machine: &rehearsal,
        admin: (&rehearsal, cx.kubeconfig_path("admin.conf")),
        cluster: &cx.cluster,
        secrets: secrets(&cx),
        says: cx.joining.as_ref().map(|joining| summary(&cx, joining)),
        for_real: None,
        certificates: rehearsal.certificates(cx.cluster.pki(), &kubeconfigs(&cx)),
        recorder: &recorder,
        held,
        global,
    };
    // Whatever became of the phases: what they did is worth a look.
    shown.report()?;
    outcome?;
    shown.close();
    if stage.serve {
        shown.serve(&runtime, &mut ends, &sink)?;
    }
    runtime.shutdown_background();
    Ok(())
}

fn kubeconfigs(cx: &Init) -> Vec<String> {
    let names = ["admin", "super-admin", "kubelet", "controller-manager", "scheduler"];
    names.map(|name| cx.kubeconfig_path(&format!("{name}.conf"))).into()
}

/// Texts that must not get into the page.
fn secrets(cx: &Init) -> Vec<String> {
    let tokens = cx.cluster.init.bootstrap_tokens.iter();
    let tokens = tokens.filter_map(|token| token.token.split_once('.').map(|(_, secret)| secret.to_owned()));
    let given = Some(cx.cluster.init.certificate_key.clone());
    let keys = cx.certificate_key.as_ref().map(|key| key.reveal());
    tokens.chain(given).chain(keys).filter(|secret| !secret.is_empty()).collect()
}

/// The programs for `--real-api`.
fn programs(host: &Node) -> Result<Programs, Failure> {
    let fail = |why: String, hint: &str| {
        let problem = Problem::error("--real-api", why).hint(hint);
        Failure::Input(Report { problems: vec![problem] })
    };
    let Some(directory) = host.env("KUBERNETES_BIN_DIR") else {
        return Err(fail(
            "KUBERNETES_BIN_DIR is not set".into(),
            "name the directory that holds kube-apiserver and etcd",
        ));
    };
    let path = host.env("PATH").unwrap_or_default();
    Programs::find(Path::new(&directory), &path)
        .map_err(|why| fail(why, "put the programs of one Kubernetes release there, and etcd"))
}

/// What real programs cannot do: flags of other releases they do not know, and an external etcd is only pretended.
fn fits_programs(version: &str, cluster: &Cluster) -> Outcome {
    let mut problems = Report::default();
    let minor = format!("v{}.{}", cluster.version.major, cluster.version.minor);
    if version.split('.').take(2).collect::<Vec<_>>().join(".") != minor {
        let why =
            format!("kube-apiserver in KUBERNETES_BIN_DIR is {version}, the configuration is for v{}", cluster.version);
        let hint = format!("name a directory with programs of {minor}, or have kubernetesVersion {version}");
        problems.push(Problem::error("--real-api", why).hint(hint));
    }
    if cluster.external_etcd().is_some() {
        let problem = Problem::error("--real-api", "an external etcd is only pretended, and keeps nothing");
        problems.push(problem.hint("leave --real-api out, or rehearse with a local etcd"));
    }
    if problems.has_errors() { Err(problems.into()) } else { Ok(()) }
}

/// What makes no sense where nothing is real.
fn refuse(args: &InitArgs) -> Outcome {
    let given = [
        ("--plan", args.plan()),
        ("--dry-run", args.flags().dry_run.is_some() || args.dry_run_dir().is_some()),
        ("--print-manifest", args.print_manifest.unwrap_or_default()),
    ];
    super::refuse("init", &given)
}

/// The phase that waits would wait in vain: it is told to have failed, with what the program's log says.
fn give_up(found: Hopeless, recorder: &Recorder, sink: &Sink<Change>, global: &Global) -> Failure {
    let error = format!("{} has ended {} times, last saying: {}", found.name, found.times, found.why);
    let hint = "see why it ends, and mend the configuration; --keep keeps its log in var/log";
    let moments = recorder.moments();
    let waiting = moments.iter().rev().find_map(|moment| match &moment.event {
        Event::Started { path, .. } => Some((path, moment.at)),
        _ => None,
    });
    if let Some((path, at)) = waiting {
        sink(Event::Failed {
            path: path.clone(),
            millis: u64::try_from(recorder.elapsed().saturating_sub(at).as_millis()).unwrap_or(u64::MAX),
            error: error.clone(),
            causes: Vec::new(),
            hint: Some(hint.to_owned()),
            changes: Vec::new(),
        });
    }
    let told = global.output == Output::Json;
    if !told {
        found.log.iter().for_each(|line| printer::err(&format!("  | {line}\n")));
    }
    Failure::Machine { error: error.into(), hint: Some(hint.to_owned()), told }
}
