//! `cargo xtask e2e`: bootstraps a real cluster on this one machine and looks whether it works.
//!
//! A node is a real systemd in namespaces of its own, with Debian's containerd, and the kubelet and control
//! plane of a real Kubernetes release. Nothing is taken from anywhere but the machine's Debian archive, unless
//! `KUBERNETES_BIN_DIR` names a directory with the programs of another release. What takes long is cached in
//! `KUBEPHASE_CACHE` (default: `kubephase/e2e` in the user's cache directory); what is changed on the machine
//! is changed back, however the test ends.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test of the real thing touches the machine, and it talks to a person"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

use anyhow::Result;
use clap::ValueEnum;

mod api;
mod bootstrapper;
pub mod cache;
mod cluster;
pub mod cluster_dns;
mod command;
mod comparison;
mod debian;
mod etcd;
mod failures;
mod host;
mod images;
mod images_bundle;
mod interop;
pub mod kubectl;
mod kubernetes;
mod lab;
mod loopback;
mod node;
mod nodes;
mod objects;
mod plugins;
mod rehearsal;
mod renewal;
mod rootfs;
mod runtime;
mod scenario;
mod serving;
mod speed;
mod steps;
mod switch;
mod undo;

use bootstrapper::Kind;
use cache::Cache;
use lab::{Kit, Lab};
use steps::Steps;

/// Bootstrap a real cluster on this machine and check it (root; Debian).
#[derive(clap::Args)]
pub struct Args {
    /// The program that bootstraps; kubeadm is the control experiment.
    #[arg(long, value_enum, default_value = "kubephase")]
    with: Kind,
    /// A built bootstrapper to use instead of building one.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Only these parts of the test, in this order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::EVERY_DAY)]
    only: Vec<Part>,
    /// How often `--only speed` and `--only join-speed` run each program, and how many rounds `--only rounds` has.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Keep the logs of a run that passed, too.
    #[arg(long)]
    keep_logs: bool,
    /// Before cleaning up, wait for Enter, so that the nodes can be looked into.
    #[arg(long)]
    hold: bool,
}

/// A part of the test that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Files equal those of the release's own kubeadm.
    Files,
    /// Objects equal those of the release's own kubeadm, against a real API server without nodes.
    Objects,
    /// The rehearsal's API server holds the same objects as the release's real one.
    Rehearsal,
    /// What `init` does when the API server, etcd, a disk or a clock fails it, against the same server.
    Faults,
    /// A node from nothing to a working cluster.
    Cluster,
    /// A node whose cluster has plugins: what they promise is so, and what is foretold is done.
    Plugins,
    /// Nodes join, leave, die and join again, also nodes and clusters of the release's own kubeadm.
    Nodes,
    /// Two control planes join at once, again and again, and are killed and frozen; not every day.
    Rounds,
    /// How long a complete `init` takes, beside kubeadm; not every day.
    Speed,
    /// The same of `join`, for a worker and a control plane; not every day.
    JoinSpeed,
    /// What `init` says of a control plane that cannot come up.
    Failures,
}

impl Part {
    /// Plugins and nodes before the cluster: they switch their nodes off.
    const EVERY_DAY: [Self; 8] = [
        Self::Files,
        Self::Objects,
        Self::Rehearsal,
        Self::Faults,
        Self::Plugins,
        Self::Nodes,
        Self::Cluster,
        Self::Failures,
    ];

    fn run(self, args: &Args, lab: &mut Lab, steps: &mut Steps) -> Result<()> {
        match self {
            Self::Files => comparison::with_own_kubeadm(lab, steps),
            Self::Objects => loopback::compare(lab, steps),
            Self::Rehearsal => rehearsal::compared(lab, steps),
            Self::Faults => loopback::faults::survived(lab, steps),
            Self::Cluster => scenario::init(lab, steps),
            Self::Plugins => plugins::proven(lab, steps),
            Self::Nodes => nodes::come_and_go(lab, steps),
            Self::Rounds => nodes::rounds::joined(lab, args.rounds, steps),
            Self::Speed => speed::init::measured(lab, args.rounds, steps),
            Self::JoinSpeed => speed::join::measured(lab, args.rounds, steps),
            Self::Failures => failures::told(lab, steps),
        }
    }
}

/// Runs the test.
pub fn run(args: Args) -> Result<()> {
    let cache = Cache::open()?;
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let id = format!("{started}-{}", process::id());
    let logs = cache.dir(&format!("logs/{id}"))?;
    // Said now, because after Ctrl-C nobody would say it.
    eprintln!("logs: {}", logs.display());
    let mut steps = Steps::start();
    let result = test(&args, &cache, &id, &logs, &mut steps);
    println!("{}", steps.table());
    match &result {
        Ok(()) if !args.keep_logs => fs::remove_dir_all(&logs)?,
        _ => eprintln!("logs: {}", logs.display()),
    }
    result
}

fn test(args: &Args, cache: &Cache, id: &str, logs: &Path, steps: &mut Steps) -> Result<()> {
    let kit = Kit::prepare(steps, cache, logs, args.with, args.program.as_deref())?;
    eprintln!("Kubernetes {} by {}", kit.kubernetes.version, kit.bootstrapper.name());
    let dir = cache.dir("run")?.join(id);
    let mut lab = Lab::open(kit, cache.clone(), dir, logs.to_owned())?;
    let told = args.only.iter().try_for_each(|part| part.run(args, &mut lab, steps));
    if args.hold {
        if let Err(error) = &told {
            eprintln!("\n{error:#}");
        }
        lab.hold();
    }
    let cleaned = steps.run("clean up", || lab.close());
    told.and(cleaned)
}
