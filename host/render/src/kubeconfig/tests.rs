use super::*;
use crate::recorded;

const SERVER: &str = "https://10.77.0.13:6443";

fn ca() -> String {
    String::from_utf8(recorded::read("20-minimal-config", "files/etc/kubernetes/pki/ca.crt").unwrap()).unwrap()
}

fn other_ca() -> String {
    String::from_utf8(recorded::read("20-minimal-config", "files/etc/kubernetes/pki/etcd/ca.crt").unwrap()).unwrap()
}

fn admin() -> Kubeconfig {
    let auth = Auth::ClientCert { cert_pem: "CERT", key_pem: "TOP-SECRET" };
    Kubeconfig::new(SERVER, &ca(), "kubernetes", "kubernetes-admin", auth)
}

fn no_file(_: &str) -> Option<Vec<u8>> {
    None
}

#[test]
fn a_file_is_kubeadms_but_for_the_credentials() {
    for (file, user) in [
        ("admin.conf", "kubernetes-admin"),
        ("super-admin.conf", "kubernetes-super-admin"),
        ("kubelet.conf", "system:node:cp3"),
        ("controller-manager.conf", "system:kube-controller-manager"),
        ("scheduler.conf", "system:kube-scheduler"),
    ] {
        let auth = Auth::ClientCert { cert_pem: "CERT", key_pem: "KEY" };
        let ours = Kubeconfig::new(SERVER, &ca(), "kubernetes", user, auth);
        let bytes = recorded::read("20-minimal-config", &format!("files/etc/kubernetes/{file}")).unwrap();
        let mut theirs = Kubeconfig::parse(&bytes).unwrap();
        assert_eq!(theirs.check_existing(SERVER, ca().as_bytes(), no_file), Ok(None));
        theirs.0["users"][0]["user"]["client-certificate-data"] = STANDARD.encode("CERT").into();
        theirs.0["users"][0]["user"]["client-key-data"] = STANDARD.encode("KEY").into();
        assert_eq!(ours.to_yaml(), theirs.to_yaml(), "{file}");
    }
    let file = admin().to_file("/etc/kubernetes/admin.conf");
    assert_eq!((file.mode, file.secret), (0o600, true));
}

#[test]
fn what_is_written_is_read_back() {
    let written = admin();
    let read = Kubeconfig::parse(written.to_yaml().as_bytes()).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.current_context(), "kubernetes-admin@kubernetes");
    assert_eq!(read.cluster_name(), Ok("kubernetes"));
    assert_eq!(read.user_name(), Ok("kubernetes-admin"));
    assert_eq!(read.server(), Ok(SERVER));
    assert_eq!(read.client_certificate(), Ok(Some(Material::Inline(b"CERT".to_vec()))));
    assert_eq!(read.client_key(), Ok(Some(Material::Inline(b"TOP-SECRET".to_vec()))));
    assert_eq!(read.token(), Ok(None));
    let token = Kubeconfig::new(SERVER, &ca(), "c", "u", Auth::Token("abcdef.0123456789abcdef"));
    assert_eq!(token.token(), Ok(Some("abcdef.0123456789abcdef")));
    assert_eq!(token.client_key(), Ok(None));
}

#[test]
fn secrets_do_not_show() {
    let token = Kubeconfig::new(SERVER, &ca(), "c", "u", Auth::Token("abcdef.0123456789abcdef"));
    for shown in [
        format!("{:?}", admin()),
        format!("{token:?}"),
        format!("{:?}", admin().client_key()),
        format!("{:?}", Auth::Token("abcdef.0123456789abcdef")),
        format!("{:?}", Auth::ClientCert { cert_pem: "CERT", key_pem: "TOP-SECRET" }),
    ] {
        for secret in ["TOP-SECRET", &STANDARD.encode("TOP-SECRET"), "abcdef", "84, 79, 80"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let error = Kubeconfig::parse(b"a: [TOP-SECRET\nb: c").unwrap_err();
    assert!(!error.to_string().contains("SECRET"), "{error}");
}

#[test]
fn only_the_first_certificate_of_a_bundle_is_taken() {
    let bundle = format!("# comment\n{}{}", ca(), other_ca());
    let config = Kubeconfig::new(SERVER, &bundle, "c", "u", Auth::Token("t"));
    assert_eq!(config.ca(), Ok(Some(Material::Inline(ca().into_bytes()))));
}

#[test]
fn servers_are_rewritten_in_every_cluster() {
    let text = "clusters:\n- {name: a, cluster: {server: 'https://a'}}\n- {name: b, cluster: {server: 'https://b'}}\n\
                contexts: [{name: x, context: {cluster: b, user: u}}]\ncurrent-context: x\nusers: []\n";
    let mut config = Kubeconfig::parse(text.as_bytes()).unwrap();
    assert_eq!(config.server(), Ok("https://b"));
    config.set_server(SERVER);
    assert_eq!(config.server(), Ok(SERVER));
    assert_eq!(config.to_yaml().matches(SERVER).count(), 2);
}

#[test]
fn an_existing_file_must_trust_the_clusters_ca() {
    let check = |config: &Kubeconfig, trusted: &str| config.check_existing(SERVER, trusted.as_bytes(), no_file);
    assert_eq!(check(&admin(), &ca()), Ok(None));
    // Any of a bundle will do.
    assert_eq!(check(&admin(), &format!("{}{}", other_ca(), ca())), Ok(None));
    assert_eq!(check(&admin(), &other_ca()), Err(KubeconfigError::Untrusted));

    let mut moved = admin();
    moved.set_server("https://elsewhere:6443");
    assert_eq!(
        check(&moved, &ca()),
        Ok(Some(ServerMismatch { found: "https://elsewhere:6443".into(), expected: SERVER.into() }))
    );

    let with_cluster = |cluster: Value| {
        let mut config = admin();
        config.0["clusters"][0]["cluster"] = cluster;
        config
    };
    let by_path = with_cluster(json!({ "server": SERVER, "certificate-authority": "/ca.crt" }));
    assert_eq!(check(&by_path, &ca()), Err(KubeconfigError::NoCa("kubernetes".into())));
    let read = |path: &str| (path == "/ca.crt").then(|| ca().into_bytes());
    assert_eq!(by_path.check_existing(SERVER, ca().as_bytes(), read), Ok(None));

    for (cluster, error) in [
        (json!({ "server": SERVER }), KubeconfigError::NoCa("kubernetes".into())),
        (json!({ "certificate-authority-data": "@" }), KubeconfigError::Base64("certificate-authority-data")),
        (json!({ "certificate-authority-data": "Zm9v" }), KubeconfigError::BadCa("kubernetes".into())),
    ] {
        assert_eq!(check(&with_cluster(cluster), &ca()), Err(error.clone()));
        assert!(!error.hint().is_empty());
    }
    let missing = |kind, name: &str| Err(KubeconfigError::Missing { kind, name: name.into() });
    let mut config = admin();
    config.0["current-context"] = "x".into();
    assert_eq!(check(&config, &ca()), missing("context", "x"));
    let mut config = admin();
    config.0["clusters"] = json!([]);
    assert_eq!(check(&config, &ca()), missing("cluster", "kubernetes"));
}

#[test]
fn what_is_no_kubeconfig_is_refused() {
    assert!(matches!(Kubeconfig::parse(b"a: b: c"), Err(KubeconfigError::Syntax { line: Some(1) })));
    assert!(matches!(Kubeconfig::parse(b"- a"), Err(KubeconfigError::Shape(_))));
    assert!(matches!(Kubeconfig::parse(b""), Err(KubeconfigError::Shape(_))));
    assert!(matches!(Kubeconfig::parse(b"kind: Pod"), Err(KubeconfigError::Shape(_))));
}

#[test]
fn new_credentials_leave_everything_else_alone() {
    let text = "\
apiVersion: v1
kind: Config
current-context: work
clusters:
- name: other
  cluster: {server: https://other:6443, certificate-authority: /other.crt}
- name: kubernetes
  cluster: {server: https://lb:6443, certificate-authority: /ca.crt, tls-server-name: api}
contexts:
- name: work
  context: {cluster: kubernetes, user: admin, namespace: shop}
extensions:
- name: note
  extension: {kept: true}
users:
- name: admin
  user: {client-certificate-data: T0xE, client-key-data: T0xE}
- name: other
  user: {token: secret}
";
    let mut file = Kubeconfig::parse(text.as_bytes()).unwrap();
    file.renew(&format!("{}{}", ca(), other_ca()), "CERT", "KEY").unwrap();
    let written = Kubeconfig::parse(file.to_yaml().as_bytes()).unwrap();
    assert_eq!(written.client_certificate().unwrap(), Some(Material::Inline(b"CERT".to_vec())));
    assert_eq!(written.client_key().unwrap(), Some(Material::Inline(b"KEY".to_vec())));
    assert_eq!(written.ca().unwrap(), Some(Material::Inline(ca().into_bytes())));
    let mut expected: Value = serde_yaml::from_str(text).unwrap();
    let data = |text: &str| Value::from(STANDARD.encode(text));
    expected["clusters"][1]["cluster"] =
        json!({ "server": "https://lb:6443", "tls-server-name": "api", "certificate-authority-data": data(&ca()) });
    expected["users"][0]["user"] = json!({ "client-certificate-data": data("CERT"), "client-key-data": data("KEY") });
    assert_eq!(written.0, expected);

    let error = Kubeconfig::parse(b"current-context: x").unwrap().renew("", "", "").unwrap_err();
    assert_eq!(error, KubeconfigError::Missing { kind: "context", name: "x".into() });
}

#[test]
fn a_file_may_wait_for_its_certificates() {
    let file = Kubeconfig::awaiting(SERVER, "kubernetes", "kubernetes-admin", "KEY");
    assert_eq!((file.ca().unwrap(), file.client_certificate().unwrap()), (None, None));
    assert_eq!(file.client_key().unwrap(), Some(Material::Inline(b"KEY".to_vec())));
    assert_eq!((file.server().unwrap(), file.user_name().unwrap()), (SERVER, "kubernetes-admin"));
}
