//! Every recorded case, run by kubephase: as an ordinary user by `init --dry-run`; as root by single phases inside a
//! root directory of its own, as the recordings were made; and the two with each other, byte for byte.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::deliberate::unexplained;
use crate::support::case::{Case, PHASES};
use crate::support::difference::{Difference, between, report};
use crate::support::host::Host;
use crate::support::meaning::{self, Meaning};
use crate::support::program::Program;
use crate::support::rootfs::{CASE, Rootfs};
use crate::support::tree::{self, Body, Tree};
use crate::support::{is_root, skipped};

/// One module per case, so that each fails by itself.
macro_rules! cases {
    ($($module:ident $name:literal),* $(,)?) => {
        const NAMES: &[&str] = &[$($name),*];
        $(mod $module {
            #[test] fn dry_run() { super::dry_run($name); }
            #[test] fn phases() { super::phases($name); }
            #[test] fn dry_run_and_phases_agree() { super::agree($name); }
        })*
    };
}

cases! {
    defaults "01-defaults",
    image_repo "02-image-repo",
    extra_args "03-extra-args",
    extra_volumes_envs "04-extra-volumes-envs",
    external_etcd "05-external-etcd",
    ecdsa_p256 "06-ecdsa-p256",
    rsa_2048 "06-rsa-2048",
    cert_validity "07-cert-validity",
    dual_stack "08-dual-stack",
    control_plane_endpoint "09-control-plane-endpoint",
    ports_paths "10-ports-paths",
    node_registration "11-node-registration",
    feature_gates "12-feature-gates",
    proxy_dns_disabled "13-proxy-dns-disabled",
    v1beta3 "14-v1beta3",
    patches "15-patches",
    component_configs "16-component-configs",
    flags_only "18-flags-only",
    minimal_config "20-minimal-config",
}

#[test]
fn every_case_is_run() {
    let recorded: Vec<_> = Case::all().into_iter().map(|c| c.name).collect();
    assert_eq!(NAMES, recorded);
}

/// What `init --dry-run` of an ordinary user lists, against what the phases of kubeadm left.
fn dry_run(name: &str) {
    let case = Case::named(name);
    let Some(host) = Host::here() else {
        return skipped(name, "the dry run needs a default route, to find this host's address");
    };
    // A dry run looks at the node it runs on; one with a cluster on it would be told about that cluster.
    for path in ["/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/admin.conf", "/var/lib/kubelet/config.yaml"] {
        if Path::new(path).exists() {
            return skipped(name, &format!("this machine is part of a cluster: {path} exists"));
        }
    }
    let args = dry_run_command(&case, "CASE");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let reachable = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("a mode");
    reachable(folder.path());
    let called = folder.path().join("case");
    case.place_in(&called, &called.display().to_string());
    let args = args.into_iter().map(|word| word.replace("CASE", &called.display().to_string()));
    let scratch = folder.path().join("scratch");
    let args: Vec<_> = args.chain(["--dry-run-dir".to_string(), scratch.display().to_string()]).collect();
    let program = Program::kubephase().within(folder.path());
    let outcome = if is_root() {
        let own = folder.path().join("kubephase");
        fs::hard_link(program.path(), &own).or_else(|_| fs::copy(program.path(), &own).map(drop)).expect("a copy");
        Program::at(&own).within(folder.path()).without_privileges().run(args)
    } else {
        program.run(args)
    };
    outcome.expect_code(0);
    let mut actual = tree::read(&scratch);
    actual.values_mut().for_each(|entry| entry.owner = None);
    if case.text("init-dry-run.cmd").is_none() {
        actual.retain(|path, _| path.starts_with("etc/kubernetes/pki"));
    }
    let expected = host.expect(&Host::recorded(), meaning::of(&case.dry_run()));
    let files_only = case.path.join("dry-run.tree").exists();
    let mut differences = differences(&case, expected, &actual, files_only);
    // Numbers of users and groups are the first free ones of this host; the run in a root directory compares them.
    differences.retain(|d| {
        let ids = ["runAsUser", "runAsGroup", "supplementalGroups[0]"];
        let allocated = |v: &Option<serde_json::Value>| v.as_ref().is_some_and(serde_json::Value::is_u64);
        !(ids.iter().any(|id| d.at.ends_with(id)) && allocated(&d.expected) && allocated(&d.actual))
    });
    let differences = unexplained(name, differences, false);
    assert!(differences.is_empty(), "{name}: {}", report(&differences));
}

/// What the single phases leave in a root directory, against what those of kubeadm left.
fn phases(name: &str) {
    if let Some(why) = Rootfs::unavailable() {
        return skipped(name, &why);
    }
    let differences = unexplained(name, reproduce(&Program::kubephase(), &Case::named(name)), true);
    assert!(differences.is_empty(), "{name}: {}", report(&differences));
}

/// Runs the phases of a case by a program and compares what they leave.
pub fn reproduce(program: &Program, case: &Case) -> Vec<Difference> {
    let root = run_phases(program, case);
    let mut left = root.changes();
    // Who signed what is found among all certificates, those that were prepared too.
    left.extend(tree::read(&root.path()).into_iter().filter(|(path, _)| case.prepared(path)));
    differences(case, meaning::of(&case.files()), &left, false)
}

/// A dry run and a real run in equal roots differ in keys, certificates and times only.
fn agree(name: &str) {
    if let Some(why) = Rootfs::unavailable() {
        return skipped(name, &why);
    }
    let case = Case::named(name);
    if case.text("config.yaml").is_none() {
        return skipped(name, "driven by flags, of which each single phase knows a part only");
    }
    let mut args = dry_run_command(&case, CASE);
    let real = run_phases(&Program::kubephase(), &case).changes();
    let root = Rootfs::of(&case);
    args.extend(["--dry-run-dir".to_string(), "/scratch".to_string()]);
    let outcome = root.run(&Program::kubephase(), &args);
    outcome.expect_code(0);
    let dry = tree::read(&root.path().join("scratch"));
    // Nothing else may have been touched.
    let elsewhere: Vec<_> = root.changes().into_keys().filter(|path| !path.starts_with("scratch")).collect();
    assert!(elsewhere.is_empty(), "{name}: a dry run wrote {elsewhere:?}");
    let comparable = |tree: &Tree| -> std::collections::BTreeMap<String, (u32, Option<Vec<u8>>)> {
        let written = tree.iter().filter(|(path, e)| e.body != Body::Directory && !own_state(path));
        written
            .map(|(path, e)| {
                let differs = [".crt", ".key", ".pub", ".conf"].iter().any(|suffix| path.ends_with(suffix));
                let bytes = match &e.body {
                    Body::File(bytes) if !differs => Some(bytes.clone()),
                    _ => None,
                };
                (path.clone(), (e.mode, bytes))
            })
            .collect()
    };
    let (real, mut dry) = (comparable(&real), comparable(&dry));
    if case.text("init-dry-run.cmd").is_none() {
        dry.retain(|path, _| path.starts_with("etc/kubernetes/pki"));
    }
    let text = |b: &Option<Vec<u8>>| b.as_ref().map(|b| String::from_utf8_lossy(b).into_owned());
    for path in real.keys().chain(dry.keys()) {
        let (a, b) = (real.get(path), dry.get(path));
        let show = |x: Option<&(u32, Option<Vec<u8>>)>| x.map(|(mode, bytes)| (format!("{mode:04o}"), text(bytes)));
        assert_eq!(show(a), show(b), "{name}: {path}: real run and dry run differ");
    }
}

/// The recorded dry-run command, with `CASE` called `called`; for the case that recorded certificates only, the same
/// as for every configuration.
fn dry_run_command(case: &Case, called: &str) -> Vec<String> {
    let mut words = case.command("init-dry-run.cmd", called).unwrap_or_else(|| {
        let words = ["init", "--config", "CASE/config.yaml", "--dry-run", "--ignore-preflight-errors=all"];
        words.iter().map(|w| w.replace("CASE", called)).collect()
    });
    if !words.iter().any(|word| word == "--ignore-preflight-errors=all") {
        // A case whose configuration names single checks to be ignored; the others pass on its own node only.
        words.extend(["--skip-phases", "preflight"].map(str::to_string));
    }
    words
}

/// Runs the phases that the recording ran, with its commands.
pub fn run_phases(program: &Program, case: &Case) -> Rootfs {
    let root = Rootfs::of(case);
    for phase in PHASES {
        if let Some(args) = case.command(&format!("phase-{phase}.cmd"), CASE) {
            root.run(program, &args).expect_code(0);
        }
    }
    root
}

/// Where kubephase keeps its own state, which kubeadm does not have.
fn own_state(path: &str) -> bool {
    path == "var/lib/kubephase" || path.starts_with("var/lib/kubephase/")
}

/// Compares what kubeadm wrote with what is there now; `files_only` where directories were not recorded.
fn differences(case: &Case, mut expected: Meaning, actual: &Tree, files_only: bool) -> Vec<Difference> {
    let mut actual = meaning::of(actual);
    for meaning in [&mut expected, &mut actual] {
        meaning.retain(|path, _| !case.found(path) && !own_state(path));
    }
    // Directories above what was recorded, or all of them.
    actual.retain(|path, item| {
        let directory = item["kind"] == "directory" && !expected.contains_key(path);
        !directory || !(files_only || expected.keys().any(|e| e.starts_with(&format!("{path}/"))))
    });
    between(&expected, &actual)
}
