//! Bundling and loading together, between two pretended containerds.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;

use kubephase_node::containerd::fake::{Blob, FakeContainerd, Running};
use serde_json::{Value, json};

use super::super::layout::architecture;
use super::super::{Bundle, bundle};
use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ETCD: &str = "registry.k8s.io/etcd:3.6.8-0";
const PAUSE: &str = "registry.k8s.io/pause:3.10.2";

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// A machine with two runtimes: one that has images, one that has none.
struct Bench {
    root: tempfile::TempDir,
    full: FakeContainerd,
    empty: FakeContainerd,
    _servers: [Running; 2],
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a root");
        let (full, empty) = (FakeContainerd::new(digest), FakeContainerd::new(digest));
        let serve = |fake: &FakeContainerd, name: &str| fake.serve(&root.path().join(name)).expect("it listens");
        let servers = [serve(&full, "full.sock"), serve(&empty, "empty.sock")];
        let bench = Self { root, full, empty, _servers: servers };
        // Both have the same base; pause is for two platforms, of which one is there.
        bench.image(ETCD, &[&[1; 5000], b"etcd"]);
        let pause = bench.manifest(&[&[1; 5000], b"pause"]);
        let own = json!({ "os": "linux", "architecture": architecture() });
        let foreign = json!({ "os": "linux", "architecture": "s390x" });
        let index = json!({ "schemaVersion": 2, "manifests": [
            described(MANIFEST, b"not here", &foreign),
            described(MANIFEST, pause.as_bytes(), &own),
        ] });
        bench.name(PAUSE, super::super::layout::INDEX, &index.to_string());
        bench
    }

    fn manifest(&self, layers: &[&[u8]]) -> String {
        let config = json!({ "os": "linux", "architecture": architecture() }).to_string();
        self.full.add(config.as_bytes());
        let described: Vec<Value> = layers.iter().map(|layer| described("layer", layer, &Value::Null)).collect();
        layers.iter().for_each(|layer| drop(self.full.add(layer)));
        let manifest =
            json!({ "config": self::described("config", config.as_bytes(), &Value::Null), "layers": described });
        self.full.add(manifest.to_string().as_bytes());
        manifest.to_string()
    }

    fn image(&self, name: &str, layers: &[&[u8]]) {
        let manifest = self.manifest(layers);
        self.name(name, MANIFEST, &manifest);
    }

    fn name(&self, name: &str, media_type: &str, document: &str) {
        let digest = self.full.add(document.as_bytes());
        let target = Target { media_type: media_type.into(), digest, size: document.len() as u64 };
        self.full.store().images.insert(name.into(), target);
    }

    fn node(&self) -> Node {
        Node::at(self.root.path())
    }

    async fn bundle(&self, images: &[&str], output: &str) -> Result<super::super::Bundled, ImagesError> {
        let request = Bundle {
            socket: "unix:///full.sock".into(),
            images: images.iter().map(|image| (*image).to_owned()).collect(),
            output: output.into(),
            platforms: Platforms::Own,
            plugins: Vec::new(),
        };
        bundle(&self.node(), &request, &|_| {}).await
    }

    async fn load(&self, file: &str) -> Result<Loaded, ImagesError> {
        let request = Load { socket: "unix:///empty.sock".into(), file: file.into(), platforms: Platforms::Own };
        load(&self.node(), &request, pending(), &|_| {}).await
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name.trim_start_matches('/'))
    }

    fn is_untouched(&self) -> bool {
        let store = self.empty.store();
        let nothing = store.images.is_empty() && store.blobs.is_empty();
        nothing && store.leases.is_empty() && store.ingests.is_empty()
    }

    /// The problems of a bundle that is refused.
    async fn problems(&self, file: &str) -> Vec<String> {
        match self.load(file).await {
            Err(ImagesError::Broken { problems, .. }) => problems.told().to_vec(),
            other => panic!("{other:?}"),
        }
    }
}

fn described(media_type: &str, bytes: &[u8], platform: &Value) -> Value {
    let mut descriptor = json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() });
    if !platform.is_null() {
        descriptor["platform"] = platform.clone();
    }
    descriptor
}

#[expect(clippy::disallowed_methods, reason = "a test looks at its machine")]
fn get(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

#[expect(clippy::disallowed_methods, reason = "a test lays out its machine")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}

fn contents(blobs: &BTreeMap<String, Blob>) -> BTreeMap<&String, &Vec<u8>> {
    blobs.iter().map(|(digest, blob)| (digest, &blob.bytes)).collect()
}

#[tokio::test]
async fn what_was_bundled_is_there_after_loading() {
    let bench = Bench::new();
    let bundled = bench.bundle(&[PAUSE, ETCD], "/x.tar").await.expect("bundled");
    assert_eq!(bundled.images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), [ETCD, PAUSE]);
    // Two manifests, an index, a configuration, the base and two layers.
    assert_eq!(bundled.blobs, 7);
    let bytes = get(&bench.file("x.tar"));
    assert_eq!((digest(&bytes), bytes.len() as u64), (bundled.digest, bundled.size));

    let loaded = bench.load("/x.tar").await.expect("loaded");
    assert_eq!((loaded.images, loaded.blobs, loaded.new), (bundled.images, 7, 7));
    {
        let (full, empty) = (bench.full.store(), bench.empty.store());
        assert_eq!(empty.images, full.images);
        assert_eq!(contents(&empty.blobs), contents(&full.blobs), "also after what nothing needs was collected");
        assert!(empty.leases.is_empty() && empty.ingests.is_empty());
    }
    let again = bench.load("/x.tar").await.expect("loaded again");
    assert_eq!((again.blobs, again.new), (7, 0));
}

#[tokio::test]
async fn bundles_do_not_depend_on_order_or_time() {
    let bench = Bench::new();
    bench.bundle(&[PAUSE, ETCD], "/x.tar").await.expect("bundled");
    bench.bundle(&[ETCD, PAUSE, ETCD], "/y.tar").await.expect("bundled");
    assert_eq!(get(&bench.file("x.tar")), get(&bench.file("y.tar")));
}

#[tokio::test]
async fn all_that_is_missing_is_told_and_nothing_is_written() {
    let bench = Bench::new();
    let error = bench.bundle(&["registry.k8s.io/a:1", ETCD, "b:2"], "/x.tar").await.expect_err("missing");
    assert_eq!(error.to_string(), "containerd lacks 2 of 3 images: registry.k8s.io/a:1, b:2");
    assert!(error.hint().expect("advice").contains("config images pull"));
    for gone in [&b"etcd"[..], b"pause"] {
        bench.full.store().blobs.remove(&digest(gone));
    }
    let error = bench.bundle(&[PAUSE, ETCD], "/x.tar").await.expect_err("incomplete");
    let ImagesError::Incomplete { problems } = error else { panic!("{error:?}") };
    let expected = [
        format!("{ETCD}: the layer {} is missing", digest(b"etcd")),
        format!("{PAUSE}: the layer {} is missing", digest(b"pause")),
    ];
    assert_eq!(problems.told(), expected);
    assert!(!bench.file("x.tar").exists());
}

#[tokio::test]
async fn a_damaged_store_makes_no_bundle() {
    let bench = Bench::new();
    put(&bench.file("x.tar"), b"what was there before");
    bench.full.store().blobs.entry(digest(b"etcd")).and_modify(|blob| blob.bytes = b"dtce".to_vec());
    let error = bench.bundle(&[ETCD], "/x.tar").await.expect_err("damaged");
    assert!(matches!(error, ImagesError::Damaged { .. }), "{error:?}");
    assert_eq!(get(&bench.file("x.tar")), b"what was there before");
    let names = Node::at(bench.root.path()).list("/").expect("a directory");
    assert_eq!(names, ["empty.sock", "full.sock", "x.tar"]);
}

#[tokio::test]
async fn tampered_with_anywhere_nothing_is_loaded() {
    let bench = Bench::new();
    bench.bundle(&[PAUSE, ETCD], "/x.tar").await.expect("bundled");
    let whole = get(&bench.file("x.tar"));
    // A layer, and the manifest that index.json names.
    for victim in [&b"etcd"[..], br#""layers""#] {
        let mut bytes = whole.clone();
        let at = bytes.windows(victim.len()).rposition(|window| window == victim).expect("it is in there");
        bytes[at + 1] ^= 1;
        put(&bench.file("bad.tar"), &bytes);
        let problems = bench.problems("/bad.tar").await;
        assert!(problems.iter().any(|problem| problem.contains("does not have the contents")), "{problems:?}");
        assert!(bench.is_untouched());
    }
    put(&bench.file("bad.tar"), &whole[..whole.len() / 2]);
    bench.problems("/bad.tar").await;
    // Also when the store has the true blobs already.
    bench.load("/x.tar").await.expect("loaded");
    let mut bytes = whole.clone();
    let at = bytes.windows(5).position(|window| window == [1; 5]).expect("the base");
    bytes[at] = 2;
    put(&bench.file("bad.tar"), &bytes);
    bench.problems("/bad.tar").await;
}

#[tokio::test]
async fn a_failure_midway_leaves_no_image_and_no_content() {
    let bench = Bench::new();
    bench.bundle(&[PAUSE, ETCD], "/x.tar").await.expect("bundled");
    bench.empty.store().broken = Some(digest(b"pause"));
    let error = bench.load("/x.tar").await.expect_err("the disk is full");
    assert_eq!(error.to_string(), "containerd failed at Write: no space left on device");
    assert!(bench.is_untouched());
    bench.empty.store().broken = None;
    bench.load("/x.tar").await.expect("the same again");
}

#[tokio::test]
async fn interrupted_midway_it_cleans_up() {
    let bench = Bench::new();
    bench.bundle(&[PAUSE, ETCD], "/x.tar").await.expect("bundled");
    let request = Load { socket: "unix:///empty.sock".into(), file: "/x.tar".into(), platforms: Platforms::Own };
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let progress = |progress: Progress| {
        if progress.stage == "loading" && progress.done > 0 {
            let _ = sender.send(true);
        }
    };
    let interrupt = async {
        let mut receiver = receiver;
        drop(receiver.wait_for(|stop| *stop).await);
    };
    let error = load(&bench.node(), &request, interrupt, &progress).await.expect_err("interrupted");
    assert!(matches!(error, ImagesError::Interrupted { .. }), "{error:?}");
    let calls = bench.empty.store().calls.clone();
    assert!(calls.iter().any(|call| call.ends_with("Write")), "{calls:?}");
    assert!(bench.is_untouched());
}

/// A file that is broken is broken on every machine.
#[tokio::test]
async fn a_broken_file_is_told_before_containerd_is_asked() {
    let bench = Bench::new();
    bench.bundle(&[ETCD], "/x.tar").await.expect("bundled");
    let load = async |file: &str| {
        let request = Load { socket: "unix:///none.sock".into(), file: file.into(), platforms: Platforms::Own };
        load(&bench.node(), &request, pending(), &|_| {}).await.expect_err("nothing listens")
    };
    assert!(matches!(load("/x.tar").await, ImagesError::Containerd(_)));
    let mut bytes = get(&bench.file("x.tar"));
    let at = bytes.windows(5).position(|window| window == [1; 5]).expect("the base");
    bytes[at] = 2;
    put(&bench.file("x.tar"), &bytes);
    assert!(matches!(load("/x.tar").await, ImagesError::Broken { .. }));
    put(&bench.file("x.tar"), b"no archive");
    assert!(matches!(load("/x.tar").await, ImagesError::Broken { .. }));
}

#[tokio::test]
async fn interrupted_while_it_looks_through_the_file() {
    let bench = Bench::new();
    let mut writer = super::super::archive::Writer::new(bench.node().draft("/x.tar", 0o644).expect("begun"));
    (0..1000).for_each(|number| writer.file(&format!("blobs/{number}"), b"").expect("written"));
    writer.finish().expect("in place");
    let request = Load { socket: "unix:///empty.sock".into(), file: "/x.tar".into(), platforms: Platforms::Own };
    // Once the looking has begun.
    let interrupt = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    let error = load(&bench.node(), &request, interrupt, &|_| {}).await.expect_err("interrupted");
    assert!(matches!(error, ImagesError::Interrupted { .. }), "{error:?}");
}

#[tokio::test]
async fn an_index_names_no_more_images_than_there_may_be() {
    let bench = Bench::new();
    let names = |count: usize| {
        let named = |number: usize| {
            json!({
                "mediaType": MANIFEST, "digest": digest(b""), "size": 0,
                "annotations": { NAME: format!("registry/x:{number}") },
            })
        };
        json!({ "schemaVersion": 2, "manifests": (0..count).map(named).collect::<Vec<_>>() })
    };
    layout(&bench, "/x.tar", &names(IMAGES), &[]);
    let problems = bench.problems("/x.tar").await;
    assert!(problems[0].ends_with("is missing"), "{problems:?}");
    layout(&bench, "/x.tar", &names(IMAGES + 1), &[]);
    let problems = bench.problems("/x.tar").await;
    assert_eq!(problems, ["its index.json has 4097 entries; more than 4096 are not loaded at once"]);
}

/// Files of a layout as an archive, as another program may have made it.
fn layout(bench: &Bench, file: &str, index: &Value, blobs: &[&[u8]]) {
    let mut writer = super::super::archive::Writer::new(bench.node().draft(file, 0o644).expect("begun"));
    for blob in blobs {
        let path = Digest::of(blob).path();
        writer.file(&path, blob).expect("written");
    }
    writer.file("index.json", index.to_string().as_bytes()).expect("written");
    writer.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
    writer.finish().expect("in place");
}

#[tokio::test]
async fn names_are_read_as_containerd_does() {
    let bench = Bench::new();
    let config = json!({ "os": "linux", "architecture": architecture() }).to_string();
    let manifest = json!({ "config": described("config", config.as_bytes(), &Value::Null), "layers": [] }).to_string();
    let named = |annotations: Value| {
        let mut descriptor = described(MANIFEST, manifest.as_bytes(), &Value::Null);
        descriptor["annotations"] = annotations;
        json!({ "schemaVersion": 2, "manifests": [descriptor] })
    };
    let blobs = [config.as_bytes(), manifest.as_bytes()];
    for (annotations, name) in [
        (json!({ NAME: "registry/x:1", REF_NAME: "1" }), "registry/x:1"),
        (json!({ REF_NAME: "registry.example/x:1" }), "registry.example/x:1"),
        (json!({ REF_NAME: "x:1" }), "docker.io/library/x:1"),
    ] {
        layout(&bench, "/x.tar", &named(annotations), &blobs);
        let loaded = bench.load("/x.tar").await.expect("loaded");
        assert_eq!(loaded.images[0].name, name);
    }
    for annotations in [json!({ REF_NAME: "1" }), json!({ NAME: "" }), json!({ NAME: "a\nb" }), Value::Null] {
        layout(&bench, "/x.tar", &named(annotations.clone()), &blobs);
        let problems = bench.problems("/x.tar").await;
        assert!(problems[0].contains("name"), "{annotations}: {problems:?}");
    }
}

#[tokio::test]
async fn plugins_travel_along() {
    let bench = Bench::new();
    let carried = |name: &str, component: &[u8], signatures: &[u8]| Carried {
        name: name.into(),
        component: component.to_vec(),
        signatures: signatures.to_vec(),
    };
    // The same twice, one that an image has as a layer, and one without signatures.
    let plugins = vec![
        carried("gpu", b"\0asm gpu", b"{} signed"),
        carried("again", b"\0asm gpu", b"{} signed"),
        carried("layer", b"etcd", b""),
    ];
    let request = Bundle {
        socket: "unix:///full.sock".into(),
        images: vec![PAUSE.into(), ETCD.into()],
        output: "/x.tar".into(),
        platforms: Platforms::Own,
        plugins: plugins.clone(),
    };
    let bundled = bundle(&bench.node(), &request, &|_| {}).await.expect("bundled");
    let loaded = bench.load("/x.tar").await.expect("loaded");
    assert_eq!((loaded.plugins, loaded.images), (plugins, bundled.images));
    // None of it is an image's.
    assert!(!bench.empty.store().blobs.contains_key(&digest(b"\0asm gpu")));
    // Every damaged byte of it is noticed before anything is loaded.
    let bytes = get(&bench.file("x.tar"));
    for needle in [&b"\0asm gpu"[..], b"{} signed"] {
        let at = bytes.windows(needle.len()).position(|window| window == needle).expect("there");
        for index in at..at + needle.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            put(&bench.file("y.tar"), &damaged);
            let problems = bench.problems("/y.tar").await;
            assert!(problems[0].contains("does not have the contents"), "{problems:?}");
        }
    }
    // The list names what is not there, or is none.
    let list = b"kubephase-plugins.json";
    assert!(bytes.windows(list.len()).any(|window| window == list));
    for (from, to, problem) in [
        (digest(b"\0asm gpu"), digest(b"nothing"), "its plugin `gpu`"),
        ("\"gpu\"".into(), "\"g u\"".into(), "improper name"),
        ("{\"plugins\"".into(), "[\"plugins\"".into(), "cannot be read"),
    ] {
        let text = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("there");
        let mut changed = bytes.clone();
        changed[text..text + to.len()].copy_from_slice(to.as_bytes());
        put(&bench.file("y.tar"), &changed);
        let problems = bench.problems("/y.tar").await;
        assert!(problems.iter().any(|told| told.contains(problem)), "{problem}: {problems:?}");
    }
}

#[tokio::test]
async fn what_is_no_layout_is_told_apart() {
    let bench = Bench::new();
    let write = |files: &[(&str, &str)]| {
        let mut writer = super::super::archive::Writer::new(bench.node().draft("/x.tar", 0o644).expect("begun"));
        files.iter().for_each(|(path, text)| writer.file(path, text.as_bytes()).expect("written"));
        writer.finish().expect("in place");
    };
    let marker = ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    for (files, problem) in [
        (vec![("manifest.json", "[]")], "ctr -n k8s.io images import"),
        (vec![("readme", "x")], "it has no file oci-layout"),
        (vec![("oci-layout", "x")], "its oci-layout cannot be read"),
        (vec![("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#)], "unknown version 2.0.0"),
        (vec![marker], "it has no index.json"),
        (vec![marker, ("index.json", "{")], "its index.json cannot be read"),
        (vec![marker, ("index.json", r#"{"schemaVersion":2,"manifests":[]}"#)], "it has no images"),
    ] {
        write(&files);
        let problems = bench.problems("/x.tar").await;
        assert!(problems[0].contains(problem), "{problem}: {problems:?}");
    }
    layout(
        &bench,
        "/y.tar",
        &json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": MANIFEST, "digest": digest(b""), "size": 0, "annotations": { NAME: "registry/x:1" },
    }] }),
        &[],
    );
    assert!(bench.problems("/y.tar").await[0].ends_with("is missing"));
    let error = bench.load("/none.tar").await.expect_err("not there");
    assert_eq!(error.to_string(), "the bundle /none.tar does not exist");
    assert!(bench.is_untouched());
}
