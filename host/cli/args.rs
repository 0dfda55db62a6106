//! The command line's grammar: what may be typed. Its meaning is the commands'. Phase sub-commands are made from the
//! workflows' trees.

pub mod approve_serving;
pub mod certs;
pub mod config;
pub mod images;
pub mod init;
pub mod join;
pub mod kubeconfig;
pub mod node;
pub mod plugin;
pub mod rehearse;
pub mod reset;
pub mod status;
pub mod token;

use std::ffi::{OsStr, OsString};

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Subcommand, ValueEnum};
use kubephase_engine::{Context, Phase, Workflow};

/// What results look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

/// Options of every command.
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// Directory to change the root to before anything else.
    pub rootfs: Option<String>,
    /// How much is told, from 0.
    pub verbosity: u8,
    /// What results look like.
    pub output: Output,
}

impl Global {
    /// Reads them, wherever on the line they were given.
    pub fn of(matches: &ArgMatches) -> Self {
        let mut deepest = matches;
        while let Some((_, next)) = deepest.subcommand() {
            deepest = next;
        }
        let output = deepest.try_get_one::<Output>("output").ok().flatten().copied();
        Self {
            rootfs: deepest.get_one("rootfs").cloned(),
            verbosity: deepest.get_one("v").copied().unwrap_or(0),
            output: output.unwrap_or_default(),
        }
    }
}

/// `-o`.
#[derive(Args)]
pub struct OutputArg {
    /// What the result looks like
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

/// `-o` of commands that tell what happens: a line at a time, which YAML is not made for.
#[derive(Args)]
pub struct EventsArg {
    /// What is told: text for people on standard error, or one JSON object per line on standard output
    #[arg(short, long, value_name = "FORMAT", default_value = "text", value_parser = lines())]
    pub output: Output,
}

fn lines() -> impl TypedValueParser<Value = Output> {
    let parser = PossibleValuesParser::new(["text", "json"]);
    parser.map(|format| if format == "json" { Output::Json } else { Output::Text })
}

/// Takes any text; completion scripts offer what is known. An unknown one is refused with all others' problems, with a
/// guess, and may come from the configuration as well.
#[derive(Clone, Copy)]
pub struct Offer(pub fn() -> Vec<String>);

impl TypedValueParser for Offer {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// The whole grammar.
pub fn command() -> Command {
    Command::new("kubephase")
        .about("Bootstraps Kubernetes clusters as a pipeline of phases")
        .after_help(
            "Exit codes: 0 done, 1 the machine or the cluster said no, 2 the input is wrong, 3 a fault of kubephase.",
        )
        .disable_version_flag(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .infer_long_args(false)
        .arg(
            Arg::new("rootfs")
                .long("rootfs")
                .value_name("DIR")
                .global(true)
                .help("Change the root directory to DIR before anything else (needs root)"),
        )
        .arg(
            Arg::new("v")
                .short('v')
                .long("v")
                .visible_alias("verbose")
                .value_name("LEVEL")
                .value_parser(clap::value_parser!(u8))
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("1")
                .action(ArgAction::Set)
                .global(true)
                .help("Tell more: 1 shows what each phase changed, 2 shows differences"),
        )
        .arg(Arg::new("vmodule").long("vmodule").value_name("PATTERN").global(true).hide(true))
        .subcommand(Command::new("init").about("Set up the first control-plane node of a cluster").defer(init::command))
        .subcommand(
            Command::new("join").about("Make this machine a node of a cluster that exists").defer(join::command),
        )
        .subcommand(Command::new("node").about("Look after the nodes of a cluster").defer(node::command))
        .subcommand(
            Command::new("status")
                .about("Show where this node stands, and what has changed since it was written")
                .defer(status::command),
        )
        .subcommand(
            Command::new("reset")
                .about("Take this node out of its cluster, and take back what was made on it")
                .defer(reset::command),
        )
        .subcommand(
            Command::new("rehearse")
                .about("Run a workflow for real against a pretended machine and cluster, without root")
                .defer(rehearse::command),
        )
        .subcommand(Command::new("config").about("Print, check and migrate configuration files").defer(config::command))
        .subcommand(Command::new("plugin").about("Write, check, sign and look after plugins").defer(plugin::command))
        .subcommand(Command::new("images").about("Carry images to machines without a registry").defer(images::command))
        .subcommand(
            Command::new("certs")
                .visible_alias("certificates")
                .about("Look after the certificates of a cluster")
                .defer(certs::command),
        )
        .subcommand(Command::new("kubeconfig").about("Make kubeconfig files").defer(kubeconfig::command))
        .subcommand(
            Command::new("token")
                .about("Create, list and delete the tokens that nodes join with")
                .defer(token::command),
        )
        .subcommand(version())
        .subcommand(completion())
}

fn version() -> Command {
    let output = Arg::new("format")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .value_parser(["short", "json", "yaml"])
        .help("What the result looks like; a line of text by default");
    Command::new("version").about("Print the version and the Kubernetes releases that can be deployed").arg(output)
}

fn completion() -> Command {
    let shell = Arg::new("shell")
        .value_name("SHELL")
        .required(true)
        .value_parser(["bash", "zsh", "fish"])
        .help("The shell to complete for");
    Command::new("completion")
        .about("Print a script that completes commands, flags and phase names")
        .after_help("For bash: kubephase completion bash > /etc/bash_completion.d/kubephase")
        .arg(shell)
}

/// `phase` below a workflow's command: one sub-command per phase, `all` below each group, the workflow's flags on each.
/// The flags of a phase are made only when it was named: with all of them, starting would take twice as long.
pub fn phases<C: Context, A: Args>(workflow: &Workflow<C>) -> Command {
    fn add<C: Context, A: Args>(command: Command, phases: &[Phase<C>]) -> Command {
        phases.iter().fold(command, |command, phase| {
            let new = |name: &str| Command::new(name.to_owned()).about(phase.about.to_string());
            let child = if phase.children().is_empty() {
                new(&phase.name).defer(flags::<A>)
            } else {
                let group = new(&phase.name).subcommand_required(true).arg_required_else_help(true);
                add::<C, A>(group.subcommand(new("all").defer(flags::<A>)), phase.children())
            };
            command.subcommand(child.visible_aliases(phase.aliases.iter().copied()))
        })
    }
    let command = Command::new("phase")
        .about(format!("Run a single phase of {}", workflow.name))
        .subcommand_required(true)
        .arg_required_else_help(true);
    add::<C, A>(command, &workflow.phases).subcommand(plugins_phase().defer(flags::<A>))
}

/// Which phases plugins add is known when they have been loaded, so they are named like other values.
fn plugins_phase() -> Command {
    let path = Arg::new(PLUGINS_PHASE).value_name("PHASE").required(true);
    Command::new("plugin").about("Run a phase that there is because of a plugin").arg(
        path.help("Its path: the plugin's name, or addon/NAME for what an addon installs, or upload-config/plugins"),
    )
}

/// Where clap keeps the path of a plugin's phase.
const PLUGINS_PHASE: &str = "plugins-phase";

/// Adds sub-commands alone, one of which must be named: see [`flags`].
pub fn subcommands<S: Subcommand>(command: Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let command = command.subcommand_required(true).arg_required_else_help(true);
    S::augment_subcommands(command).about(about).long_about(None)
}

/// Adds the flags alone: they come with documentation of their own, which must not stand where the command's belongs.
pub fn flags<A: Args>(command: Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    A::augment_args(command).about(about).long_about(None)
}

/// The phase that was named, and where its flags are. `all` stands for its group.
pub fn chosen_phase(matches: &ArgMatches) -> (Option<String>, &ArgMatches) {
    let Some(("phase", mut at)) = matches.subcommand() else { return (None, matches) };
    let mut path: Vec<&str> = Vec::new();
    while let Some((name, next)) = at.subcommand() {
        at = next;
        if name == "plugin" {
            path.extend(at.get_one::<String>(PLUGINS_PHASE).map(String::as_str));
        } else if name != "all" {
            path.push(name);
        }
    }
    (Some(path.join("/")), at)
}

/// Accepts kubeadm's spellings of the verbosity beside ours: `-v 5`, `-v5`, `--v 5`. Without this, the level after a
/// space would be taken for a command.
pub fn normalise(argv: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut argv = argv.peekable();
    while let Some(word) = argv.next() {
        let is_level = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match word.to_str() {
            Some("--") => {
                words.push(word);
                words.extend(argv);
                break;
            }
            Some("-v" | "--v") if argv.peek().and_then(|next| next.to_str()).is_some_and(is_level) => {
                let level = argv.next().unwrap_or_default();
                words.push(format!("--v={}", level.to_string_lossy()).into());
            }
            Some(text) if text.strip_prefix("-v").is_some_and(is_level) => {
                words.push(format!("--v={}", &text[2..]).into());
            }
            _ => words.push(word),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn verbosity_is_read_in_every_spelling() {
        for (line, level) in [
            ("kubephase -v version", 1),
            ("kubephase version -v=3", 3),
            ("kubephase version -v5", 5),
            ("kubephase -v 4 version", 4),
            ("kubephase version --v 2", 2),
            ("kubephase version", 0),
        ] {
            let words = normalise(line.split(' ').map(OsString::from));
            let matches = command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(Global::of(&matches).verbosity, level, "{line}");
        }
    }

    #[test]
    fn a_phase_is_chosen_by_its_words() {
        for (line, path) in [
            ("kubephase init", None),
            ("kubephase init phase preflight", Some("preflight")),
            ("kubephase init phase certs apiserver", Some("certs/apiserver")),
            ("kubephase init phase certs all", Some("certs")),
            ("kubephase init phase plugin addon/flannel --config c.yaml", Some("addon/flannel")),
        ] {
            let matches = command().try_get_matches_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
            let (_, init) = matches.subcommand().unwrap_or_else(|| panic!("{line}"));
            assert_eq!(chosen_phase(init).0.as_deref(), path, "{line}");
        }
    }
}
