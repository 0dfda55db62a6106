//! Flags of `status`.

use clap::{Args, Command};

use super::{OutputArg, flags};

/// `status`.
#[derive(Args)]
pub struct StatusArgs {
    /// Show what has changed in files that are no secrets
    #[arg(long)]
    pub diff: bool,
    #[command(flatten)]
    pub output: OutputArg,
}

/// What stands below `status`.
pub fn command(status: Command) -> Command {
    flags::<StatusArgs>(status)
}
