//! Files that must not be written, or not so.

use kubephase_sdk::prelude::*;

use super::{Attack, Call};

pub const ATTACKS: &[(&str, Attack)] = &[
    ("write", |call| {
        Ok(call.paths(&["/etc/hostile/fine"]).into_iter().fold(Proposal::new(), |all, path| all.file(at(path))))
    }),
    ("write-dotdot", |_| one(at("/etc/hostile/../cron.d/hostile"))),
    ("write-relative", |_| one(at("etc/hostile/x"))),
    ("write-nul", |_| one(at("/etc/hostile/x\0.conf"))),
    ("write-newline", |_| one(at("/etc/hostile/x\ny"))),
    ("write-slash", |_| one(at("/etc/hostile/"))),
    ("write-root", |_| one(at("/"))),
    ("write-empty", |_| one(at(""))),
    ("write-long", |_| one(at(&format!("/etc/hostile/{}", "a/".repeat(4096))))),
    ("write-outside", |_| one(at("/etc/cron.d/hostile"))),
    ("write-manifest", |_| {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "hostile", "namespace": "kube-system"},
            "spec": {
                "hostPID": true,
                "containers": [{"name": "x", "image": "x", "securityContext": {"privileged": true}}],
            },
        });
        one(File::new("/etc/kubernetes/manifests/hostile.yaml", 0o600, pod.to_string()))
    }),
    ("write-key", |_| one(at("/etc/kubernetes/pki/ca.key"))),
    ("write-self", |_| one(at("/var/lib/kubephase/journal.json"))),
    ("write-setuid", |_| one(File::new("/etc/hostile/x", 0o4755, "#!/bin/sh\n"))),
    ("write-mode", |_| one(File::new("/etc/hostile/x", u32::MAX, "x"))),
    ("write-twice", |_| Ok(Proposal::new().file(at("/etc/hostile/x")).file(File::new("/etc/hostile/x", 0o600, "y")))),
    ("write-below", |_| Ok(Proposal::new().file(at("/etc/hostile/x")).file(at("/etc/hostile/x/y")))),
    ("write-many", |_| Ok((0..20_000).fold(Proposal::new(), |all, i| all.file(at(&format!("/etc/hostile/{i}")))))),
    ("fill-short", |_| one(at("/etc/hostile/x").fill(Random::base64("x", 32)))),
    ("fill-nothing", |_| one(at("/etc/hostile/x").fill(Random::base64("placeholder", 0)))),
    (
        "fill-huge",
        |_| one(File::new("/etc/hostile/x", 0o600, "placeholder").fill(Random::hex("placeholder", u32::MAX))),
    ),
    ("fill-encoding", |_| {
        let random = Random { placeholder: "placeholder".into(), length: 32, encoding: "plain".into() };
        one(File::new("/etc/hostile/x", 0o600, "placeholder").fill(random))
    }),
    ("fill-bomb", fill_bomb),
    ("write-escapes", |_| one(File::new("/etc/hostile/x", 0o644, super::output::ESCAPES.concat()))),
];

fn at(path: &str) -> File {
    File::new(path, 0o644, "hostile\n")
}

fn one(file: File) -> Result<Proposal, Failure> {
    Ok(Proposal::new().file(file))
}

/// A megabyte of placeholders, each of which becomes 1368 bytes: 170 MB.
fn fill_bomb(_: &Call<'_>) -> Result<Proposal, Failure> {
    one(File::new("/etc/hostile/x", 0o600, "aaaaaaaa".repeat(128 << 10)).fill(Random::base64("aaaaaaaa", 1024)))
}
