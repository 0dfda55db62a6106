//! Waiting for what must not be asked, or for ever.

use kubephase_sdk::prelude::*;

use super::Attack;

pub const ATTACKS: &[(&str, Attack)] = &[
    ("wait-foreign-url", |call| {
        let urls = call.urls(&["https://evil.example/", "http://169.254.169.254/latest/", "file:///etc/shadow"]);
        Ok(urls.into_iter().fold(Proposal::new(), |all, url| all.wait(Wait::url(url, 10))))
    }),
    ("wait-foreign-socket", |call| {
        let paths = call.paths(&["/run/containerd/containerd.sock", "relative.sock", "/run/../run/x.sock"]);
        Ok(paths.into_iter().fold(Proposal::new(), |all, path| all.wait(Wait::socket(path, 10))))
    }),
    ("wait-foreign-object", |_| {
        let targets = ["v1 Secret kube-system/x", "v1 ConfigMap hostile/../x", "nonsense", ""];
        Ok(targets.into_iter().fold(Proposal::new(), |all, target| all.wait(Wait::exists(target, 10))))
    }),
    ("wait-forever", |_| one(Wait::exists("v1 ConfigMap hostile/never", u32::MAX))),
    ("wait-zero", |_| one(Wait::exists("v1 ConfigMap hostile/never", 0))),
    ("wait-kind", |_| {
        let mut wait = Wait::exists("v1 ConfigMap hostile/never", 10);
        wait.kind = "command".into();
        wait.target = "/bin/sh -c true".into();
        one(wait)
    }),
    ("wait-many", |_| {
        let wait = || Wait::exists("v1 ConfigMap hostile/never", 3600);
        Ok((0..10_000).fold(Proposal::new(), |all, _| all.wait(wait())))
    }),
];

fn one(wait: Wait) -> Result<Proposal, Failure> {
    Ok(Proposal::new().wait(wait))
}
