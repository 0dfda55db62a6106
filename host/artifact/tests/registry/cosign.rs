//! What cosign leaves in a registry, made by hand as its specifications say: the program itself is in no Debian suite.

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_artifact::{Digest, PublicKey, SignatureError, SigningKey, Why};
use kubephase_node::http::exchange::Request;
use kubephase_node::http::{Options, Tls};
use serde_json::{Value, json};

use crate::bench::{Bench, COMPONENT, block_on};
use crate::fake::{Fake, Reply};
use crate::real::{known, package, trust};
use crate::server::{PASSWORD, Server, USER};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A key of openssl's.
struct Key(tempfile::TempDir);

impl Key {
    fn new() -> Self {
        let key = Self(tempfile::tempdir().expect("a directory"));
        key.run(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"]);
        key
    }

    fn run(&self, args: &[&str]) -> Vec<u8> {
        let output = Command::new("openssl").args(args).current_dir(self.0.path()).output().expect("it runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn public(&self) -> PublicKey {
        PublicKey::from_pem(&self.run(&["pkey", "-in", "key.pem", "-pubout"])).expect("a key")
    }

    fn sign(&self, message: &[u8]) -> String {
        std::fs::write(self.0.path().join("message"), message).expect("written");
        STANDARD.encode(self.run(&["dgst", "-sha256", "-sign", "key.pem", "message"]))
    }
}

/// Puts something into the registry, as another client would.
struct Client<'a>(&'a Server);

impl Client<'_> {
    async fn send(&self, method: &'static str, url: &str, kind: &str, body: &[u8]) -> Option<String> {
        let options = Options { tls: Tls::Roots(self.0.authority.pem.clone().into_bytes()), ..Options::default() };
        let client = kubephase_node::http::Client::new(&options).expect("a client");
        let authorization = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        let request = Request { body: body.to_vec(), timeout: Duration::from_secs(10), ..Request::new(method, url) };
        let request = request.header("authorization", authorization).header("content-type", kind);
        let answer = client.exchange(request).await.expect("an answer");
        let status = answer.status();
        let location = answer.header("location").map(str::to_owned);
        let body = answer.body(1 << 20).await.expect("a body");
        assert!((200..300).contains(&status), "{method} {url}: {status} {}", String::from_utf8_lossy(&body));
        location
    }

    async fn blob(&self, bytes: &[u8]) -> Value {
        let begin = format!("https://{}/v2/gpu/blobs/uploads/", self.0.host);
        let place = self.send("POST", &begin, "", b"").await.expect("a place");
        let digest = Digest::of(bytes);
        self.send("PUT", &format!("{place}&digest={digest}"), "application/octet-stream", bytes).await;
        json!({ "digest": digest, "size": bytes.len() })
    }

    async fn manifest(&self, name: &str, kind: &str, manifest: &Value) -> Digest {
        let bytes = manifest.to_string().into_bytes();
        let url = format!("https://{}/v2/gpu/manifests/{name}", self.0.host);
        self.send("PUT", &url, kind, &bytes).await;
        Digest::of(&bytes)
    }
}

fn simple(manifest: &Digest) -> String {
    json!({
        "critical": {
            "identity": { "docker-reference": "registry.example/gpu" },
            "image": { "docker-manifest-digest": manifest },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
}

fn bundle(key: &Key, manifest: &Digest) -> String {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "digest": { "sha256": manifest.hex() }, "annotations": {} }],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    })
    .to_string();
    let message = format!("DSSEv1 28 application/vnd.in-toto+json {} {statement}", statement.len());
    json!({
        "mediaType": BUNDLE,
        "verificationMaterial": { "publicKey": { "hint": "x" } },
        "dsseEnvelope": {
            "payload": STANDARD.encode(&statement),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": key.sign(message.as_bytes()) }],
        },
    })
    .to_string()
}

#[test]
fn the_older_kind_in_a_tag() {
    let Some(server) = Server::start() else { return };
    let mut bench = known(&server);
    let (key, strange) = (Key::new(), Key::new());
    block_on(async {
        let pushed = bench.registry().push(&bench.location("gpu:1"), &package(COMPONENT)).await.expect("pushed");
        let client = Client(&server);
        let payload = simple(&pushed.manifest);
        let mut config = client.blob(b"{}").await;
        config["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
        // Two people have signed; the stranger was first.
        let mut layers = Vec::new();
        for key in [&strange, &key] {
            let mut layer = client.blob(payload.as_bytes()).await;
            layer["mediaType"] = json!("application/vnd.dev.cosign.simplesigning.v1+json");
            layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": key.sign(payload.as_bytes()) });
            layers.push(layer);
        }
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        client.manifest(&format!("sha256-{}.sig", pushed.manifest.hex()), MANIFEST, &manifest).await;
        trust(&mut bench, &[("someone", &SigningKey::generate().public())]);
        let error = bench.obtain("gpu:1", "").await.expect_err("of others");
        assert!(matches!(&*error.why, Why::Signature(SignatureError::WrongKey { .. })), "{error:?}");
        trust(&mut bench, &[("someone", &SigningKey::generate().public()), ("cosign", &key.public())]);
        let artifact = bench.obtain("gpu:1", "").await.expect("signed");
        assert_eq!(artifact.signer.expect("a signer").key, "cosign");
        // It is kept with what it needs to be judged again, without the registry.
        let offline = bench.obtain_offline("gpu:1", &pushed.component.to_string()).await.expect("kept");
        assert_eq!(offline.signer.expect("a signer").key, "cosign");
        // The same component under another manifest was not signed.
        let other = kubephase_artifact::Package { about: "another".into(), ..package(COMPONENT) };
        bench.registry().push(&bench.location("gpu:2"), &other).await.expect("pushed");
        let error = bench.obtain("gpu:2", "").await.expect_err("not signed");
        assert!(matches!(&*error.why, Why::Signature(SignatureError::Unsigned)), "{error:?}");
    });
}

#[test]
fn the_newer_kind_where_the_registry_keeps_no_list_of_what_refers() {
    let Some(server) = Server::start() else { return };
    let mut bench = known(&server);
    let key = Key::new();
    trust(&mut bench, &[("cosign", &key.public())]);
    block_on(async {
        let pushed = bench.registry().push(&bench.location("gpu:1"), &package(COMPONENT)).await.expect("pushed");
        let client = Client(&server);
        let mut config = client.blob(b"{}").await;
        config["mediaType"] = json!("application/vnd.oci.empty.v1+json");
        let mut layer = client.blob(bundle(&key, &pushed.manifest).as_bytes()).await;
        layer["mediaType"] = json!(BUNDLE);
        let subject = json!({ "mediaType": MANIFEST, "digest": pushed.manifest, "size": pushed.manifest_size });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE, "config": config, "layers": [layer],
            "subject": subject,
        });
        let size = manifest.to_string().len();
        let digest = Digest::of(manifest.to_string().as_bytes());
        client.manifest(&digest.to_string(), MANIFEST, &manifest).await;
        let index_kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({ "schemaVersion": 2, "mediaType": index_kind, "manifests": [
            { "mediaType": MANIFEST, "digest": digest, "size": size, "artifactType": BUNDLE },
        ] });
        client.manifest(&format!("sha256-{}", pushed.manifest.hex()), index_kind, &index).await;
        let artifact = bench.obtain("gpu:1", "").await.expect("signed");
        assert_eq!(artifact.signer.expect("a signer").key, "cosign");
        bench.obtain_offline("gpu:1", &pushed.component.to_string()).await.expect("kept");
    });
}

#[test]
fn the_newer_kind_where_the_registry_lists_what_refers() {
    let key = Key::new();
    let about = crate::published::manifest(COMPONENT).to_string();
    let bundle = bundle(&key, &Digest::of(about.as_bytes()));
    let referring = json!({
        "schemaVersion": 2, "artifactType": BUNDLE,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2 },
        "layers": [{ "mediaType": BUNDLE, "digest": Digest::of(bundle.as_bytes()), "size": bundle.len() }],
    })
    .to_string();
    let digest = Digest::of(referring.as_bytes());
    let index = json!({ "schemaVersion": 2, "manifests": [
        { "mediaType": MANIFEST, "digest": Digest::of(b"x"), "size": 1, "artifactType": "application/spdx+json" },
        { "mediaType": MANIFEST, "digest": digest, "size": referring.len(), "artifactType": BUNDLE },
    ] })
    .to_string();
    let list = format!("/v2/x/referrers/{}", Digest::of(about.as_bytes()));
    let blob = format!("/v2/x/blobs/{}", Digest::of(bundle.as_bytes()));
    let fake = Fake::new(move |asked| match asked.target.as_str() {
        target if target == list => Reply::ok(index.as_bytes()),
        target if target == format!("/v2/x/manifests/{digest}") => Reply::ok(referring.as_bytes()),
        target if target == blob => Reply::ok(bundle.as_bytes()),
        _ => crate::published::answer(asked),
    });
    let mut bench = Bench::new(&fake.host, None);
    trust(&mut bench, &[("cosign", &key.public())]);
    let artifact = block_on(bench.obtain("x:1", "")).expect("signed");
    assert_eq!(artifact.signer.expect("a signer").key, "cosign");
    // A registry that does not know the question at all.
    for status in [400, 405, 501] {
        let fake = Fake::new(move |asked| match asked.target.contains("/referrers/") {
            true => Reply::status(status),
            false => crate::published::answer(asked),
        });
        let mut bench = Bench::new(&fake.host, None);
        trust(&mut bench, &[("cosign", &key.public())]);
        let error = block_on(bench.obtain("x:1", "")).expect_err("not signed");
        assert!(matches!(&*error.why, Why::Signature(SignatureError::Unsigned)), "{error:?}");
    }
}
