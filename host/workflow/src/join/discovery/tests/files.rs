//! Discovery by files and URLs, and by the administrator's file that an earlier run has left.

use kubephase_model::config::v1beta4::{FileDiscovery, JoinControlPlane};
use kubephase_node::http::{Client, Options, Tls};

use super::super::{Deadline, file};
use super::*;

const PATH: &str = "/root/join/discovery.conf";

/// A kubeconfig of one user and the cluster of these tests.
fn text(cluster: &Value, user: &Value) -> String {
    json!({
        "clusters": [{ "name": "c", "cluster": cluster }, { "name": "other", "cluster": {} }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "x",
        "users": [{ "name": "u", "user": user }, { "name": "other", "user": { "token": SECRET } }],
    })
    .to_string()
}

fn by_file(path: &str, token: &str) -> JoinConfiguration {
    let file = FileDiscovery { kube_config_path: ArgValue(path.to_owned()) };
    JoinConfiguration {
        discovery: Discovery { file: Some(file), tls_bootstrap_token: token.to_owned(), ..Discovery::default() },
        timeouts: Some(within(Duration::from_secs(3))),
        ..JoinConfiguration::default()
    }
}

fn put(node: &Node, path: &str, text: &str) {
    node.ensure(&File::secret(path, text)).expect("written");
}

/// Discovers by a file, which is made of the server's URL and the authority; the cluster answers with `reply`.
async fn by_text(
    node: &Node,
    ca: &Authority,
    token: &str,
    file: impl FnOnce(&str) -> String,
    reply: Reply,
) -> (Result<Discovered, DiscoveryError>, Vec<String>, Vec<String>) {
    let server = Server::start(by_cluster(ca), move |_| reply.clone()).await;
    put(node, PATH, &file(&format!("https://{}", server.address)));
    let (found, told) = find(node, &by_file(PATH, token)).await;
    (found, told, server.heads())
}

fn data(ca: &Authority) -> String {
    STANDARD.encode(&ca.pem)
}

#[test]
fn files_beside_the_file_are_put_in() {
    let (ca, clients, root) = (Authority::new("kubernetes"), Authority::new("clients"), tempfile::tempdir().unwrap());
    let node = Node::at(root.path());
    let (cert, key) = clients.client();
    put(&node, "/root/join/ca.crt", &ca.pem);
    put(&node, "/root/join/u.crt", &cert);
    put(&node, "/root/u.key", &key);
    let user = json!({ "client-certificate": "u.crt", "client-key": "/root/u.key" });
    let reply = honest(&ca);
    block_on(async {
        let of = |server: &str| text(&json!({ "server": server, "certificate-authority": "ca.crt" }), &user);
        let (found, told, heads) = by_text(&node, &ca, "", of, reply).await;
        let found = found.expect("found");
        assert_eq!(found.ca_pem, ca.pem.as_bytes());
        assert_eq!(found.endpoint.identity, Some((cert.clone().into_bytes(), key.clone().into_bytes())));
        assert_eq!(found.bootstrap.client_key(), Ok(Some(Material::Inline(key.clone().into_bytes()))));
        // It is not the one that the cluster names, which is told and no more.
        assert!(found.server.starts_with("https://127.0.0.1:") && told[0].contains(PUBLIC), "{told:?}");
        assert_eq!((heads.len(), found.bootstrap.clusters()), (1, 1));
        assert!(!found.bootstrap.to_yaml().contains(SECRET), "the other user's");
    });
}

#[test]
fn a_token_for_the_kubelet_comes_before_the_files_user() {
    let (ca, root) = (Authority::new("kubernetes"), tempfile::tempdir().unwrap());
    let node = Node::at(root.path());
    let user = json!({ "token": "files-token" });
    block_on(async {
        let of = |server: &str| text(&json!({ "server": server, "certificate-authority-data": data(&ca) }), &user);
        let (found, _, heads) = by_text(&node, &ca, "", of, honest(&ca)).await;
        let found = found.expect("found");
        assert_eq!(found.bootstrap.token(), Ok(Some("files-token")));
        assert!(heads[0].contains("files-token"), "the file is believed, so its user may ask");
        let (found, ..) = by_text(&node, &ca, TOKEN, of, honest(&ca)).await;
        let found = found.expect("found");
        assert_eq!((found.bootstrap.token(), found.endpoint.token.as_deref()), (Ok(Some(TOKEN)), Some(TOKEN)));
        assert_eq!(found.bootstrap.user_name(), Ok("tls-bootstrap-token-user"));
    });
}

#[test]
fn a_cluster_that_says_nothing_of_itself() {
    let (ca, root) = (Authority::new("kubernetes"), tempfile::tempdir().unwrap());
    let node = Node::at(root.path());
    block_on(async {
        for (status, said) in [(403, "does not let"), (404, "has no cluster-info")] {
            let of =
                |server: &str| text(&json!({ "server": server, "certificate-authority-data": data(&ca) }), &json!({}));
            let (found, told, _) = by_text(&node, &ca, TOKEN, of, Reply::Status(status, String::new())).await;
            assert!(found.is_ok() && told.iter().any(|text| text.contains(said)), "{status}: {told:?}");
        }
    });
}

#[test]
fn a_program_that_gives_credentials() {
    let (ca, root) = (Authority::new("kubernetes"), tempfile::tempdir().unwrap());
    let node = Node::at(root.path());
    // In the way of a shell script, because it is one that is run.
    let script = |body: &str| File { mode: 0o755, ..File::secret("/root/join/login", format!("#!/bin/sh\n{body}\n")) };
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./login", "args": ["now"],
        "env": [{ "name": "WHO", "value": "me" }],
    });
    let credential = r#"echo "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"$WHO-$1-TOKEN\"}}""#;
    block_on(async {
        let of = |server: &str| {
            let cluster = json!({ "server": server, "certificate-authority-data": data(&ca) });
            text(&cluster, &json!({ "exec": exec }))
        };
        node.ensure(&script(credential)).expect("written");
        let (found, _, heads) = by_text(&node, &ca, "", of, honest(&ca)).await;
        let found = found.expect("found");
        assert_eq!(found.endpoint.token.as_deref(), Some("me-now-TOKEN"));
        assert!(heads[0].contains("me-now-TOKEN"));
        // The kubelet asks the program itself.
        assert_eq!((found.bootstrap.token(), found.bootstrap.exec()), (Ok(None), Some(&exec)));
        for (body, why) in [
            ("echo no", "is no JSON"),
            (r#"echo '{"kind":"ExecCredential","apiVersion":"v0"}'"#, "no ExecCredential"),
            ("echo 0123456789abcdef; echo locked >&2; exit 3", "it failed with status 3: locked"),
        ] {
            node.ensure(&script(body)).expect("written");
            let error = by_text(&node, &ca, "", of, honest(&ca)).await.0.expect_err(why);
            assert!(error.to_string().contains(why), "{error}");
        }
        node.remove("/root/join/login").expect("removed");
        let error = by_text(&node, &ca, "", of, honest(&ca)).await.0.expect_err("no program");
        assert!(matches!(error, DiscoveryError::Exec(ExecCredentialError::Run { .. })), "{error}");
    });
}

#[test]
fn files_that_will_not_do() {
    let (ca, root) = (Authority::new("kubernetes"), tempfile::tempdir().unwrap());
    let node = Node::at(root.path());
    let good = |server: &str| json!({ "server": server, "certificate-authority-data": data(&ca) });
    let missing = by_file("/nowhere.conf", TOKEN);
    let error = block_on(find(&node, &missing)).0.expect_err("missing");
    assert_eq!(error.to_string(), "reading /nowhere.conf: /nowhere.conf does not exist");
    /// Name, token, file, what the error has to be.
    type Case<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> String, &'a dyn Fn(&DiscoveryError) -> bool);
    let none = |error: &DiscoveryError| matches!(error, DiscoveryError::NoCredentials { .. });
    let foreign = |error: &DiscoveryError| matches!(error, DiscoveryError::ForeignCredentials { way: "username", .. });
    let insecure = |error: &DiscoveryError| matches!(error, DiscoveryError::Insecure { .. });
    let plain = |error: &DiscoveryError| matches!(error, DiscoveryError::NotHttps { .. });
    let gone =
        |error: &DiscoveryError| matches!(error, DiscoveryError::NoFile { file, .. } if file == "/root/join/no.crt");
    let no_pem = |error: &DiscoveryError| matches!(error, DiscoveryError::BadCa(_));
    let cases: [Case<'_>; 6] = [
        ("no credentials", "", &|server| text(&good(server), &json!({})), &none),
        ("a password", "", &|server| text(&good(server), &json!({ "username": "u", "password": SECRET })), &foreign),
        (
            "insecure",
            TOKEN,
            &|server| text(&json!({ "server": server, "insecure-skip-tls-verify": true }), &json!({})),
            &insecure,
        ),
        ("no TLS", TOKEN, &|server| text(&good(&server.replace("https", "http")), &json!({})), &plain),
        (
            "no file",
            TOKEN,
            &|server| text(&json!({ "server": server, "certificate-authority": "no.crt" }), &json!({})),
            &gone,
        ),
        (
            "no PEM",
            TOKEN,
            &|server| text(&json!({ "server": server, "certificate-authority-data": "eA==" }), &json!({})),
            &no_pem,
        ),
    ];
    for (name, token, of, is_it) in cases {
        let (found, _, heads) = block_on(by_text(&node, &ca, token, of, honest(&ca)));
        let error = found.expect_err(name);
        assert!(is_it(&error), "{name}: {error}");
        assert!(heads.is_empty(), "{name}: nobody is asked");
    }
    // The file is of another cluster than the one that answers.
    let another = Authority::new("kubernetes");
    let of =
        |server: &str| text(&json!({ "server": server, "certificate-authority-data": data(&another) }), &json!({}));
    let error = block_on(by_text(&node, &ca, TOKEN, of, honest(&ca))).0.expect_err("another");
    assert!(matches!(error, DiscoveryError::Unproven { .. }), "{error}");
}

/// One attempt to get a file, believing `ca`.
async fn fetch(ca: &Authority, url: &str) -> Result<Vec<u8>, DiscoveryError> {
    let options = Options { tls: Tls::Roots(ca.pem.clone().into_bytes()), stay: true, ..Options::default() };
    file::follow(&Client::new(&options).expect("a client"), url, Deadline::new(Duration::from_secs(2))).await
}

#[test]
fn a_file_behind_an_url() {
    let ca = Authority::new("of the web");
    block_on(async {
        let to = |place: &str| Reply::Status(302, format!("Location: {place}\r\n"));
        let replies = [to("/there?secret=1"), Reply::Text("a file".into())];
        let server = Server::start(by_cluster(&ca), move |n| replies[n].clone()).await;
        let found = fetch(&ca, &format!("https://{}/here", server.address)).await.expect("a file");
        assert_eq!(found, b"a file");
        assert!(server.heads()[1].starts_with("GET /there?secret=1 "));
        for (reply, wanted) in [
            (to("http://127.0.0.1:1/"), "leads elsewhere: what is got without TLS cannot be trusted"),
            (to("/again"), "leads elsewhere: in circles"),
            (to(""), "leads elsewhere: it does not say where"),
            (Reply::Flood, "is too long"),
            (Reply::Drip, "is too slow"),
            (Reply::Status(404, String::new()), "says 404"),
        ] {
            let server = Server::start(by_cluster(&ca), move |_| reply.clone()).await;
            let error = fetch(&ca, &format!("https://{}/?key={SECRET}", server.address)).await.expect_err(wanted);
            assert!(error.to_string().contains(wanted), "{error}");
            assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
        }
        // The machine does not trust that authority.
        let root = tempfile::tempdir().unwrap();
        let config = by_file(&format!("https://{}/?key={SECRET}", server.address), TOKEN);
        let error = find(&Node::at(root.path()), &config).await.0.expect_err("not believed");
        assert!(matches!(error, DiscoveryError::Unproven { .. }), "{error}");
    });
}

#[test]
fn the_administrators_file_is_used_if_it_is_of_this_cluster() {
    let (ca, another) = (Authority::new("kubernetes"), Authority::new("kubernetes"));
    let root = tempfile::tempdir().unwrap();
    let node = Node::at(root.path());
    block_on(async {
        let reply = honest(&ca);
        let server = Server::start(by_cluster(&ca), move |_| reply.clone()).await;
        let mut config = config(&server.address, &[ca.pin()], LONG);
        config.control_plane = Some(JoinControlPlane::default());
        let admin = |ca: &Authority| {
            let cluster = json!({ "server": "https://mine:6443", "certificate-authority-data": data(ca) });
            text(&cluster, &json!({ "token": "admins" }))
        };
        put(&node, ADMIN_CONF, &admin(&ca));
        let (found, told) = find(&node, &config).await;
        assert_eq!(found.expect("found").server, "https://mine:6443");
        assert!(told[0].contains(ADMIN_CONF) && server.heads().is_empty(), "{told:?}");
        // A worker has no business with it.
        let worker = JoinConfiguration { control_plane: None, ..config.clone() };
        assert_eq!(find(&node, &worker).await.0.expect("found").server, PUBLIC);
        put(&node, ADMIN_CONF, &admin(&another));
        let (found, told) = find(&node, &config).await;
        assert_eq!(found.expect("found").server, PUBLIC);
        assert!(told[0].contains("another cluster"), "{told:?}");
    });
}
