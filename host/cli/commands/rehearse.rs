//! `rehearse init`: the workflow of `init` as it is, on a machine and against a cluster that are pretended.

mod repeat;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Level, Sink};
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::{Change, Node};
use kubephase_rehearsal::report::{self, Held, Recorder};
use kubephase_rehearsal::{Hopeless, Options, Programs, Rehearsal, RehearsalError};
use kubephase_workflow::extension::Extension;
use kubephase_workflow::init::Init;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::init::{Asked, Sources, Wanted, arrange, ask, options, selection, sharing, summary};
use crate::args::init::InitArgs;
use crate::args::rehearse::RehearseArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::runs::{phase_error, work};
use crate::{input, printer};

/// How long the phases wait for what is pretended, and for real programs.
const LONGEST_WAIT: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(60)];

/// Flags of a rehearsal, and those of them that another one of the same hardly has.
const OWN: [&str; 5] = ["--serve", "--serve-port", "--keep", "--report", "--real-api"];
const PASSING: [&str; 4] = ["--serve", "--serve-port", "--keep", "--report"];

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let Some(("init", matches)) = matches.subcommand() else {
        return Err(Failure::Bug("a command of the grammar has no implementation".into()));
    };
    let bug = |error: clap::Error| Failure::Bug(error.to_string());
    let args = InitArgs::from_arg_matches(matches).map_err(bug)?;
    let rehearse = RehearseArgs::from_arg_matches(matches).map_err(bug)?;
    refuse(&args)?;

    let recorder = Recorder::start();
    let host = Node::real();
    let real = if rehearse.real_api { Some(programs(&host)?) } else { None };
    let version = real.as_ref().and_then(Programs::version);
    let begin = Options { keep: rehearse.keep.clone(), port: rehearse.serve_port, real };
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
    let wanted = Wanted { cluster: &cluster, documents: documents.as_ref(), args: &args, only: None };
    let plugins = wanted.load(&host, rehearsal.node(), &sink, global)?;
    let workflow = arrange(plugins.as_deref(), &selection)?;
    let mut options = options(&args, &cluster, ignore, None, sink.clone());
    options.extension = plugins.map(|plugins| plugins as Arc<dyn Extension>);
    options.patience = Some(LONGEST_WAIT[usize::from(rehearse.real_api)]);
    let mut cx = Init::new(cluster, rehearsal.node().clone(), options).map_err(phase_error)?;
    cx.sharing = sharing(&args);
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let mut ends = Ends::listen(&runtime)?;
    let mut hopeless = None;
    let outcome = runtime.block_on(async {
        let cut_short = async {
            tokio::select! {
                () = ends.wait() => {}
                found = rehearsal.hopeless(), if rehearse.real_api => hopeless = Some(found),
            }
        };
        work(&workflow, &mut cx, &selection, global, cut_short).await
    });
    let mut outcome = match hopeless {
        Some(found) => Err(give_up(found, &recorder, &sink, global)),
        None => outcome.map_err(again),
    };
    // First of all: what comes now may take its time.
    if let Err(failure @ Failure::Machine { told: false, .. }) = &outcome {
        crate::report::failure(failure, global);
    }
    if let Err(Failure::Machine { told, .. }) = &mut outcome {
        *told = true;
    }

    let held = runtime.block_on(async {
        tokio::select! {
            held = rehearsal.objects() => Some(held),
            () = ends.wait() => None,
        }
    });
    let Some(held) = held else { return outcome.and(Err(interrupted())) };
    let shown = Shown { rehearse: &rehearse, rehearsal: &rehearsal, cx: &cx, recorder: &recorder, held, global };
    // Whatever became of the phases: what they did is worth a look.
    shown.report()?;
    outcome?;
    shown.close();
    if rehearse.serve {
        shown.serve(&runtime, &mut ends, &sink)?;
    }
    runtime.shutdown_background();
    Ok(())
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
    let mut problems = Report::default();
    let given = [
        ("--plan", args.plan()),
        ("--dry-run", args.flags().dry_run.is_some() || args.dry_run_dir().is_some()),
        ("--print-manifest", args.print_manifest),
    ];
    for (flag, _) in given.into_iter().filter(|(_, given)| *given) {
        let problem = Problem::error(flag, "a rehearsal changes nothing of this machine anyway");
        problems.push(problem.hint(format!("leave {flag} out, or run `kubephase init {flag}`")));
    }
    if problems.has_errors() { Err(problems.into()) } else { Ok(()) }
}

/// Signals that end a rehearsal: Ctrl-C, those of `kill`, and a terminal that is closed. One that comes while nobody
/// waits for it is not lost.
struct Ends([Signal; 3]);

impl Ends {
    fn listen(runtime: &tokio::runtime::Runtime) -> Result<Self, Failure> {
        let _entered = runtime.enter();
        let listen = |kind| signal(kind).map_err(|error| Failure::machine(error, None));
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    async fn wait(&mut self) {
        let [interrupted, terminated, hung_up] = &mut self.0;
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
    }
}

fn interrupted() -> Failure {
    again(Failure::Machine { error: "interrupted".into(), hint: None, told: false })
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

/// There is nothing to go on with: the machine goes with the rehearsal.
fn again(failure: Failure) -> Failure {
    match failure {
        Failure::Machine { error, told, .. } if error.to_string() == "interrupted" => {
            Failure::Machine { error, hint: Some("nothing is left of the rehearsal; run it again".into()), told }
        }
        other => other,
    }
}

fn failure(error: RehearsalError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    Failure::machine(error, hint)
}

/// What a rehearsal leaves to look at.
struct Shown<'a> {
    rehearse: &'a RehearseArgs,
    rehearsal: &'a Rehearsal,
    cx: &'a Init,
    recorder: &'a Recorder,
    held: Vec<Held>,
    global: &'a Global,
}

impl Shown<'_> {
    /// Writes the page, if one is wanted.
    fn report(&self) -> Outcome {
        let Some(path) = &self.rehearse.report else { return Ok(()) };
        let cluster = &self.cx.cluster;
        let kubeconfigs = ["admin", "super-admin", "kubelet", "controller-manager", "scheduler"];
        let kubeconfigs = kubeconfigs.map(|name| self.cx.kubeconfig_path(&format!("{name}.conf")));
        let page = report::Report {
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "),
            now: self.rehearsal.node().now(),
            facts: facts(cluster),
            moments: self.recorder.moments(),
            certificates: self.rehearsal.certificates(cluster.pki(), &kubeconfigs),
            objects: self.held.clone(),
            next: next(self.rehearse),
            secrets: self.secrets(),
        };
        write(path, &page.html())
    }

    /// Texts that must not get into the page.
    fn secrets(&self) -> Vec<String> {
        let tokens = self.cx.cluster.init.bootstrap_tokens.iter();
        let tokens = tokens.filter_map(|token| token.token.split_once('.').map(|(_, secret)| secret.to_owned()));
        let given = Some(self.cx.cluster.init.certificate_key.clone());
        let keys = self.cx.certificate_key.as_ref().map(|key| key.reveal());
        tokens.chain(given).chain(keys).filter(|secret| !secret.is_empty()).collect()
    }

    /// How it went and where to look.
    fn close(&self) {
        if self.global.output == Output::Json {
            return;
        }
        if let Some(joining) = &self.cx.joining {
            printer::out("What init would say at its end:\n");
            for line in summary(self.cx, joining).lines() {
                printer::out(format!("  | {line}").trim_end());
                printer::out("\n");
            }
        }
        let did = self.recorder.moments();
        let changes = did.iter().filter_map(|moment| match &moment.event {
            Event::Finished { changes, .. } => Some(changes),
            _ => None,
        });
        let written = |change: &&Change| {
            matches!(change.kind, kubephase_node::ChangeKind::Created | kubephase_node::ChangeKind::Replaced)
        };
        let (objects, files): (Vec<&Change>, Vec<&Change>) =
            changes.flatten().filter(written).partition(|change| change.object.is_some());
        let millis = self.recorder.elapsed().as_millis();
        printer::out(&format!(
            "\nRehearsed in {}.{} s: {} files and {} objects written, {} objects in the cluster at the end.\n",
            millis / 1000,
            millis % 1000 / 100,
            files.len(),
            objects.len(),
            self.held.len(),
        ));
        if let Some(path) = &self.rehearse.report {
            printer::out(&format!("The report is in {}\n", path.display()));
        }
        if self.rehearsal.is_kept() {
            printer::out(&format!("The machine's files are in {}\n", self.rehearsal.root().display()));
        }
        if !self.rehearse.serve {
            printer::out(&format!(
                "\nTo look around in the cluster:  kubephase rehearse init{} --serve\n\
                 To do it for real, as root:     kubephase init{}\n",
                repeat::flags(std::env::args_os(), &PASSING),
                repeat::flags(std::env::args_os(), &OWN),
            ));
        }
    }

    /// Keeps the API up until it is ended.
    fn serve(&self, runtime: &tokio::runtime::Runtime, ends: &mut Ends, sink: &Sink<Change>) -> Outcome {
        let admin = self.cx.kubeconfig_path("admin.conf");
        let found = self.rehearsal.kubeconfig(&admin).map_err(failure)?;
        let (Some(kubeconfig), Some(address)) = (found, self.rehearsal.address()) else {
            let error = io::Error::other("there is no API server to keep up");
            return Err(Failure::machine(error, Some("rehearse the phases certs to kubelet-start too".into())));
        };
        let kubeconfig = kubeconfig.display();
        match self.global.output {
            Output::Json => sink(Event::Notice {
                path: String::new(),
                level: Level::Info,
                message: format!("the API server is at https://{address}, its kubeconfig is {kubeconfig}"),
            }),
            _ => printer::out(&format!(
                "\nThe API server is at https://{address} until Ctrl-C. To use it:\n\n  export KUBECONFIG={kubeconfig}\n  \
                 kubectl get nodes,pods --all-namespaces\n"
            )),
        }
        runtime.block_on(ends.wait());
        Ok(())
    }
}

fn facts(cluster: &Cluster) -> Vec<(String, String)> {
    let networking = &cluster.config.networking;
    let etcd = match cluster.external_etcd() {
        Some(external) => format!("external: {}", external.endpoints.0.join(", ")),
        None => "on this node".to_owned(),
    };
    let rows = [
        ("Name", cluster.config.cluster_name.clone()),
        ("Kubernetes", cluster.kubernetes_version()),
        ("Endpoint", cluster.api_endpoint_url()),
        ("Node", cluster.node_name().to_owned()),
        ("Advertised address", cluster.advertise_address().to_string()),
        ("Pod network", networking.pod_subnet.clone()),
        ("Service network", networking.service_subnet.clone()),
        ("DNS domain", networking.dns_domain.clone()),
        ("etcd", etcd),
        ("Container runtime", cluster.node().cri_socket.clone()),
        ("Image registry", cluster.config.image_repository.clone()),
        ("Certificates", cluster.pki().to_owned()),
        ("Keys", cluster.key_algorithm().to_string()),
    ];
    let given = rows.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn next(rehearse: &RehearseArgs) -> Vec<(String, String)> {
    let row = |command: &str, what: &str| (command.to_owned(), what.to_owned());
    let mut rows = Vec::new();
    if !rehearse.serve {
        rows.push(row("kubephase rehearse init … --serve", "Look around in the cluster with kubectl"));
    }
    rows.push(row("kubephase init … --plan", "See what would be done on a real machine, before anything is"));
    rows.push(row("kubephase init …", "Do it for real, as root"));
    rows
}

fn write(path: &Path, page: &str) -> Outcome {
    let attempt = format!("cannot write the report {}", path.display());
    report::write(path, page).map_err(|source| Failure::Machine {
        error: format!("{attempt}: {source}").into(),
        hint: Some("name a file in a directory that you may write to".into()),
        told: false,
    })
}
