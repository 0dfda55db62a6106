//! Flags of `images` and of `config images`.

use clap::{Args, Command, Subcommand};
use kubephase_workflow::images::Platforms;

use super::EventsArg;

/// Which images are meant: those of a configuration file, or of what flags say.
#[derive(Args)]
pub struct WantedArgs {
    /// Configuration file; the flags beside it are for its fields and do not count then
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Feature gates of kubeadm
    #[arg(long, value_name = "GATES")]
    pub feature_gates: Option<String>,
    /// Registry that images come from [default: registry.k8s.io]
    #[arg(long, value_name = "REGISTRY")]
    pub image_repository: Option<String>,
    /// Version to deploy, or a label [default: stable-1]
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<String>,
}

/// `images …`.
#[derive(Subcommand)]
pub enum ImagesCommand {
    /// Write one file with every image that a configuration needs, from containerd's store
    Bundle(BundleArgs),
    /// Load such a file into containerd, where the kubelet finds the images
    Load(LoadArgs),
}

/// `images bundle`.
#[derive(Args)]
pub struct BundleArgs {
    /// The file to write: an OCI image layout in a tar archive
    #[arg(short = 'o', long = "output", id = "file", value_name = "FILE", required = true)]
    pub file: String,
    #[command(flatten)]
    pub wanted: WantedArgs,
    /// CRI endpoint of the containerd that has the images
    #[arg(long, value_name = "URL")]
    pub cri_socket: Option<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    format: FormatArg,
}

/// `images load`.
#[derive(Args)]
pub struct LoadArgs {
    /// The file that `images bundle` or `ctr images export` has written
    #[arg(value_name = "FILE")]
    pub file: String,
    /// CRI endpoint of the containerd to load into
    #[arg(long, value_name = "URL", default_value = kubephase_model::layout::CONTAINERD_SOCKET)]
    pub cri_socket: String,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    output: EventsArg,
}

#[derive(Args)]
struct PlatformArgs {
    /// Take the images for all platforms, not only for this machine's
    #[arg(long)]
    all_platforms: bool,
}

/// What `-o` is elsewhere: here it names the file.
#[derive(Args)]
struct FormatArg {
    /// What is told: text for people, or one JSON object per line on standard output
    #[arg(long = "format", id = "output", value_name = "FORMAT", default_value = "text", value_parser = super::lines())]
    _output: super::Output,
}

impl PlatformArgs {
    fn platforms(&self) -> Platforms {
        if self.all_platforms { Platforms::All } else { Platforms::Own }
    }
}

impl BundleArgs {
    /// Which platforms.
    pub fn platforms(&self) -> Platforms {
        self.platforms.platforms()
    }
}

impl LoadArgs {
    /// Which platforms.
    pub fn platforms(&self) -> Platforms {
        self.platforms.platforms()
    }
}

/// What stands below `images`.
pub fn command(images: Command) -> Command {
    super::subcommands::<ImagesCommand>(images)
}
