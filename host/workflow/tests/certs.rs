//! Looking after the certificates of a directory that stands for a node.

#![expect(clippy::disallowed_methods, reason = "tests prepare files and look at what was written")]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubephase_engine::{Event, Selection, Sink};
use kubephase_model::config::duration::GoDuration;
use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{self, Command};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::{Cluster, Facts, KeyAlgorithm, Report};
use kubephase_node::cri::fake::FakeRuntime;
use kubephase_node::{Ambient, Change, Node, Owner};
use kubephase_pki::{CERTS, Cert, PrivateKey, generate_key, key_algorithm, verify_chain};
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use kubephase_workflow::certs::{
    CertsError, Expirations, NewUser, Outcome, Renewable, Settings, expirations, generate_requests, readers, renew,
    restart, user_kubeconfig,
};
use kubephase_workflow::init::{Init, Options, workflow};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration: {name: node-1}
timeouts: {controlPlaneComponentHealthCheck: 2s}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P384
apiServer: {certSANs: [api.example.com]}
";

fn settings(more: &str) -> Settings {
    let mut report = Report::default();
    let source = load::source("c.yaml", format!("{CONFIG}{more}").into_bytes(), &mut report).expect("UTF-8");
    let documents = load::load(&source, Command::Init, &mut report);
    let facts = Facts { hostname: "node-1".into(), ..Facts::default() };
    let no_network = |_: &str| Err("no network".to_owned());
    let flags = InitFlags::default();
    let cluster = resolve_init(Some(&documents), &flags, &facts, &no_network, &mut |_| {}, false, &mut report);
    Settings { cluster: cluster.unwrap_or_else(|| panic!("{report}")), known: true }
}

/// A node with all certificates and kubeconfig files.
struct Machine {
    root: tempfile::TempDir,
    node: Node,
    settings: Settings,
}

impl Machine {
    fn new(more: &str) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let settings = settings(more);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for phase in ["certs", "kubeconfig"] {
            let options = Options { only: Some(phase.to_owned()), ..Options::new(Arc::new(|_| {})) };
            let mut cx = Init::new(settings.cluster.clone(), Node::at(root.path()), options).expect("nothing odd");
            let selection = Selection { only: Some(phase.to_owned()), skip: Vec::new() };
            assert!(runtime.block_on(workflow().run(&mut cx, &selection)).is_ok(), "{phase}");
        }
        let node = Node::at(root.path());
        Self { root, node, settings }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join("etc/kubernetes").join(path)
    }

    fn renew(&self, name: Option<&str>) -> Result<Vec<(&'static str, Outcome)>, CertsError> {
        let named = name.map(|name| Renewable::find(name).expect(name));
        let renewals = renew(&self.node, &self.settings, named)?;
        Ok(renewals.into_iter().map(|renewal| (renewal.what.name(), renewal.outcome)).collect())
    }

    fn expirations(&self) -> Expirations {
        expirations(&self.settings.cluster, &self.node)
    }

    fn cert(&self, path: &str) -> Cert {
        Cert::from_pem(path, &std::fs::read(self.path(path)).expect(path)).expect(path)
    }

    fn key(&self, path: &str) -> PrivateKey {
        PrivateKey::from_pem(path, &std::fs::read(self.path(path)).expect(path)).expect(path)
    }

    fn kubeconfig(&self, file: &str) -> Kubeconfig {
        Kubeconfig::parse(&std::fs::read(self.path(file)).expect(file)).expect(file)
    }

    /// Everything below `/etc/kubernetes`.
    fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for directory in ["", "pki", "pki/etcd"] {
            for entry in std::fs::read_dir(self.path(directory)).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_file() {
                    let name = path.strip_prefix(self.path("")).expect("below").display().to_string();
                    files.insert(name, std::fs::read(&path).expect("readable"));
                }
            }
        }
        files
    }
}

fn inline(material: Option<Material>) -> Vec<u8> {
    match material {
        Some(Material::Inline(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

/// Everything of a certificate that a renewal keeps.
fn identity(cert: &Cert) -> impl PartialEq + std::fmt::Debug + use<> {
    let names = (cert.dns.clone(), cert.ips.clone());
    (cert.subject.clone(), cert.issuer.clone(), names, cert.usages.clone())
}

#[test]
fn a_renewal_keeps_who_it_is_and_replaces_the_key() {
    let machine = Machine::new("");
    let before = machine.tree();
    let old_certs: Vec<(&str, Cert)> =
        CERTS.iter().map(|spec| (spec.base, machine.cert(&format!("pki/{}.crt", spec.base)))).collect();
    let old_admin = machine.kubeconfig("admin.conf");
    std::thread::sleep(Duration::from_millis(1100));
    let renewed = machine.renew(None).expect("all can be renewed");
    let names: Vec<&str> = renewed.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, Renewable::all().iter().map(|one| one.name()).collect::<Vec<_>>());
    assert!(renewed.iter().all(|(_, outcome)| matches!(outcome, Outcome::Renewed { .. })), "{renewed:?}");

    let changed: Vec<String> =
        machine.tree().into_iter().filter(|(name, bytes)| before[name] != *bytes).map(|(name, _)| name).collect();
    assert_eq!(changed.len(), 2 * 7 + 4, "{changed:?}");
    assert!(!changed.iter().any(|name| name.contains("ca.") || name.contains("sa.") || name == "kubelet.conf"));
    for (base, old) in old_certs.iter().filter(|(_, cert)| !cert.is_ca) {
        let (new, key) = (machine.cert(&format!("pki/{base}.crt")), machine.key(&format!("pki/{base}.key")));
        assert_eq!(identity(&new), identity(old), "{base}");
        assert!(new.matches(&key) && !old.matches(&key) && new.serial != old.serial, "{base}");
        assert!(new.not_after > old.not_after, "{base}");
        let roots: Vec<Cert> = old_certs.iter().map(|(_, cert)| cert.clone()).filter(|cert| cert.is_ca).collect();
        verify_chain(&new, &[], &roots, machine.node.now()).unwrap_or_else(|error| panic!("{base}: {error}"));
        assert_eq!(key_algorithm(&new), Some(KeyAlgorithm::EcdsaP384));
    }
    let admin = machine.kubeconfig("admin.conf");
    let (old, new) = (old_admin.client_certificate(), admin.client_certificate());
    let [old, new] = [old, new].map(|pem| Cert::from_pem("admin", &inline(pem.expect("one"))).expect("readable"));
    assert_eq!(identity(&new), identity(&old));
    assert!(new.matches(&PrivateKey::from_pem("admin", &inline(admin.client_key().expect("one"))).expect("readable")));
    // Unlike when it is made, a renewed one does not begin with its authority.
    assert_eq!(new.not_before, new.not_after - Duration::from_secs(8760 * 3600 + 300));
    assert_eq!((admin.server(), admin.ca()), (old_admin.server(), old_admin.ca()));
}

#[test]
fn files_stay_whose_they_are() {
    let machine = Machine::new("");
    let path = machine.path("pki/apiserver.key");
    let root = path.metadata().expect("there").uid() == 0;
    let owner = if root {
        Owner { uid: 101, gid: 102 }
    } else {
        Owner { uid: path.metadata().expect("there").uid(), gid: path.metadata().expect("there").gid() }
    };
    machine.node.own("/etc/kubernetes/pki/apiserver.key", owner, 0o640).expect("given away");
    machine.renew(Some("apiserver")).expect("renewed");
    let metadata = path.metadata().expect("there");
    assert_eq!((metadata.uid(), metadata.gid(), metadata.permissions().mode() & 0o7777), (owner.uid, owner.gid, 0o640));
}

#[test]
fn a_new_key_is_not_for_everybody_even_if_the_old_one_was() {
    let machine = Machine::new("");
    for path in ["pki/apiserver.key", "admin.conf", "pki/apiserver.crt"] {
        std::fs::set_permissions(machine.path(path), std::fs::Permissions::from_mode(0o644)).expect("opened");
    }
    let renewals = renew(&machine.node, &machine.settings, None).expect("renewed");
    let mode = |path: &str| machine.path(path).metadata().expect(path).permissions().mode() & 0o7777;
    assert_eq!([mode("pki/apiserver.key"), mode("admin.conf"), mode("pki/apiserver.crt")], [0o640, 0o640, 0o644]);
    let notes: Vec<&String> = renewals.iter().flat_map(|renewal| &renewal.notes).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("admin.conf: /etc/kubernetes/admin.conf had mode 0644"), "{notes:?}");
}

/// The machine with its clock set.
fn at(machine: &Machine, now: std::time::SystemTime) -> Node {
    let ambient = Ambient { uid: 0, now: Some(now), ..Ambient::default() };
    Node::fixed(machine.root.path(), ambient)
}

#[test]
fn nothing_is_replaced_by_what_nobody_would_believe() {
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    let machine = Machine::new("");
    let (before, ca) = (machine.tree(), machine.cert("pki/ca.crt"));
    let try_at = |now, named| renew(&at(&machine, now), &machine.settings, named);
    for (now, what) in [(ca.not_after + Duration::from_secs(1), "over"), (ca.not_before - YEAR, "not yet")] {
        let error = try_at(now, None).expect_err(what);
        let CertsError::OutOfTime { authorities, early, .. } = &error else { panic!("{error}") };
        assert_eq!((authorities.len(), *early), (3, what == "not yet"), "{error}");
        assert!(error.to_string().contains("/etc/kubernetes/pki/etcd/ca.crt"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("clock")));
        let error = try_at(now, Renewable::find("etcd-peer")).expect_err(what);
        assert!(matches!(&error, CertsError::OutOfTime { authorities, .. } if authorities.len() == 1), "{error}");
        assert_eq!(machine.tree(), before);
    }
    // Clocks that differ a little, and the last second.
    try_at(ca.not_before - Duration::from_secs(200), Renewable::find("apiserver")).expect("renewed");
    try_at(ca.not_after, Renewable::find("etcd-peer")).expect("renewed");

    let before = machine.tree();
    let mut settings = machine.settings.clone();
    settings.cluster.config.certificate_validity_period = Some(GoDuration::hours(-1));
    let error = renew(&machine.node, &settings, Renewable::find("apiserver")).expect_err("never valid");
    assert!(error.to_string().contains("would end before it begins"), "{error}");
    assert_eq!(machine.tree(), before);
}

#[test]
fn an_authority_that_cannot_be_used_is_told_once() {
    let machine = Machine::new("");
    std::fs::write(machine.path("pki/ca.key"), "no key").expect("written");
    let error = machine.renew(None).expect_err("nobody can sign");
    assert!(!matches!(error, CertsError::Several(_)) && error.to_string().contains("pki/ca.key"), "{error}");
}

#[test]
fn a_run_that_was_killed_between_key_and_certificate_is_mended_by_the_next() {
    let machine = Machine::new("");
    let stray = generate_key(KeyAlgorithm::EcdsaP256).expect("a key").to_pem().expect("PEM");
    std::fs::write(machine.path("pki/etcd/peer.key"), stray).expect("written");
    let found = machine.expirations();
    assert_eq!(found.warnings.len(), 1);
    assert!(found.warnings[0].contains("kubephase certs renew etcd-peer"), "{:?}", found.warnings);
    machine.renew(Some("etcd-peer")).expect("renewed");
    assert!(machine.cert("pki/etcd/peer.crt").matches(&machine.key("pki/etcd/peer.key")));
    assert_eq!(machine.expirations().warnings, [""; 0]);
}

#[test]
fn what_cannot_be_read_stops_everything_before_anything_is_changed() {
    let machine = Machine::new("");
    std::fs::write(machine.path("pki/etcd/peer.crt"), "no certificate").expect("written");
    std::fs::write(machine.path("scheduler.conf"), "a: [").expect("written");
    let before = machine.tree();
    let error = machine.renew(None).expect_err("two are damaged");
    assert!(matches!(&error, CertsError::Several(errors) if errors.len() == 2), "{error}");
    for word in ["pki/etcd/peer.crt", "scheduler.conf"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    assert_eq!(machine.tree(), before);
    let found = machine.expirations();
    assert_eq!((found.unreadable.len(), found.certificates.len()), (2, 11));
    let row = found.certificates.iter().find(|row| row.name == "etcd-peer").expect("a row");
    assert!(row.not_after.is_none() && !row.missing);
    // The others are not hindered.
    machine.renew(Some("apiserver")).expect("renewed");
}

#[test]
fn what_an_authority_elsewhere_signs_is_told_or_refused() {
    let machine = Machine::new("");
    std::fs::remove_file(machine.path("pki/ca.key")).expect("moved away");
    let before = machine.tree();
    let error = machine.renew(Some("apiserver")).expect_err("nobody can sign");
    assert!(matches!(error, CertsError::External { name: "apiserver", .. }), "{error}");
    assert!(error.hint().expect("a hint").contains("generate-csr"));
    assert_eq!(machine.tree(), before);
    let outcomes = machine.renew(None).expect("told");
    let external: Vec<&str> =
        outcomes.iter().filter(|(_, it)| *it == Outcome::External).map(|(name, _)| *name).collect();
    let signed = ["admin.conf", "apiserver", "apiserver-kubelet-client", "controller-manager.conf", "scheduler.conf"];
    assert_eq!(external, signed.into_iter().chain(["super-admin.conf"]).collect::<Vec<_>>());
    assert_ne!(machine.tree()["pki/etcd/server.crt"], before["pki/etcd/server.crt"]);
    let found = machine.expirations();
    for row in found.certificates.iter().chain(&found.authorities) {
        let elsewhere = row.authority.unwrap_or(row.name) == "ca";
        assert_eq!(row.externally_managed, elsewhere, "{}", row.name);
    }
}

#[test]
fn what_is_not_there_is_told_or_refused() {
    let machine = Machine::new("");
    std::fs::remove_file(machine.path("super-admin.conf")).expect("removed");
    assert!(machine.renew(None).expect("told").contains(&("super-admin.conf", Outcome::Missing)));
    let error = machine.renew(Some("super-admin.conf")).expect_err("nothing says what it should be");
    assert!(matches!(error, CertsError::Missing { name: "super-admin.conf", .. }), "{error}");
    let found = machine.expirations();
    let row = found.certificates.iter().find(|row| row.name == "super-admin.conf").expect("a row");
    assert!(row.missing && row.not_after.is_none());

    // Not needed is not missing: somebody else's etcd, as the configuration has it now.
    let mut settings = machine.settings.clone();
    settings.cluster.config.etcd.local = None;
    settings.cluster.config.etcd.external = Some(Default::default());
    let named = Renewable::find("etcd-server");
    let error = renew(&machine.node, &settings, named).expect_err("not ours");
    assert!(matches!(error, CertsError::NotNeeded { name: "etcd-server" }), "{error}");
    let names: Vec<&str> =
        renew(&machine.node, &settings, None).expect("told").iter().map(|renewal| renewal.what.name()).collect();
    assert!(names.iter().all(|name| !name.contains("etcd")), "{names:?}");
    let authorities: Vec<&str> =
        expirations(&settings.cluster, &machine.node).authorities.iter().map(|row| row.name).collect();
    assert_eq!(authorities, ["ca", "front-proxy-ca"]);
}

#[test]
fn defaults_do_not_change_the_kind_of_keys() {
    let machine = Machine::new("");
    let mut settings = Settings { known: false, ..machine.settings.clone() };
    settings.cluster.config.encryption_algorithm = "RSA-2048".into();
    renew(&machine.node, &settings, Renewable::find("front-proxy-client")).expect("renewed");
    assert_eq!(key_algorithm(&machine.cert("pki/front-proxy-client.crt")), Some(KeyAlgorithm::EcdsaP384));
    settings.known = true;
    renew(&machine.node, &settings, Renewable::find("front-proxy-client")).expect("renewed");
    assert_eq!(key_algorithm(&machine.cert("pki/front-proxy-client.crt")), Some(KeyAlgorithm::Rsa2048));
}

#[test]
fn a_certificate_that_outlives_its_authority_is_told() {
    let mut machine = Machine::new("caCertificateValidityPeriod: 24h\ncertificateValidityPeriod: 12h\n");
    machine.settings.cluster.config.certificate_validity_period = Some(GoDuration::hours(48));
    let renewals = renew(&machine.node, &machine.settings, Renewable::find("apiserver")).expect("renewed");
    assert_eq!(renewals[0].notes.len(), 1);
    assert!(renewals[0].notes[0].contains("its authority `CN=kubernetes` ends before it"), "{:?}", renewals[0].notes);
}

#[test]
fn requests_are_made_once() {
    let root = tempfile::tempdir().expect("a directory");
    let (node, settings) = (Node::at(root.path()), settings(""));
    let make = || generate_requests(&node, &settings.cluster, "/csr/pki/", "/csr");
    let asked = make().expect("made");
    assert_eq!((asked.certificates.len(), asked.kubeconfigs.len()), (7, 5));
    let kubelet = Kubeconfig::parse(&std::fs::read(root.path().join("csr/kubelet.conf")).expect("made")).expect("one");
    assert_eq!(
        (kubelet.user_name(), kubelet.ca(), kubelet.client_certificate()),
        (Ok("system:node:node-1"), Ok(None), Ok(None))
    );
    let error = make().expect_err("they may have been sent out");
    assert!(
        error.to_string().contains("/csr/pki/apiserver.key, /csr/pki/apiserver.csr and 22 more are there"),
        "{error}"
    );
    for name in ["csr/pki/etcd/server.key", "csr/pki/etcd/server.csr", "csr/admin.conf", "csr/admin.conf.csr"] {
        assert_eq!(root.path().join(name).metadata().expect(name).permissions().mode() & 0o7777, 0o600, "{name}");
    }
}

#[test]
fn another_user_gets_a_file_of_its_own() {
    let machine = Machine::new("");
    let organizations = ["dev".to_owned(), "ops".to_owned()];
    let user = NewUser { name: "alice", organizations: &organizations, token: None, validity: GoDuration::hours(24) };
    let cluster: &Cluster = &machine.settings.cluster;
    let file = user_kubeconfig(&machine.node, cluster, "https://lb:6443", user).expect("made");
    assert_eq!((file.server(), file.current_context()), (Ok("https://lb:6443"), "alice@kubernetes"));
    let cert = Cert::from_pem("alice", &inline(file.client_certificate().expect("one"))).expect("readable");
    let ca = machine.cert("pki/ca.crt");
    assert_eq!((cert.common_name.as_str(), &cert.organizations[..]), ("alice", &organizations[..]));
    assert_eq!(cert.not_before, ca.not_before);
    verify_chain(&cert, &[], &[ca], machine.node.now()).expect("signed");

    std::fs::remove_file(machine.path("pki/ca.key")).expect("moved away");
    let error = user_kubeconfig(&machine.node, cluster, "https://lb:6443", user).expect_err("nobody can sign");
    assert!(error.to_string().contains("/etc/kubernetes/pki/ca.key"), "{error}");
    let user = NewUser { token: Some("secret"), ..user };
    let file = user_kubeconfig(&machine.node, cluster, "https://lb:6443", user).expect("needs no key");
    assert_eq!((file.token(), file.client_certificate()), (Ok(Some("secret")), Ok(None)));
}

/// A health endpoint on a port of its own.
async fn healthy() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
        }
    });
    port
}

fn manifest(machine: &Machine, component: &str, port: u16) {
    let probe = format!("{{httpGet: {{host: 127.0.0.1, path: /livez, port: {port}, scheme: HTTP}}}}");
    let text = format!("spec: {{containers: [{{name: {component}, livenessProbe: {probe}}}]}}\n");
    std::fs::create_dir_all(machine.path("manifests")).expect("a directory");
    std::fs::write(machine.path("manifests").join(format!("{component}.yaml")), text).expect("written");
}

fn kubelet(root: &Path, port: u16) {
    std::fs::create_dir_all(root.join("var/lib/kubelet")).expect("a directory");
    std::fs::create_dir_all(root.join("run")).expect("a directory");
    std::fs::write(root.join("var/lib/kubelet/config.yaml"), format!("healthzPort: {port}\n")).expect("written");
    let instance = "containerRuntimeEndpoint: unix:///run/fake.sock\n";
    std::fs::write(root.join("var/lib/kubelet/instance-config.yaml"), instance).expect("written");
}

fn told() -> (Sink<Change>, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let sink: Sink<Change> = Arc::new(move |event| {
        let line = match event {
            Event::Progress { item, message, .. } => format!("{item}: {message}"),
            Event::Notice { message, .. } => message,
            _ => return,
        };
        list.lock().expect("not poisoned").push(line);
    });
    (sink, told)
}

#[tokio::test]
async fn components_are_restarted_one_after_the_other() {
    let machine = tokio::task::spawn_blocking(|| Machine::new("")).await.expect("made");
    kubelet(machine.root.path(), healthy().await);
    for component in ["etcd", "kube-apiserver", "kube-controller-manager"] {
        manifest(&machine, component, healthy().await);
    }
    // Somebody else's pod has a container of the same name.
    let names = ["backup-0/etcd", "kube-apiserver", "etcd", "kube-proxy", "kube-controller-manager"];
    let runtime = FakeRuntime::new(&names);
    let _serving = runtime.serve(&machine.root.path().join("run/fake.sock")).expect("bound");
    let renewals = renew(&machine.node, &machine.settings, None).expect("renewed");
    let (sink, told) = told();
    restart(&machine.node, &machine.settings, &readers(&renewals), &sink).await.expect("restarted");
    assert_eq!(runtime.state().stopped, ["etcd", "kube-apiserver", "kube-controller-manager"]);
    let told = told.lock().expect("not poisoned").clone();
    let of = |start: &str| told.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{told:?}"));
    assert!(of("etcd: healthy after") < of("kube-apiserver: waiting for it to end"), "{told:?}");
    assert!(told[of("kube-scheduler")].contains("does not run on this node"), "{told:?}");
}

#[tokio::test]
async fn nothing_is_stopped_that_nobody_would_start_again() {
    let machine = tokio::task::spawn_blocking(|| Machine::new("")).await.expect("made");
    manifest(&machine, "etcd", healthy().await);
    manifest(&machine, "kube-apiserver", healthy().await);
    let runtime = FakeRuntime::new(&["etcd", "kube-apiserver"]);
    kubelet(machine.root.path(), 1);
    let _serving = runtime.serve(&machine.root.path().join("run/fake.sock")).expect("bound");
    let (sink, _) = told();
    let error = restart(&machine.node, &machine.settings, &["etcd"], &sink).await.expect_err("no kubelet").error;
    assert!(matches!(error, CertsError::NoKubelet { component: "etcd", .. }), "{error}");
    assert_eq!(runtime.state().stopped, [""; 0]);

    // One that does not come back keeps the next one running.
    kubelet(machine.root.path(), healthy().await);
    runtime.state().abandoned.push("etcd".into());
    let both = ["etcd", "kube-apiserver"];
    // Another pod's container of that name is not taken for it.
    runtime.state().containers.push(("backup-0/etcd".into(), true));
    let ended = restart(&machine.node, &machine.settings, &both, &sink).await.expect_err("etcd stays down");
    assert!(ended.error.to_string().contains("etcd"), "{}", ended.error);
    assert_eq!((ended.left, &runtime.state().stopped[..]), (both.to_vec(), &["etcd".to_owned()][..]));

    runtime.state().abandoned.clear();
    runtime.state().containers.push(("etcd".into(), true));
    manifest(&machine, "kube-apiserver", 1);
    let ended = restart(&machine.node, &machine.settings, &both, &sink).await.expect_err("never healthy");
    assert_eq!(ended.left, ["kube-apiserver"]);
}

#[tokio::test]
async fn a_static_pod_is_named_after_what_the_kubelet_calls_the_node() {
    let machine = tokio::task::spawn_blocking(|| Machine::new("")).await.expect("made");
    kubelet(machine.root.path(), healthy().await);
    manifest(&machine, "etcd", healthy().await);
    let runtime = FakeRuntime::new(&["etcd"]);
    let _serving = runtime.serve(&machine.root.path().join("run/fake.sock")).expect("bound");
    // As after `init --node-name node-1`, which nobody has stored.
    let mut settings = machine.settings.clone();
    settings.cluster.init.node_registration.name = "another".into();
    let (sink, _) = told();
    restart(&machine.node, &settings, &["etcd"], &sink).await.map_err(|ended| ended.error).expect("restarted");
    assert_eq!(runtime.state().stopped, ["etcd"]);
}
