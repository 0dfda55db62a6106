//! Every preflight check, by running the lists themselves for every release and for configurations that between them
//! use everything. A default check that no configuration here leads to would be missing, so there is a test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubephase_model::config::flags::{InitFlags, JoinFlags};
use kubephase_model::config::load::{Command, Documents, load};
use kubephase_model::config::resolve::{resolve_init, resolve_join};
use kubephase_model::release::RELEASES;
use kubephase_model::report::Source;
use kubephase_model::{Facts, Release, Report};
use kubephase_preflight::{Checklist, lists};

use super::markdown::{code, head, table};

#[derive(Default)]
struct Row {
    about: &'static str,
    workflows: BTreeSet<Workflow>,
    minors: BTreeSet<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Workflow {
    Init,
    JoinWorker,
    JoinControlPlane,
}

/// The page.
pub fn page() -> String {
    let about = "What `init` and `join` look at before anything changes, under kubeadm's names: what \
                 `--ignore-preflight-errors` takes, in any case. Names that hold ports or paths are shown for the \
                 default ones.";
    let rows = rows().into_iter().map(|(name, row)| {
        let marked = |workflow| if row.workflows.contains(&workflow) { "yes" } else { "" }.to_owned();
        let releases = match row.minors.len() == RELEASES.len() {
            true => "all".to_owned(),
            false => row.minors.iter().map(|minor| format!("v1.{minor}")).collect::<Vec<_>>().join(", "),
        };
        [
            code(&name),
            row.about.to_owned(),
            marked(Workflow::Init),
            marked(Workflow::JoinWorker),
            marked(Workflow::JoinControlPlane),
            releases,
        ]
    });
    head("Preflight checks", about)
        + &table(["check", "what it wants", "init", "join", "join --control-plane", "releases"], rows)
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut add = |list: Checklist, workflow: Workflow, release: &Release| {
        for check in list.batches.iter().flat_map(|batch| &batch.checks) {
            let row = rows.entry(check.name()).or_default();
            row.about = check.about();
            row.workflows.insert(workflow);
            row.minors.insert(release.minor);
        }
    };
    let options = lists::Options::default();
    for &release in RELEASES {
        for (address, subnet, etcd) in [
            ("192.0.2.1", "10.96.0.0/12", ""),
            (
                "2001:db8::1",
                "2001:db8:1::/108",
                "etcd: {external: {endpoints: ['https://etcd.example:2379'], caFile: /etc/etcd/ca.crt, \
                 certFile: /etc/etcd/client.crt, keyFile: /etc/etcd/client.key}}\n",
            ),
        ] {
            let cluster = format!(
                "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: \
                 '{address}'}}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: \
                 {}\nnetworking: {{serviceSubnet: '{subnet}'}}\n{etcd}",
                release.newest()
            );
            let (documents, mut report) = documents(&cluster, Command::Init);
            let random = &mut |bytes: &mut [u8]| bytes.fill(7);
            let lookup = |_: &str| Err("not asked".to_owned());
            let flags = InitFlags::default();
            let cluster = resolve_init(Some(&documents), &flags, &facts(), &lookup, random, false, &mut report);
            let cluster = cluster.unwrap_or_else(|| panic!("an example of the documentation is wrong: {report}"));
            add(lists::init(&cluster, &options), Workflow::Init, release);
            add(lists::join_control_plane(&cluster, false, &options), Workflow::JoinControlPlane, release);

            for (workflow, control_plane) in [
                (Workflow::JoinWorker, String::new()),
                (
                    Workflow::JoinControlPlane,
                    format!("controlPlane: {{localAPIEndpoint: {{advertiseAddress: '{address}'}}}}\n"),
                ),
            ] {
                let endpoint = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
                let join = format!(
                    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n{control_plane}discovery: \
                     {{bootstrapToken: {{token: abcdef.0123456789abcdef, apiServerEndpoint: '{endpoint}:6443', \
                     unsafeSkipCAVerification: true}}}}\n"
                );
                let (documents, mut report) = self::documents(&join, Command::Join);
                let join = resolve_join(Some(&documents), &JoinFlags::default(), &facts(), false, &mut report);
                let join = join.unwrap_or_else(|| panic!("an example of the documentation is wrong: {report}"));
                add(lists::join(&join, Some(release), &[], &options), workflow, release);
            }
        }
    }
    rows
}

fn documents(text: &str, command: Command) -> (Documents, Report) {
    let source = Arc::new(Source { name: "example".into(), text: text.into() });
    let mut report = Report::default();
    (load(&source, command, &mut report), report)
}

fn facts() -> Facts {
    Facts { hostname: "node-1".into(), ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each file in `checks/` is one kind of check; their names begin differently.
    #[test]
    fn every_kind_of_check_is_on_the_page() {
        #[expect(clippy::disallowed_methods, reason = "a test that compares the page with the source tree")]
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../preflight/src/checks"))
            .expect("source tree")
            .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()))
            .count();
        let abouts: BTreeSet<&str> = rows().values().map(|row| row.about).collect();
        assert!(abouts.len() >= files, "{} kinds of checks on the page, {files} files", abouts.len());
    }
}
