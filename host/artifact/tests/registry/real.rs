//! Against a real registry.

use kubephase_artifact::{
    Claim, Digest, LockError, Origin, Package, PublicKey, RegistryError, SignatureError, SigningKey, Why, lock, sign,
};
use kubephase_model::plugin::config::{TrustRule, TrustedKey};
use serde_json::{Value, json};

use crate::bench::{Bench, COMPONENT, block_on, told};
use crate::server::{PASSWORD, Server, USER};

/// A machine that knows the registry's authority and its password.
pub fn known(server: &Server) -> Bench {
    let bench = Bench::new(&server.host, Some(&server.authority.pem));
    bench.password(USER, PASSWORD);
    bench
}

pub fn package(component: &[u8]) -> Package {
    Package {
        component: component.to_vec(),
        name: "gpu-preflight".into(),
        version: "1.2.3".into(),
        about: "Checks GPUs".into(),
        imports: vec!["kubephase:plugin/facts@0.1.0".into()],
        exports: vec!["kubephase:plugin/preflight@0.1.0".into()],
        annotations: [("org.opencontainers.image.licenses".to_owned(), "Apache-2.0".to_owned())].into(),
    }
}

/// Asks that what comes from the registry is signed by one of the keys.
pub fn trust(bench: &mut Bench, keys: &[(&str, &PublicKey)]) {
    let keys = keys.iter().map(|(name, key)| TrustedKey {
        name: (*name).into(),
        public_key: key.to_pem(),
        ..TrustedKey::default()
    });
    let rule = TrustRule { source: format!("oci://{}/", bench.host), keys: keys.collect(), ..TrustRule::default() };
    bench.configuration.trust = vec![rule];
}

#[test]
fn what_was_pushed_is_pulled() {
    let Some(server) = Server::start() else { return };
    let bench = known(&server);
    block_on(async {
        let (registry, location) = (bench.registry(), bench.location("team/gpu:1.2.3"));
        let pushed = registry.push(&location, &package(COMPONENT)).await.expect("pushed");
        assert_eq!(pushed.component, Digest::of(COMPONENT));
        assert_eq!(registry.resolve(&location).await.expect("there"), pushed.manifest);
        registry.push(&bench.location("team/gpu"), &package(b"\0asm other")).await.expect("pushed");
        assert_eq!(registry.tags("team/gpu").await.expect("tags"), ["1.2.3", "latest"]);
        let pulled = registry.pull(&location, None).await.expect("pulled");
        assert_eq!((pulled.component.as_slice(), pulled.digest), (COMPONENT, pushed.component));
        // By the manifest's digest, and a second time without sending anything again.
        let by_digest = bench.location(&format!("team/gpu@{}", pushed.manifest));
        assert_eq!(registry.pull(&by_digest, None).await.expect("pulled"), pulled);
        assert_eq!(registry.push(&location, &package(COMPONENT)).await.expect("pushed"), pushed);
        // As the format for WebAssembly in registries has it.
        let manifest: Value = serde_json::from_slice(&pulled.manifest.expect("a manifest")).expect("JSON");
        let config_digest = manifest.pointer("/config/digest").and_then(Value::as_str).expect("a digest");
        let config = std::fs::read(server.blob(&config_digest[7..])).expect("there");
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
        assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
        assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "1.2.3");
        assert_eq!(manifest["annotations"]["org.opencontainers.image.licenses"], "Apache-2.0");
        let config: Value = serde_json::from_slice(&config).expect("JSON");
        assert_eq!(
            config,
            json!({
                "created": "2026-11-23T02:38:20Z",
                "author": null,
                "architecture": "wasm",
                "os": "wasip2",
                "layerDigests": [pushed.component],
                "component": {
                    "exports": ["kubephase:plugin/preflight@0.1.0"],
                    "imports": ["kubephase:plugin/facts@0.1.0"],
                    "target": null,
                },
            })
        );
    });
}

#[test]
fn who_is_not_known_is_told_what_to_do() {
    let Some(server) = Server::start() else { return };
    let bench = Bench::new(&server.host, Some(&server.authority.pem));
    block_on(async {
        let pull = async || bench.registry().pull(&bench.location("x:1"), None).await.expect_err("refused");
        let error = pull().await;
        assert!(matches!(error, RegistryError::Denied { known: false, .. }), "{error:?}");
        assert!(error.hint().expect("advice").contains(&format!("docker login {}", server.host)));
        bench.password(USER, "wr0ng");
        let error = pull().await;
        assert!(matches!(error, RegistryError::Denied { known: true, .. }), "{error:?}");
        assert!(!format!("{error:?} {}", told(&error)).contains("wr0ng"));
        bench.password(USER, PASSWORD);
        let error = pull().await;
        assert!(matches!(error, RegistryError::NotFound { .. }), "{error:?}");
        let error = bench.registry().tags("x").await.expect_err("nothing there");
        assert!(matches!(error, RegistryError::NotFound { .. }), "{error:?}");
    });
}

#[test]
fn a_registry_whose_authority_nobody_knows() {
    let Some(server) = Server::start() else { return };
    let mut bench = known(&server);
    bench.configuration.registries[0].ca_file = String::new();
    block_on(async {
        let error = bench.registry().pull(&bench.location("x:1"), None).await.expect_err("unknown");
        assert!(matches!(error, RegistryError::NoAnswer { .. }), "{error:?}");
        assert!(error.hint().expect("advice").contains("caFile"), "{error:?}");
        // Another authority is no better, and neither is speaking without TLS.
        bench.put("/etc/ca.pem", crate::fake::Authority::new().pem.as_bytes());
        bench.configuration.registries[0].ca_file = "/etc/ca.pem".into();
        let error = bench.registry().pull(&bench.location("x:1"), None).await.expect_err("another");
        assert!(error.hint().expect("advice").contains("caFile"), "{error:?}");
        bench.configuration.registries[0].plain_http = true;
        let error = bench.registry().pull(&bench.location("x:1"), None).await.expect_err("TLS");
        assert!(matches!(error, RegistryError::Status { status: 400, .. }), "{error:?}");
    });
    for contents in [None, Some(&b"no certificate"[..])] {
        bench.configuration.registries[0].ca_file = "other.pem".into();
        if let Some(contents) = contents {
            bench.put("/etc/other.pem", contents);
        }
        let error = bench.try_registry().expect_err("no authority");
        assert!(error.to_string().contains("/etc/other.pem") && error.hint().is_some(), "{error}");
    }
}

#[test]
fn signatures_travel_with_what_they_sign() {
    let Some(server) = Server::start() else { return };
    let mut bench = known(&server);
    let (maker, other) = (SigningKey::generate(), SigningKey::generate());
    trust(&mut bench, &[("maker", &maker.public())]);
    block_on(async {
        let (registry, location) = (bench.registry(), bench.location("gpu:1"));
        let pushed = registry.push(&location, &package(COMPONENT)).await.expect("pushed");
        let why = async || *bench.obtain("gpu:1", "").await.expect_err("refused").why;
        assert!(matches!(why().await, Why::Signature(SignatureError::Unsigned)));
        let claim = Claim::of(COMPONENT, "gpu", "1.2.3");
        registry.attach(&location, &pushed, &sign(&other, &claim)).await.expect("attached");
        assert!(matches!(why().await, Why::Signature(SignatureError::WrongKey { .. })));
        let over = Claim { expires: Some("2026-11-23T00:00:00Z".into()), ..claim.clone() };
        registry.attach(&location, &pushed, &sign(&maker, &over)).await.expect("attached");
        assert!(matches!(why().await, Why::Signature(SignatureError::Expired { .. })));
        // Nothing that was refused is kept.
        assert_eq!(Bench::cache().read(&bench.node(), &pushed.component).expect("looked"), None);
        registry.attach(&location, &pushed, &sign(&maker, &claim)).await.expect("attached");
        let artifact = bench.obtain("gpu:1", "").await.expect("signed");
        let signer = artifact.signer.expect("a signer");
        assert_eq!((signer.key.as_str(), signer.version.as_str()), ("maker", "1.2.3"));
        assert_eq!((artifact.from, artifact.not_kept), (Origin::Registry(Some(pushed.manifest)), None));
        assert_eq!(registry.tags("gpu").await.expect("tags"), ["1"], "signatures are no versions");
        // Another component cannot borrow it.
        registry.push(&location, &package(b"\0asm evil")).await.expect("pushed");
        assert!(matches!(why().await, Why::Signature(SignatureError::Unsigned)));
    });
}

#[test]
fn what_is_pinned_stays_when_its_tag_moves_and_when_the_network_goes() {
    let Some(mut server) = Server::start() else { return };
    let mut bench = known(&server);
    let maker = SigningKey::generate();
    trust(&mut bench, &[("maker", &maker.public())]);
    let pinned = Digest::of(COMPONENT).to_string();
    block_on(async {
        let (registry, location) = (bench.registry(), bench.location("gpu:1"));
        let pushed = registry.push(&location, &package(COMPONENT)).await.expect("pushed");
        let signature = sign(&maker, &Claim::of(COMPONENT, "gpu", "1.2.3"));
        registry.attach(&location, &pushed, &signature).await.expect("attached");
        registry.push(&location, &package(b"\0asm newer")).await.expect("pushed");
        let artifact = bench.obtain("gpu:1", &pinned).await.expect("by its own digest");
        assert_eq!((artifact.bytes.as_slice(), artifact.from), (COMPONENT, Origin::Registry(None)));
        // Also if the tag is gone altogether.
        let fresh = known(&server);
        let gone = fresh.obtain("gpu:never", &pinned).await.expect("by its own digest");
        assert_eq!(gone.digest, pushed.component);
        let error = fresh.obtain("gpu:1", &Digest::of(b"unknown").to_string()).await.expect_err("nobody has it");
        assert!(told(&error).contains(&format!("is {} now", Digest::of(b"\0asm newer"))), "{}", told(&error));
        server.stop();
        for artifact in [bench.obtain("gpu:1", &pinned).await, bench.obtain_offline("gpu:1", &pinned).await] {
            let artifact = artifact.expect("kept");
            assert_eq!((artifact.bytes.as_slice(), artifact.from), (COMPONENT, Origin::Cache));
            assert_eq!(artifact.signer.expect("a signer").key, "maker");
        }
        // What is damaged where it is kept is not used, and without a network there is no other.
        bench.put(&Bench::cache().path(&pushed.component), b"damaged");
        let error = bench.obtain_offline("gpu:1", &pinned).await.expect_err("damaged");
        assert!(matches!(&*error.why, Why::Cache(_)), "{error:?}");
        let error = bench.obtain("gpu:1", &pinned).await.expect_err("nobody there");
        assert!(
            matches!(&*error.why, Why::Registry(why) if matches!(**why, RegistryError::NoAnswer { .. })),
            "{error:?}"
        );
    });
}

#[test]
fn what_is_damaged_where_the_registry_keeps_it() {
    let Some(server) = Server::start() else { return };
    let bench = known(&server);
    let component: Vec<u8> = (0..=255).cycle().take(3000).collect();
    block_on(async {
        let location = bench.location("gpu:1");
        let pushed = bench.registry().push(&location, &package(&component)).await.expect("pushed");
        let blob = server.blob(&pushed.component.hex());
        for index in [0, 1, 511, 512, 1500, 2047, 2998, 2999] {
            let mut changed = component.clone();
            changed[index] ^= 0x80;
            std::fs::write(&blob, changed).expect("damaged");
            let error = bench.registry().pull(&location, None).await.expect_err("damaged");
            assert!(matches!(error, RegistryError::Damaged { .. }), "{error:?}");
        }
        std::fs::write(&blob, &component).expect("mended");
        bench.registry().pull(&location, None).await.expect("whole again");
        // The manifest, of which the tag says which it is.
        let manifest = server.blob(&pushed.manifest.hex());
        let text = std::fs::read_to_string(&manifest).expect("there").replace("1.2.3", "6.6.6");
        std::fs::write(&manifest, text).expect("damaged");
        let by_digest = bench.location(&format!("gpu@{}", pushed.manifest));
        bench.registry().pull(&by_digest, None).await.expect_err("damaged");
    });
}

#[test]
fn digests_are_written_into_the_operators_file() {
    let Some(server) = Server::start() else { return };
    let mut bench = known(&server);
    let maker = SigningKey::generate();
    let text = format!(
        "# ours\nkind: PluginConfiguration\napiVersion: kubephase.dev/v1alpha1\nplugins:\n  - name: gpu   # the GPUs\n    \
         source: oci://{0}/gpu:1\n    settings: {{a: 1}}\n  - name: local\n    digest: old\n    source: plugins/x.wasm\n",
        server.host
    );
    bench.put("/etc/kubephase.yaml", text.as_bytes());
    bench.put("/etc/plugins/x.wasm", b"\0asm local");
    let mut local = bench.entry("gpu:1", "old");
    (local.name, local.source) = ("local".into(), "plugins/x.wasm".into());
    let gpu = kubephase_model::plugin::PluginEntry { name: "gpu".into(), ..bench.entry("gpu:1", "") };
    bench.configuration.plugins = vec![gpu, local];
    let read = || bench.node().read_text("/etc/kubephase.yaml").expect("read").expect("there");
    block_on(async {
        let run = async |bench: &Bench| {
            lock(&bench.node(), "/etc/kubephase.yaml", &bench.configuration, &bench.options()).await
        };
        let error = run(&bench).await.expect_err("nothing was pushed");
        assert!(matches!(&error, LockError::Artifacts { errors, .. } if errors.len() == 1), "{error:?}");
        assert_eq!(read(), text);
        bench.registry().push(&bench.location("gpu:1"), &package(COMPONENT)).await.expect("pushed");
        let locked = run(&bench).await.expect("locked");
        assert_eq!(locked.iter().map(|locked| locked.before.as_str()).collect::<Vec<_>>(), ["", "old"]);
        let wanted = text
            .replace("gpu:1\n", &format!("gpu:1\n    digest: {}\n", Digest::of(COMPONENT)))
            .replace("digest: old", &format!("digest: {}", Digest::of(b"\0asm local")));
        assert_eq!(read(), wanted);
        run(&bench).await.expect("locked again");
        assert_eq!(read(), wanted);
    });
    // Who must have signed it must have done so now.
    trust(&mut bench, &[("maker", &maker.public())]);
    let error = block_on(lock(&bench.node(), "/etc/kubephase.yaml", &bench.configuration, &bench.options()));
    let error = error.expect_err("not signed");
    assert!(matches!(&error, LockError::Artifacts { errors, .. } if matches!(&*errors[0].why, Why::Signature(_))));
}

#[test]
fn a_helper_knows_the_password() {
    let Some(server) = Server::start() else { return };
    let bench = Bench::new(&server.host, Some(&server.authority.pem));
    let script = "#!/bin/sh\nread -r host || :\nprintf '{\"ServerURL\":\"%s\",\"Username\":\"me\",\"Secret\":\"right\"}' \"$host\"\n";
    let file =
        kubephase_model::File { mode: 0o755, ..kubephase_model::File::public("/usr/bin/docker-credential-x", script) };
    bench.node().ensure(&file).expect("written");
    bench.put("/root/.docker/config.json", json!({ "credHelpers": { &server.host: "x" } }).to_string().as_bytes());
    block_on(bench.registry().push(&bench.location("x:1"), &package(COMPONENT))).expect("pushed");
}
