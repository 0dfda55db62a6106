//! `rehearse join`: `init` sets a cluster up on a first machine, without a word if all goes well; then another machine
//! joins it, with the phases of a real one.

mod asked;

use std::sync::{Arc, Mutex, PoisonError};

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{Event, Level, Selection, Sink};
use kubephase_model::config::v1beta4::{BootstrapTokenDiscovery, Discovery};
use kubephase_model::layout::ADMIN_CONF;
use kubephase_model::{Problem, Report};
use kubephase_node::{Change, Node};
use kubephase_pki::{Cert, CertificateKey};
use kubephase_rehearsal::report::Recorder;
use kubephase_rehearsal::{Options as Begin, Rehearsal, Spec};
use kubephase_workflow::extension::Extension;
use kubephase_workflow::init::{Init, Sharing};
use kubephase_workflow::join::{self, Join, Options};
use kubephase_workflow::join_command::ca_hash;
use tokio::runtime::Runtime;

use super::super::init as founding;
use super::super::join::{closing, guests};
use super::shown::{Shown, first_of_all};
use super::{Ends, LONGEST_WAIT, again, failure, interrupted};
use crate::args::join::JoinArgs;
use crate::args::rehearse::{ClusterArgs, StageArgs};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::runs::{phase_error, work};
use crate::{input, printer};

use asked::{Asked, Files};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let bug = |error: clap::Error| Failure::Bug(error.to_string());
    let args = JoinArgs::from_arg_matches(matches).map_err(bug)?;
    let stage = StageArgs::from_arg_matches(matches).map_err(bug)?;
    let init_config = ClusterArgs::from_arg_matches(matches).map_err(bug)?.init_config;
    refuse(&args)?;

    let recorder = Recorder::start();
    let host = Node::real();
    let mut problems = Report::default();
    let files = Files::read(&args, init_config.as_deref(), &host, &mut problems)?;
    let control_plane = files.is_control_plane(&args);
    let begin = Begin { port: stage.serve_port, ..Begin::default() };
    let first = Rehearsal::begin(&begin).map_err(failure)?;
    let second = first.neighbour_like(&newcomer(control_plane), stage.keep.as_deref()).map_err(failure)?;
    let mut asked = asked::ask(&args, files, [first.node(), second.node()], problems, global)?;
    first.fit(&asked.cluster).map_err(failure)?;

    let sink = recorder.sink(printer::sink(global));
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let mut ends = Ends::listen(&runtime)?;
    let tell = |message: String| match global.output {
        Output::Json => sink(Event::Notice { path: String::new(), level: Level::Info, message }),
        _ => printer::err(&format!("{message}\n")),
    };
    let version = &asked.cluster.version;
    tell(format!("rehearsing with Kubernetes version v{version}; nothing of this machine is changed"));
    share_secrets(&mut asked, &host);
    let held = Held { args: &args, host: &host, runtime: &runtime, global };
    held.found(&asked, &first, &mut ends)?;
    let (name, own) = (asked.cluster.node_name(), asked.config.node_registration.name.clone());
    let millis = recorder.elapsed().as_millis();
    tell(format!("init has set {name} up, in {}.{} s; {own} joins it", millis / 1000, millis % 1000 / 100));
    asked.config.discovery = discovery(&asked, &first)?;

    let facts = second.node().facts();
    let met = runtime.block_on(async {
        tokio::select! {
            met = join::meet(second.node(), &asked.config, &facts, &sink) => met.map_err(phase_error),
            () = ends.wait() => Err(interrupted()),
        }
    });
    let mut met = met.map_err(again)?;
    second.fit(&met.cluster).map_err(failure)?;
    let wanted = guests::Wanted {
        get: &args.get,
        files: &host,
        machine: second.node(),
        documents: asked.files.own.as_ref(),
        config: &asked.config,
        only: None,
    };
    let plugins = runtime.block_on(wanted.load(&mut met, &sink, global))?;
    let workflow = guests::arrange(plugins.as_deref())?;
    let selection = Selection { only: None, skip: asked.config.skip_phases.clone() };
    workflow.select(&selection).map_err(|error| {
        let problem = Problem::error("--skip-phases", error.to_string()).hint(error.hint());
        Report { problems: vec![problem] }
    })?;
    let options = Options {
        skip: selection.skip.clone(),
        patches: met.cluster.patches_directory().map(str::to_owned),
        ignore: std::mem::take(&mut asked.ignore),
        patience: Some(LONGEST_WAIT[0]),
        extension: plugins.map(|plugins| plugins as Arc<dyn Extension>),
        ..Options::new(sink.clone())
    };
    let mut cx = Join::new(met, asked.config.clone(), second.node().clone(), options).map_err(phase_error)?;
    let outcome = runtime.block_on(work(&workflow, &mut cx, &selection, global, ends.wait()));
    let mut outcome = outcome.map_err(again);
    first_of_all(&mut outcome, global);

    let objects = runtime.block_on(async {
        tokio::select! {
            held = first.objects() => Some(held),
            () = ends.wait() => None,
        }
    });
    let Some(objects) = objects else { return outcome.and(Err(interrupted())) };
    let is_real = args.config.is_some() || args.api_server_endpoint.is_some() || args.discovery_file.is_some();
    let shown = Shown {
        command: "join",
        stage: &stage,
        machine: &second,
        admin: (&first, ADMIN_CONF.to_owned()),
        cluster: &cx.cluster,
        secrets: secrets(&asked),
        says: outcome.is_ok().then(|| closing::text(&cx)),
        for_real: (!is_real).then_some("kubephase token create --print-join-command says how, on a control-plane node"),
        certificates: second.certificates(cx.cluster.pki(), &kubeconfigs(&cx)),
        recorder: &recorder,
        held: objects,
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

/// What makes no sense where nothing is real.
fn refuse(args: &JoinArgs) -> Outcome {
    let given =
        [("--plan", args.plan()), ("--dry-run", args.flags().dry_run.is_some() || args.dry_run_dir().is_some())];
    super::refuse("join", &given)
}

/// The machine that joins: at addresses that are nobody's (RFC 5737, RFC 3849).
fn newcomer(control_plane: bool) -> Spec {
    let (hostname, addresses) = match control_plane {
        true => ("cp-2", ["192.0.2.11", "2001:db8::11"]),
        false => ("worker-1", ["192.0.2.21", "2001:db8::21"]),
    };
    let addresses = addresses.iter().filter_map(|address| address.parse().ok()).collect();
    Spec { hostname: hostname.to_owned(), addresses }
}

/// The first machine uploads its certificates with the key by which the second one gets them.
fn share_secrets(asked: &mut Asked, host: &Node) {
    let Some(control_plane) = &mut asked.config.control_plane else { return };
    let given = [&control_plane.certificate_key, &asked.cluster.init.certificate_key];
    let key = given.into_iter().find(|key| !key.is_empty()).cloned().unwrap_or_else(|| {
        let mut bytes = [0; CertificateKey::BYTES];
        host.random(&mut bytes);
        CertificateKey::from_random(bytes).reveal()
    });
    control_plane.certificate_key.clone_from(&key);
    asked.cluster.init.certificate_key = key;
}

/// How the rehearsed cluster is found, whatever is said of a real one.
fn discovery(asked: &Asked, first: &Rehearsal) -> Result<Discovery, Failure> {
    let path = format!("{}/ca.crt", asked.cluster.pki());
    let missing = || Failure::Machine {
        error: format!("the rehearsed init has not made {path}, by which its cluster is known").into(),
        hint: Some("let init run all of its phases: see skipPhases of its InitConfiguration".into()),
        told: false,
    };
    let pem = first.node().read(&path).ok().flatten().ok_or_else(missing)?;
    let authority = Cert::from_pem(&path, &pem).map_err(|_| missing())?;
    let token = token(asked).ok_or_else(missing)?;
    let url = asked.cluster.api_endpoint_url();
    let bootstrap_token = BootstrapTokenDiscovery {
        api_server_endpoint: url.strip_prefix("https://").unwrap_or(&url).to_owned(),
        ca_cert_hashes: vec![ca_hash(&authority)],
        ..asked::by_token(token)
    };
    Ok(Discovery { bootstrap_token: Some(bootstrap_token), file: None, tls_bootstrap_token: token.to_owned() })
}

/// The token of the rehearsed cluster that is good for joining.
fn token(asked: &Asked) -> Option<&str> {
    asked.cluster.init.bootstrap_tokens.first().map(|token| token.token.as_str())
}

/// Texts that must not get into the page.
fn secrets(asked: &Asked) -> Vec<String> {
    let token = token(asked).and_then(|token| token.split_once('.')).map(|(_, secret)| secret.to_owned());
    let key = Some(asked.cluster.init.certificate_key.clone());
    token.into_iter().chain(key).filter(|secret| !secret.is_empty()).collect()
}

fn kubeconfigs(cx: &Join) -> Vec<String> {
    let names = ["admin", "kubelet", "controller-manager", "scheduler"];
    names.map(|name| cx.kubeconfig_path(&format!("{name}.conf"))).into()
}

/// With what the cluster is set up.
struct Held<'a> {
    args: &'a JoinArgs,
    host: &'a Node,
    runtime: &'a Runtime,
    global: &'a Global,
}

impl Held<'_> {
    /// `init` on the first machine. What it tells is told only if it fails.
    fn found(&self, asked: &Asked, first: &Rehearsal, ends: &mut Ends) -> Outcome {
        let heard: Arc<Mutex<Vec<Event<Change>>>> = Arc::default();
        let ear = heard.clone();
        let sink: Sink<Change> = Arc::new(move |event| ear.lock().unwrap_or_else(PoisonError::into_inner).push(event));
        let result = self.init(asked, first, sink, ends);
        if result.is_err() {
            let printer = printer::sink(self.global);
            heard.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|event| printer(event));
        }
        result
    }

    fn init(&self, asked: &Asked, first: &Rehearsal, sink: Sink<Change>, ends: &mut Ends) -> Outcome {
        let cluster = &asked.cluster;
        let wanted =
            founding::Wanted { cluster, documents: asked.files.founding.as_ref(), get: &self.args.get, only: None };
        let plugins = wanted.load(self.host, first.node(), &sink, self.global)?;
        let selection = founding::selection(cluster, None);
        let workflow = founding::arrange(plugins.as_deref(), &selection)?;
        let options = Options {
            skip: selection.skip.clone(),
            patches: cluster.patches_directory().map(str::to_owned),
            ignore: asked.founding.clone(),
            patience: Some(LONGEST_WAIT[0]),
            extension: plugins.map(|plugins| plugins as Arc<dyn Extension>),
            ..Options::new(sink)
        };
        let mut cx = Init::new(cluster.clone(), first.node().clone(), options).map_err(phase_error)?;
        cx.sharing = Sharing { upload_certs: asked.config.control_plane.is_some(), ..Sharing::default() };
        let outcome = self.runtime.block_on(work(&workflow, &mut cx, &selection, self.global, ends.wait()));
        outcome.map_err(again)
    }
}
