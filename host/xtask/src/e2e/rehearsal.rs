//! The rehearsal's embedded API server beside the release's real one: a test of the repository does it, which needs the
//! real programs and skips without them. Here they are.

use std::env;

use anyhow::{Context, Result, bail};

use super::bootstrapper::Kind;
use super::command::cmd;
use super::lab::Lab;
use super::steps::Steps;
use crate::workspace::Workspace;

/// The one test.
const TEST: &str = "real::both_servers_hold_the_same_objects";

/// Runs it, and makes sure that it did run.
pub fn compared(lab: &Lab, steps: &mut Steps) -> Result<()> {
    if lab.kit.bootstrapper.kind != Kind::Kubephase {
        return Ok(());
    }
    steps.run("the embedded API server holds what the real one holds", || {
        let etcd = lab.kit.runtime.etcd_binary();
        let directory = etcd.parent().context("etcd is in no directory")?;
        let path = env::join_paths(
            std::iter::once(directory.to_owned()).chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
        )?;
        let said = cmd(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "test",
                "--quiet",
                "--package",
                "kubephase",
                "--test",
                "rehearsal",
                "--",
                "--exact",
                TEST,
                "--nocapture",
            ])
            .env("KUBERNETES_BIN_DIR", &lab.kit.kubernetes.bin_dir)
            .env("KUBECTL", &lab.kit.kubectl)
            .env("PATH", path)
            .dir(&Workspace::find()?.root)
            .log(lab.logs.join("rehearsal.txt"))
            .output()?;
        let text = said.stdout + &said.stderr;
        if !said.status.success() || text.contains("SKIPPED") || !text.contains("1 passed") {
            bail!("{}", super::command::tail(&text, 40));
        }
        Ok(())
    })
}
