//! What tests of checks share: a machine below a temporary directory.

pub mod fake_cri;

use std::path::PathBuf;

use kubephase_node::{Ambient, Node};

use crate::check::{Check, Finding};

/// A machine with the given files.
pub struct Machine {
    dir: tempfile::TempDir,
    pub ambient: Ambient,
}

impl Machine {
    pub fn new() -> Self {
        let ambient = Ambient {
            hostname: "node-1".into(),
            sysname: "Linux".into(),
            kernel_release: "6.12.0-1-amd64".into(),
            cpus: 2,
            memory: 4 << 30,
            ..Ambient::default()
        };
        Self { dir: tempfile::tempdir().expect("a temporary directory"), ambient }
    }

    #[expect(clippy::disallowed_methods, reason = "a test lays out its machine")]
    pub fn file(self, path: &str, contents: &str) -> Self {
        let place = self.place(path);
        std::fs::create_dir_all(place.parent().expect("a parent")).expect("a directory");
        std::fs::write(place, contents).expect("a file");
        self
    }

    #[expect(clippy::disallowed_methods, reason = "a test lays out its machine")]
    pub fn dir(self, path: &str) -> Self {
        std::fs::create_dir_all(self.place(path)).expect("a directory");
        self
    }

    /// A program that only exists.
    pub fn program(self, name: &str) -> Self {
        self.script(name, "exit 0")
    }

    /// A program that runs a shell script.
    pub fn script(self, name: &str, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;

        let path = format!("/usr/bin/{name}");
        let machine = self.file(&path, &format!("#!/bin/sh\n{script}\n"));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(machine.place(&path), mode).expect("permissions");
        machine
    }

    pub fn ambient(mut self, change: impl FnOnce(&mut Ambient)) -> Self {
        change(&mut self.ambient);
        self
    }

    pub fn place(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    pub fn node(&self) -> Node {
        let mut ambient = self.ambient.clone();
        ambient.env.push(("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into()));
        Node::fixed(self.dir.path(), ambient)
    }

    pub async fn run(&self, check: &dyn Check) -> Vec<Finding> {
        let findings = check.run(&self.node()).await;
        for finding in &findings {
            assert_eq!(finding.check, check.name());
            for text in [Some(&finding.seen), finding.expected.as_ref(), finding.remedy.as_ref()].into_iter().flatten()
            {
                assert!(!text.is_empty() && !text.contains('\n') && !text.ends_with('.'), "{text:?}");
            }
        }
        findings
    }

    /// The only finding.
    pub async fn one(&self, check: &dyn Check) -> Finding {
        let mut findings = self.run(check).await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }
}
