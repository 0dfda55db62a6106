//! `plugin run`: one function of a plugin, with facts from this machine, a file or a rehearsal. Nothing is changed.

use std::sync::Arc;

use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::Command;
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::plugin::Grants;
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::Node;
use kubephase_plugin::{Export, Given, Question, World};
use kubephase_rehearsal::Rehearsal;
use serde_json::Value;

use super::{Got, Told, broke};
use crate::args::plugin::{FactsFrom, RunArgs};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::printer::out;
use crate::{input, plugins};

pub fn run(args: &RunArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    runtime.block_on(async {
        let told = Told::new(global);
        let got = Got::of(&args.plugin, &args.which, &args.get, &told, global).await?;
        let question = question(args, &got, &host)?;
        // Kept until the end: its files are what is looked at.
        let (world, _rehearsal) = world(args, &host)?;
        let outcome = got.bench.ask(&question, world, told.ear()).await.map_err(|error| broke(&error))?;
        let answer = serde_json::to_value(&outcome.proposal).unwrap_or_default();
        out(&match global.output {
            Output::Json => format!("{answer:#}\n"),
            Output::Text | Output::Yaml => kubephase_render::yaml(&answer),
        });
        Ok(())
    })
}

fn question(args: &RunArgs, got: &Got, host: &Node) -> Result<Question, Failure> {
    let mut problems = Report::default();
    let has: Vec<Export> =
        Export::ALL.into_iter().filter(|export| got.bench.kinds().contains(&export.kind())).collect();
    let names: Vec<&str> = has.iter().map(|export| export.name()).collect();
    let export = match (&args.function, has.as_slice()) {
        (Some(name), _) => has.iter().copied().find(|export| export.name() == name),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    if export.is_none() {
        let given = args.function.as_deref().unwrap_or("nothing");
        let problem = Problem::error("FUNCTION", format!("it has {}; `{given}` was named", names.join(", ")));
        problems.push(problem.hint("name one of them"));
    }
    let settings = match args.settings.as_deref() {
        None => got.entry.settings.clone(),
        Some(text) => parsed(text, "--settings", host, &mut problems),
    };
    let mut document = Value::Null;
    if let Some(path) = &args.document {
        document = parsed(&format!("@{path}"), "--document", host, &mut problems);
    } else if args.target.is_some() {
        let problem = Problem::error("--document", "there is no document to change");
        problems.push(problem.hint("name a file with it, such as a manifest of `init --dry-run`"));
    }
    if export == Some(Export::Mutate) && args.target.is_none() {
        problems
            .push(Problem::error("--target", "a mutator is asked about a document").hint("such as `kube-apiserver`"));
    }
    let grants = granted(args, got, &mut problems);
    match export {
        Some(export) if !problems.has_errors() => Ok(Question {
            export,
            target: args.target.clone().unwrap_or_default(),
            document,
            settings,
            grants,
            entry: got.entry.clone(),
        }),
        _ => Err(problems.into()),
    }
}

/// What is granted: by flags, or all that it wants, or what the configuration says; otherwise nothing.
fn granted(args: &RunArgs, got: &Got, problems: &mut Report) -> Option<Grants> {
    if args.grant_all {
        return None;
    }
    let mut grants = got.entry.grants.clone();
    for grant in &args.grant {
        let parts = grant.split_once('=');
        match parts.and_then(|(capability, scope)| Some((grants.list_mut(capability.trim())?, scope))) {
            Some((list, scope)) => list.push(scope.to_owned()),
            None => {
                let known = Grants::fields().join(", ");
                let problem = Problem::error("--grant", format!("`{grant}` is not `capability=scope`"));
                problems.push(problem.hint(format!("capabilities are {known}")));
            }
        }
    }
    Some(grants)
}

/// YAML or JSON, or `@` and the file that holds it.
fn parsed(text: &str, flag: &str, host: &Node, problems: &mut Report) -> Value {
    let text = match text.strip_prefix('@') {
        None => text.to_owned(),
        Some(path) => match host.read_text(path) {
            Ok(Some(text)) => text,
            Ok(None) => {
                problems.push(Problem::error(flag, format!("the file `{path}` does not exist")));
                return Value::Null;
            }
            Err(error) => {
                problems.push(Problem::error(flag, error.to_string()));
                return Value::Null;
            }
        },
    };
    serde_yaml::from_str(&text).unwrap_or_else(|error| {
        problems.push(Problem::error(flag, format!("it is neither JSON nor YAML: {error}")));
        Value::Null
    })
}

fn world(args: &RunArgs, host: &Node) -> Result<(Arc<dyn World>, Option<Rehearsal>), Failure> {
    if let Some(path) = &args.facts_file {
        let mut problems = Report::default();
        let value = parsed(&format!("@{path}"), "--facts-file", host, &mut problems);
        let given = Given::parse(value).map_err(|why| problems.push(Problem::error("--facts-file", why)));
        return match given {
            Ok(given) if !problems.has_errors() => Ok((Arc::new(given), None)),
            _ => Err(problems.into()),
        };
    }
    match args.facts {
        FactsFrom::Machine => Ok((plugins::world(host, cluster(args, host, host).as_ref()), None)),
        FactsFrom::Rehearsal => {
            let options = kubephase_rehearsal::Options { keep: None, port: 0, real: None };
            let rehearsal = Rehearsal::begin(&options).map_err(|error| Failure::machine(error, None))?;
            let cluster = cluster(args, host, rehearsal.node());
            Ok((plugins::world(rehearsal.node(), cluster.as_ref()), Some(rehearsal)))
        }
    }
}

/// What `init` would set up here, as the fact `cluster` tells it; nothing if the configuration or this machine does not do
/// for that, which is no reason not to ask a plugin.
fn cluster(args: &RunArgs, host: &Node, machine: &Node) -> Option<Cluster> {
    let mut problems = Report::default();
    let file = args.which.config.as_deref();
    let documents = file.map(|path| input::documents(host, path, Command::Init, &mut problems));
    let newest = || format!("v{}", kubephase_model::release::REFERENCE.newest());
    let flags = InitFlags { kubernetes_version: file.is_none().then(newest), ..InitFlags::default() };
    let lookup = |_: &str| Ok(newest());
    resolve_init(
        documents.as_ref(),
        &flags,
        &machine.facts(),
        &lookup,
        &mut |bytes| machine.random(bytes),
        false,
        &mut problems,
    )
}
