//! `plugin …`: one file per command. What they share is here: getting a component onto the bench, and telling what plugins
//! tell.

mod artifact;
mod check;
mod inspect;
mod list;
mod new;
mod run;
mod test;
mod uninstall;

use clap::{ArgMatches, FromArgMatches};
use kubephase_artifact::{Artifact, obtain};
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::plugin::config::{Digests, resolve};
use kubephase_model::plugin::{PluginConfiguration, PluginEntry};
use kubephase_model::{Problem, Report};
use kubephase_node::Node;
use kubephase_plugin::{Ear, LoadError, Workbench};
use kubephase_workflow::extension::ExtensionError;

use crate::args::plugin::{GetArgs, PluginCommand, WhichArgs};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::plugins::{self, Store};
use crate::{input, printer, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    match PluginCommand::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))? {
        PluginCommand::Check(args) => check::run(&args, global),
        PluginCommand::Inspect(args) => inspect::run(&args, global),
        PluginCommand::List(args) => list::run(&args, global),
        PluginCommand::Run(args) => run::run(&args, global),
        PluginCommand::Test(args) => test::run(&args, global),
        PluginCommand::Keygen(args) => artifact::keygen(&args),
        PluginCommand::Lock(args) => artifact::lock(&args, global),
        PluginCommand::Pull(args) => artifact::pull(&args, global),
        PluginCommand::Push(args) => artifact::push(&args, global),
        PluginCommand::Sign(args) => artifact::sign(&args, global),
        PluginCommand::Verify(args) => artifact::verify(&args, global),
        PluginCommand::Uninstall(args) => uninstall::run(&args, global),
        PluginCommand::New(args) => new::run(&args),
    }
}

/// Where what a plugin tells goes.
struct Told(Ear);

impl Told {
    fn new(global: &Global) -> Self {
        // What these commands print is one object; what plugins say beside it is talk.
        let sink = printer::sink(&Global { output: Output::Text, ..global.clone() });
        Self(plugins::ear(sink, global.verbosity))
    }

    fn ear(&self) -> Ear {
        self.0.clone()
    }
}

/// A component's file on the bench.
async fn bench(host: &Node, path: &str, told: &Told) -> Result<Workbench, Failure> {
    let file_error = |error: kubephase_node::FileError| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    };
    let Some(bytes) = host.read(path).map_err(file_error)? else {
        let problem = Problem::error("", format!("there is no component `{path}`")).hint("build the plugin first");
        return Err(Report { problems: vec![problem] }.into());
    };
    on_bench(bytes, &Store::of(None), path, told).await
}

async fn on_bench(bytes: Vec<u8>, store: &Store, whose: &str, told: &Told) -> Result<Workbench, Failure> {
    Workbench::load(bytes, &store.compiled, told.ear()).await.map_err(|error| unusable(whose, &error))
}

/// A component that cannot be used.
fn unusable(whose: &str, error: &LoadError) -> Failure {
    let mut message = format!("`{whose}` cannot be used: {error}");
    if let LoadError::Describe { backtrace, .. } = error
        && !backtrace.is_empty()
    {
        message.push_str(&format!("\n  at {}", backtrace.join("\n  at ")));
    }
    let report = Report { problems: vec![Problem::error("", message).hint(error.hint())] };
    if error.is_fault() { Failure::Fault(report) } else { Failure::Input(report) }
}

/// A call that came to nothing.
fn broke(error: &ExtensionError) -> Failure {
    let message = failed(error).trim_end().to_owned();
    if !error.kind.is_fault() {
        return Failure::Machine { error: message.into(), hint: error.hint.clone(), told: false };
    }
    let mut problem = Problem::error("", message);
    problem.hint = error.hint.clone();
    Failure::Fault(Report { problems: vec![problem] })
}

/// The same in words: what, where in its code, its last words.
fn failed(error: &ExtensionError) -> String {
    let mut text = format!("{error}\n");
    for frame in &error.backtrace {
        text.push_str(&format!("  at {frame}\n"));
    }
    for line in &error.log {
        text.push_str(&format!("  log: {line}\n"));
    }
    text
}

/// A plugin that was named on the command line.
struct Got {
    entry: PluginEntry,
    bench: Workbench,
    signer: Option<String>,
}

impl Got {
    /// A file, something in a registry, or an entry of the configuration.
    async fn of(name: &str, which: &WhichArgs, get: &GetArgs, told: &Told, global: &Global) -> Result<Self, Failure> {
        let host = Node::real();
        let store = Store::of(Some(get));
        let (configuration, _) = configuration(&host, which.config.as_deref(), global)?;
        let known = configuration.plugins.iter().find(|entry| entry.name == name);
        let named = |source: &str| PluginEntry { name: source.into(), source: source.into(), ..PluginEntry::default() };
        let entry = known.cloned().unwrap_or_else(|| named(name));
        let Artifact { bytes, signer, .. } = match known {
            Some(entry) => obtain(&host, entry, &configuration, &store.options).await,
            None => kubephase_artifact::look(&host, &entry, &configuration, &store.options).await,
        }
        .map_err(plugins::failure)?;
        let bench = on_bench(bytes, &store, name, told).await?;
        Ok(Self { entry, bench, signer: signer.map(|signer| signer.key) })
    }
}

/// The plugins of a file; none if there is no file.
fn configuration(
    host: &Node,
    file: Option<&str>,
    global: &Global,
) -> Result<(PluginConfiguration, Documents), Failure> {
    let Some(file) = file else { return Ok((PluginConfiguration::default(), Documents::default())) };
    let mut problems = Report::default();
    let documents = input::documents(host, file, Command::Plugins, &mut problems);
    let configuration = resolve(Some(&documents), Digests::Optional, &mut problems);
    if problems.has_errors() {
        return Err(problems.into());
    }
    report::problems(&problems.problems, &Global { output: Output::Text, ..global.clone() });
    if documents.plugins.is_none() {
        let problem = Problem::error("", format!("there is no PluginConfiguration in `{file}`"));
        let problem =
            problem.hint("add a document with `apiVersion: kubephase.dev/v1alpha1` and `kind: PluginConfiguration`");
        return Err(Report { problems: vec![problem] }.into());
    }
    Ok((configuration, documents))
}
