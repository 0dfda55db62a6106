//! Flags of `plugin …`.

use std::path::PathBuf;

use clap::{Args, Command, Subcommand, ValueEnum};

use super::{EventsArg, OutputArg};

/// `plugin …`.
#[derive(Subcommand)]
pub enum PluginCommand {
    /// List the plugins of a configuration, or those of a cluster
    List(ListArgs),
    /// Show what a plugin is, what it needs and what it may do
    Inspect(InspectArgs),
    /// Check that every plugin of a configuration can be used as it says, as `init` would
    Check(CheckArgs),
    /// Write the digests of all plugins into a configuration file
    Lock(LockArgs),
    /// Get plugins from where they come from, into the cache or into a file
    Pull(PullArgs),
    /// Put a plugin into a registry
    Push(PushArgs),
    /// Make a pair of keys to sign with
    Keygen(KeygenArgs),
    /// Sign a plugin
    Sign(SignArgs),
    /// Verify who has signed a plugin
    Verify(VerifyArgs),
    /// Call one function of a plugin and show what it proposes; nothing is changed
    Run(RunArgs),
    /// Run a plugin's test cases
    Test(TestArgs),
    /// Begin a plugin: write a project that builds and passes its test
    New(NewArgs),
    /// Remove a plugin from a cluster and from this node, with everything that it owns
    Uninstall(UninstallArgs),
}

/// Which plugins are meant.
#[derive(Args)]
pub struct WhichArgs {
    /// Configuration file with a PluginConfiguration
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
}

/// How plugins are got.
#[derive(Args)]
pub struct GetArgs {
    /// Where plugins are kept that have been got before [default: /var/cache/kubephase for root, else ~/.cache/kubephase]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Ask no registry: what is not in the cache is missing
    #[arg(long)]
    pub offline: bool,
}

/// `plugin list`.
#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// Kubeconfig file of the cluster whose plugins are listed, if there is no --config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    #[command(flatten)]
    pub get: GetArgs,
    #[command(flatten)]
    pub output: OutputArg,
}

/// `plugin inspect`.
#[derive(Args)]
pub struct InspectArgs {
    /// A component's file, `oci://…`, or the name of a plugin in --config
    #[arg(value_name = "PLUGIN")]
    pub plugin: String,
    #[command(flatten)]
    pub which: WhichArgs,
    #[command(flatten)]
    pub get: GetArgs,
    #[command(flatten)]
    pub output: OutputArg,
}

/// `plugin check`.
#[derive(Args)]
pub struct CheckArgs {
    /// Configuration file with a PluginConfiguration
    #[arg(long, value_name = "FILE", required = true)]
    pub config: String,
    #[command(flatten)]
    pub get: GetArgs,
    #[command(flatten)]
    pub output: OutputArg,
}

/// `plugin lock`.
#[derive(Args)]
pub struct LockArgs {
    /// Configuration file to write digests into; everything else in it stays as it is
    #[arg(long, value_name = "FILE", required = true)]
    pub config: String,
    /// Only say whether it would be changed: exit code 1 if so
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub get: GetArgs,
}

/// `plugin pull`.
#[derive(Args)]
pub struct PullArgs {
    /// `oci://…`, or a file; all plugins of --config if not given
    #[arg(value_name = "SOURCE", required_unless_present = "config")]
    pub source: Option<String>,
    /// Write the component to this file, beside the cache
    #[arg(long, value_name = "FILE", requires = "source")]
    pub file: Option<String>,
    #[command(flatten)]
    pub which: WhichArgs,
    #[command(flatten)]
    pub get: GetArgs,
    #[command(flatten)]
    pub reach: ReachArgs,
    #[command(flatten)]
    pub output: OutputArg,
}

/// How a registry is reached, where no configuration says so.
#[derive(Args)]
pub struct ReachArgs {
    /// PEM file with authorities to believe beside the machine's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,
    /// Speak HTTP without TLS
    #[arg(long)]
    pub plain_http: bool,
}

/// `plugin push`.
#[derive(Args)]
pub struct PushArgs {
    /// The component; a signature beside it (FILE.sig) goes with it
    #[arg(value_name = "FILE")]
    pub file: String,
    /// `oci://host/repository:tag`
    #[arg(value_name = "TARGET")]
    pub target: String,
    #[command(flatten)]
    pub reach: ReachArgs,
    #[command(flatten)]
    pub output: OutputArg,
}

/// `plugin keygen`.
#[derive(Args)]
pub struct KeygenArgs {
    /// Where the keys go: NAME.key (private, mode 0600) and NAME.pub
    #[arg(value_name = "NAME", default_value = "plugin")]
    pub name: String,
}

/// `plugin sign`.
#[derive(Args)]
pub struct SignArgs {
    /// The component
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The private key
    #[arg(long, value_name = "FILE", required = true)]
    pub key: String,
    /// Where the signature goes [default: FILE.sig]
    #[arg(long, value_name = "FILE")]
    pub signature: Option<String>,
    /// When the signature ends, such as `2027-12-31T00:00:00Z`; never if not given
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

/// `plugin verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// A component's file with its signature beside it, `oci://…`, or the name of a plugin in --config
    #[arg(value_name = "PLUGIN")]
    pub plugin: String,
    /// Public key; those that `trust` in --config names if not given
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub key: Option<String>,
    /// The signature's file [default: PLUGIN.sig]
    #[arg(long, value_name = "FILE")]
    pub signature: Option<String>,
    #[command(flatten)]
    pub which: WhichArgs,
    #[command(flatten)]
    pub get: GetArgs,
    #[command(flatten)]
    pub reach: ReachArgs,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Where facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FactsFrom {
    /// This machine
    Machine,
    /// A small pretended machine, as `rehearse` has it
    Rehearsal,
}

/// `plugin run`.
#[derive(Args)]
pub struct RunArgs {
    /// A component's file, `oci://…`, or the name of a plugin in --config
    #[arg(value_name = "PLUGIN")]
    pub plugin: String,
    /// What to call: `preflight.check`, `addon.render`, `addon.images`, `addon.uninstall`, `mutator.mutate`, `phase.run`;
    /// the one that it has if it has only one
    #[arg(value_name = "FUNCTION")]
    pub function: Option<String>,
    /// Where facts come from
    #[arg(long, value_name = "FROM", default_value = "machine")]
    pub facts: FactsFrom,
    /// A file with facts, files, objects and answers, as in test cases; nothing of any machine is asked then
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub facts_file: Option<String>,
    /// Settings: JSON, or `@FILE`
    #[arg(long, value_name = "JSON")]
    pub settings: Option<String>,
    /// Grant something, such as `--grant 'files=/etc/os-release'`; may be given often
    #[arg(long, value_name = "CAPABILITY=SCOPE")]
    pub grant: Vec<String>,
    /// Grant everything that it wants
    #[arg(long, conflicts_with = "grant")]
    pub grant_all: bool,
    /// For mutators: which document it is
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// For mutators: the document, YAML or JSON, such as a manifest that `init --dry-run` has written
    #[arg(long, value_name = "FILE", requires = "target")]
    pub document: Option<String>,
    #[command(flatten)]
    pub which: WhichArgs,
    #[command(flatten)]
    pub get: GetArgs,
    #[command(flatten)]
    pub output: OutputArg,
}

/// `plugin test`.
#[derive(Args)]
pub struct TestArgs {
    /// The plugin's directory with its cases, or a directory of cases
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: String,
    /// The component; the only *.wasm that is found in DIR or below DIR/target if not given
    #[arg(long, value_name = "FILE")]
    pub component: Option<String>,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Write what the plugin answers into the cases as what is expected
    #[arg(long)]
    pub update: bool,
    #[command(flatten)]
    pub output: EventsArg,
}

/// Languages of templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Rust, with the SDK
    Rust,
    /// C, with clang
    C,
    /// JavaScript, with QuickJS
    Js,
    /// Python
    Python,
    /// Go (experimental)
    Go,
}

/// Kinds of templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Checks the node
    Preflight,
    /// Installs something into the cluster
    Addon,
    /// Changes documents
    Mutator,
    /// Is a phase of its own
    Phase,
}

/// `plugin new`.
#[derive(Args)]
pub struct NewArgs {
    /// Its name, and the directory that is made
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The language to write it in
    #[arg(long, value_name = "LANG", default_value = "rust")]
    pub lang: Lang,
    /// What it is to do
    #[arg(long, value_name = "KIND", default_value = "preflight")]
    pub kind: KindArg,
}

/// `plugin uninstall`.
#[derive(Args)]
pub struct UninstallArgs {
    /// Its name in the configuration
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Kubeconfig file [default: /etc/kubernetes/admin.conf]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// Only list what would be removed
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub get: GetArgs,
    #[command(flatten)]
    pub output: EventsArg,
}

/// What stands below `plugin`.
pub fn command(plugin: Command) -> Command {
    super::subcommands::<PluginCommand>(plugin)
}
