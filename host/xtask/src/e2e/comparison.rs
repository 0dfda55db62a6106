//! The release's own kubeadm as the measure: what it writes and what kubephase writes must mean the same. The
//! comparison is a test of `tests/conformance`; here it gets the kubeadm that it needs.

use std::env;

use anyhow::{Result, bail};

use super::bootstrapper::Kind;
use super::command::{cmd, tail};
use super::lab::Lab;
use super::steps::Steps;

/// The tests, and the variable that they take a kubeadm from.
const TESTS: &str = "live_v1_20::";
const VARIABLE: &str = "KUBEADM_1_20";

/// Compares with the kubeadm that was built along with the rest. A newer release brings none, or one with tests of its
/// own (`KUBEADM`).
pub fn with_own_kubeadm(lab: &Lab, steps: &mut Steps) -> Result<()> {
    let kubernetes = &lab.kit.kubernetes;
    let kubeadm = kubernetes.bin_dir.join("kubeadm");
    if lab.kit.bootstrapper.kind != Kind::Kubephase || kubernetes.minor != 20 || !kubeadm.exists() {
        return Ok(());
    }
    steps.run("compare with kubeadm 1.20", || {
        let cargo = env::var("CARGO").unwrap_or("cargo".into());
        let words = ["test", "--package", "kubephase", "--test", "conformance", TESTS];
        let test = cmd(cargo).args(words).env(VARIABLE, &kubeadm).dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let said = test.log(lab.logs.join("conformance.txt")).run()?;
        // A test that cannot test passes: some must have run, and none said that it was skipped.
        if said.contains("SKIPPED") || said.contains(" 0 passed") {
            bail!("nothing was compared:\n{}", tail(&said, 10));
        }
        Ok(())
    })
}
