//! An operator's directory with components and configurations, and the program in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::components::{caches, component};
use crate::support::program::{Outcome, Program};

/// A directory of its own for one test.
pub struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts a copy of a component there.
    pub fn take(&self, name: &str, file: &str) -> PathBuf {
        let path = self.path().join(file);
        fs::copy(component(name), &path).expect("a copy");
        path
    }

    /// Writes a configuration with these plugins, as a person would: `plugins` is YAML.
    pub fn configure(&self, plugins: &str) {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
networking:
  podSubnet: 10.244.0.0/16
---
apiVersion: kubephase.dev/v1alpha1
kind: PluginConfiguration
{plugins}"
        );
        self.write("cluster.yaml", &text);
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("a file");
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The program in this directory. An ordinary user's caches are the tests' own.
    pub fn program(&self) -> Program {
        Program::kubephase().within(self.path()).env("XDG_CACHE_HOME", &caches().display().to_string())
    }

    /// Runs a line.
    #[track_caller]
    pub fn run(&self, line: &str) -> Outcome {
        self.program().run(line.split_whitespace())
    }

    /// Runs a line that uses what is kept of plugins in this directory.
    #[track_caller]
    pub fn run_cached(&self, line: &str) -> Outcome {
        let cache = self.path().join("cache").display().to_string();
        self.program().run(line.split_whitespace().chain(["--cache-dir", &cache]))
    }

    /// Runs a line and reads what it prints.
    #[track_caller]
    pub fn json(&self, line: &str) -> Value {
        let outcome = self.run(&format!("{line} -o json"));
        outcome.expect_code(0);
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
    }
}

/// Exit code and both streams, with what differs from run to run and from build to build taken out.
pub fn screen(desk: &Desk, outcome: &Outcome) -> String {
    let mut text = format!("exit code {}\n", outcome.code.unwrap_or(-1));
    for (name, stream) in [("stdout", outcome.out()), ("stderr", outcome.err())] {
        if !stream.is_empty() {
            text += &format!("--- {name}\n{stream}");
        }
    }
    text.replace(&desk.path().display().to_string(), "[DESK]")
}

/// Compares with the snapshot of that name.
#[macro_export]
macro_rules! shown {
    ($desk:expr, $name:expr, $outcome:expr) => {
        insta::with_settings!({ filters => vec![
            (r"sha256:[0-9a-f]{64}", "sha256:[DIGEST]"),
            (r"sha256:[0-9a-f]{12}\b", "sha256:[DIG]"),
            (r"`[0-9a-f]{64}`", "`[KEY]`"),
            (r"\b\d+ KB\b", "[SIZE]"),
            (r" +\d+(\.\d+)? ?(µs|ms)\b", " [TIME]"),
            (r"\d+\.\d s\b", "[TIME]"),
            (r"(?m)[ \t]+$", ""),
        ], omit_expression => true }, {
            insta::assert_snapshot!($name, $crate::desk::screen(&$desk, &$outcome));
        });
    };
}
