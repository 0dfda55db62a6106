//! `cargo xtask …`: what people who work on kubephase run. Nothing here is part of the product.

mod bench;
mod demo;
mod docs;
mod e2e;
mod plugins;
mod shell;
mod test;
mod tools;
mod workspace;

/// The command line's grammar and its words for grants, from their source, so that manuals and pages need no second copy.
#[path = "../../cli"]
#[expect(dead_code, reason = "manuals need what may be typed, not what it means")]
mod cli {
    pub mod args;
    pub mod printer {
        pub mod grants;
    }
}

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use workspace::Workspace;

/// What people who work on kubephase run.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show what `init` would do, by an example, as an ordinary user
    Demo,
    /// Run everything that guards this repository, except the real cluster
    Test(test::Args),
    /// Bootstrap a real cluster on this machine and check it (root; Debian)
    E2e(e2e::Args),
    /// Write the generated pages below host/docs, and the manuals into the target directory
    Docs(docs::Args),
    /// Measure kubephase, beside a kubeadm if one is given
    Bench(bench::Args),
    /// Build the plugins of this repository, in all their languages
    Plugins(plugins::Args),
    /// In an image of `e2e`: stands in for CoreDNS
    #[command(hide = true)]
    ClusterDns {
        /// As CoreDNS is started
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// One run of `bench`
    #[command(hide = true)]
    Measure {
        /// Program and arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Demo => demo::run(&Workspace::find()?),
        Task::Test(args) => test::run(&Workspace::find()?, &args),
        Task::E2e(args) => e2e::run(args),
        Task::Docs(args) => docs::run(&Workspace::find()?, &args),
        Task::Bench(args) => bench::run(&Workspace::find()?, &args),
        Task::Plugins(args) => plugins::run(&Workspace::find()?, &args),
        Task::ClusterDns { args } => e2e::cluster_dns::run(&args),
        Task::Measure { command } => bench::run_child(&command),
    }
}
