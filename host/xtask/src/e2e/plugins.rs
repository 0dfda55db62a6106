//! Plugins on a real node: `init` with first-party ones brings up a cluster that has what they promise, and what is
//! foretold (`--plan`, `--dry-run`) is what happens. Components are those of this repository, built now.
//!
//! What it does not prove: that metrics-server itself works. Its image is nowhere here, another stands in for it, and
//! nothing waits for it.

mod effects;
mod sets;
mod told;

use std::time::Duration;

use anyhow::{Result, bail};

use super::bootstrapper::{Kind, left_out};
use super::cluster;
use super::command::wait_until;
use super::lab::{Lab, collect_logs};
use super::node::Node;
use super::scenario;
use super::steps::Steps;
use crate::plugins;
use crate::workspace::Workspace;
use told::Told;

/// What is added to the usual configuration.
const CONFIGURATION: &str = include_str!("files/plugins.yaml");

/// Their names.
const PLUGINS: [&str; 6] =
    ["etcd-disk", "audit-policy", "encryption-at-rest", "hardening", "cni-bridge", "metrics-server"];

/// Where the configuration lies in the node; components are beside it.
const CONFIG: &str = "/root/config.yaml";

/// A node with a configuration that names plugins.
struct Site<'a> {
    lab: &'a Lab,
    node: Node,
}

/// Every step.
pub fn proven(lab: &mut Lab, steps: &mut Steps) -> Result<()> {
    if lab.kit.bootstrapper.kind != Kind::Kubephase {
        return Ok(());
    }
    let built =
        steps.run("build the plugins", || plugins::build(&Workspace::find()?, &PLUGINS.map(str::to_owned), false))?;
    let node = lab.boot(steps, "plugins1")?;
    for name in PLUGINS {
        node.install(&built.directory.join(format!("{name}.wasm")), &format!("/root/plugins/{name}.wasm"))?;
    }
    let site = Site { lab, node };
    let proven = prove(&site, steps);
    if proven.is_err() {
        collect_logs(&site.node);
    }
    proven?;
    steps.run("switch plugins1 off", || site.node.stop())
}

fn prove(site: &Site<'_>, steps: &mut Steps) -> Result<()> {
    site.configure(&[])?;
    let plan = steps.run("init --plan with plugins", || {
        let plan = site.init(&["--plan"])?;
        match site.sh("find /etc/kubernetes /etc/cni/net.d /var/log/kubernetes -mindepth 1 2>/dev/null || true")?.trim()
        {
            "" => Ok(plan),
            left => bail!("a plan has made\n{left}"),
        }
    })?;
    let init = steps.run("init with plugins", || site.init(&[]))?;
    steps.run("the plan was that of the run", || told::agree(&plan, &init))?;
    steps.run("the disk was measured", || effects::disk_was_measured(site, &init))?;
    steps.run("CoreDNS runs on cni-bridge's network", || effects::pods_have_a_network(site))?;
    steps.run("a Service's name is resolved in a pod", || cluster::resolve(site.lab, &site.node))?;
    steps.run("the audit log has lines", || effects::audit_log_has_lines(site))?;
    steps.run("a Secret is encrypted in etcd", || effects::secrets_are_encrypted(site))?;
    steps.run("the control plane is hardened", || effects::control_plane_is_hardened(site, &init))?;
    steps.run("metrics-server's objects are a set", || sets::is_applied(site))?;
    steps.run("init with plugins again changes nothing", || again(site))?;
    steps.run("what plan and dry run foretell of other settings happens", || told::foretold(site))?;
    steps.run("fields that another one wants are not taken", || sets::conflicts(site))?;
    steps.run("what it does not want any more goes", || sets::prunes(site))?;
    steps.run("a wait in vain is told", || sets::waits(site))?;
    steps.run("plugin uninstall leaves the others alone", || sets::uninstalls(site))
}

impl Site<'_> {
    /// Writes the configuration, with other settings for plugins: each is a line and what takes its place.
    fn configure(&self, changes: &[(&str, &str)]) -> Result<()> {
        let kit = &self.lab.kit;
        let mut text = kit.bootstrapper.config(&kit.kubernetes, &self.node.address) + CONFIGURATION;
        for (from, to) in [("STAND-IN", kit.image("pause")?)].iter().chain(changes) {
            if !text.contains(from) {
                bail!("no {from:?} in the configuration");
            }
            text = text.replace(from, to);
        }
        self.node.write(CONFIG, &text)
    }

    /// `init` with more words; what it tells.
    fn init(&self, more: &[&str]) -> Result<Told> {
        let checks = left_out(Kind::Kubephase, &self.lab.kit.kubernetes);
        let mut words = vec!["init", "--config", CONFIG, "-o", "json"];
        words.extend(checks.iter().map(String::as_str));
        words.extend(more);
        let told = self.kubephase(&words)?;
        if told.code == Some(0) { Ok(told) } else { bail!("init {} failed:\n{}", more.join(" "), told.tail()) }
    }

    /// kubephase, however it ends.
    fn kubephase(&self, words: &[&str]) -> Result<Told> {
        let log = self.node.logs.join("kubephase.txt");
        let out = self.node.exec(["kubephase"].iter().chain(words)).log(log).output()?;
        Ok(Told::read(out))
    }

    /// A script in the node; its output.
    fn sh(&self, script: &str) -> Result<String> {
        self.node.exec(["sh", "-e"]).stdin(script).run()
    }

    /// Versions of all objects that kubephase and its plugins wrote, once nobody changes them any more.
    fn settled(&self) -> Result<String> {
        let mut last = String::new();
        let mut same = 0;
        wait_until("objects to settle", Duration::from_secs(60), || {
            let now = scenario::versions(&self.node)?;
            same = if now == last { same + 1 } else { 0 };
            last = now;
            if same < 4 {
                std::thread::sleep(Duration::from_millis(500));
                bail!("objects still change");
            }
            Ok(std::mem::take(&mut last))
        })
    }
}

/// The second run.
fn again(site: &Site<'_>) -> Result<()> {
    let state = || Ok::<_, anyhow::Error>(scenario::files(&site.node)? + &scenario::tasks(&site.node)?);
    let versions = site.settled()?;
    let before = state()?;
    let told = site.init(&[])?;
    let (before, after) = (before + &versions, state()? + &scenario::versions(&site.node)?);
    if before != after {
        bail!("files, processes or objects differ:\n{}", scenario::difference(&before, &after));
    }
    let changes = told.changes();
    if !changes.is_empty() {
        bail!("it tells of changes: {changes:#?}");
    }
    Ok(())
}
