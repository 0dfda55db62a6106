use std::cell::RefCell;

use serde_json::json;

use super::*;

/// Blobs in memory.
#[derive(Default)]
struct Memory(RefCell<BTreeMap<Digest, Vec<u8>>>);

impl Memory {
    fn add(&self, media_type: &str, contents: impl Into<Vec<u8>>) -> Descriptor {
        let contents = contents.into();
        let (digest, size) = (Digest::of(&contents), contents.len() as u64);
        self.0.borrow_mut().insert(digest.clone(), contents);
        Descriptor {
            media_type: media_type.into(),
            digest: digest.to_string(),
            size,
            platform: None,
            annotations: None,
        }
    }

    fn image(&self, architecture: &str, layers: &[&str]) -> Descriptor {
        let config = self.add("config", json!({ "os": "linux", "architecture": architecture }).to_string());
        let layers: Vec<Descriptor> = layers.iter().map(|layer| self.add("layer", *layer)).collect();
        let manifest = json!({ "config": config, "layers": layers }).to_string();
        let platform = Platform { architecture: architecture.into(), os: "linux".into(), variant: None };
        Descriptor { platform: Some(platform), ..self.add("application/vnd.oci.image.manifest.v1+json", manifest) }
    }

    fn index(&self, manifests: &[Descriptor]) -> Descriptor {
        self.add(super::super::layout::INDEX, json!({ "schemaVersion": 2, "manifests": manifests }).to_string())
    }

    fn remove(&self, descriptor: &Descriptor) {
        self.0.borrow_mut().remove(&Digest::parse(&descriptor.digest).expect("a digest"));
    }

    async fn walk(&self, targets: &[&Descriptor], platforms: Platforms) -> Graph {
        let mut graph = Graph::default();
        for target in targets {
            graph.add(self, "x:1", target, platforms).await.expect("memory does not fail");
        }
        graph
    }
}

impl Keeper for Memory {
    async fn document(&self, digest: &Digest, _: u64) -> Result<Option<Vec<u8>>, ImagesError> {
        Ok(self.0.borrow().get(digest).cloned())
    }

    async fn size(&self, digest: &Digest) -> Result<Option<u64>, ImagesError> {
        Ok(self.0.borrow().get(digest).map(|bytes| bytes.len() as u64))
    }
}

const OTHER: &str = "s390x";

#[tokio::test]
async fn parts_come_before_what_names_them_and_doubles_once() {
    let memory = Memory::default();
    let one = memory.image(architecture(), &["base", "one"]);
    let two = memory.image(architecture(), &["base", "two"]);
    let graph = memory.walk(&[&one, &two, &one], Platforms::Own).await;
    assert_eq!(graph.problems.told(), [""; 0]);
    // Two manifests, one configuration and three layers.
    assert_eq!((graph.blobs.len(), graph.order.len()), (6, 6));
    for (at, digest) in graph.order.iter().enumerate() {
        let before: Vec<String> = graph.order[..at].iter().map(ToString::to_string).collect();
        assert!(graph.blobs[digest].labels.values().all(|child| before.contains(child)), "{digest}");
    }
    let manifest = &graph.blobs[&Digest::parse(&one.digest).expect("a digest")];
    let mut labels: Vec<&str> = manifest.labels.keys().filter_map(|key| key.strip_prefix(LABEL)).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["config", "l.0", "l.1"]);
    assert_eq!(graph.size(), memory.0.borrow().values().map(|bytes| bytes.len() as u64).sum::<u64>());
}

#[tokio::test]
async fn other_platforms_are_left_out_unless_all_are_meant() {
    let memory = Memory::default();
    let (own, other) = (memory.image(architecture(), &["a"]), memory.image(OTHER, &["b"]));
    let index = memory.index(&[other.clone(), own.clone()]);
    let digest = Digest::parse(&index.digest).expect("a digest");
    let graph = memory.walk(&[&index], Platforms::All).await;
    assert_eq!((graph.problems.told().len(), graph.blobs.len()), (0, 7));
    assert_eq!(graph.blobs[&digest].labels.len(), 2);
    // A store usually has only this machine's part.
    memory.remove(&other);
    let graph = memory.walk(&[&index], Platforms::Own).await;
    assert_eq!((graph.problems.told().len(), graph.blobs.len()), (0, 4));
    assert_eq!(graph.blobs[&digest].labels, [(format!("{LABEL}m.0"), own.digest.clone())].into());
    let graph = memory.walk(&[&index], Platforms::All).await;
    assert_eq!(graph.problems.told(), [format!("x:1: the manifest {} is missing", other.digest)]);
}

#[tokio::test]
async fn images_for_other_machines_are_refused() {
    let memory = Memory::default();
    let other = memory.image(OTHER, &["b"]);
    let index = memory.index(std::slice::from_ref(&other));
    let graph = memory.walk(&[&index], Platforms::Own).await;
    let expected = format!("is not for linux/{}, but for linux/s390x", architecture());
    assert!(graph.problems.told()[0].ends_with(&expected), "{:?}", graph.problems);
    // Nothing but the configuration says so if a manifest stands alone.
    let graph = memory.walk(&[&other], Platforms::Own).await;
    let expected = format!("is for linux/s390x, not for linux/{}", architecture());
    assert!(graph.problems.told()[0].ends_with(&expected), "{:?}", graph.problems);
    assert!(memory.walk(&[&other], Platforms::All).await.problems.is_empty());
}

#[tokio::test]
async fn everything_wrong_is_told() {
    let memory = Memory::default();
    let layer = memory.add("layer", "gone");
    let damaged = memory.add("config", "{}");
    let digest = Digest::parse(&damaged.digest).expect("a digest");
    memory.0.borrow_mut().insert(digest, b"[]".to_vec());
    let short = Descriptor { size: 99, ..memory.add("layer", "short") };
    let bad = Descriptor { digest: "sha256:../../x".into(), ..short.clone() };
    let manifest = json!({ "config": damaged, "layers": [layer, short, bad] }).to_string();
    let manifest = memory.add("application/vnd.docker.distribution.manifest.v2+json", manifest);
    memory.remove(&layer);
    let nonsense = memory.add("application/vnd.oci.image.manifest.v1+json", "{");
    let unknown = memory.add("text/plain", "x");
    let graph = memory.walk(&[&manifest, &nonsense, &unknown], Platforms::Own).await;
    let told = |problem: &str| graph.problems.told().iter().any(|known| known.contains(problem));
    for problem in [
        format!("the configuration {} does not have the contents", damaged.digest),
        format!("the layer {} is missing", layer.digest),
        format!("the layer {} has 5 bytes instead of 99", short.digest),
        "the layer sha256:../../x has no proper digest".into(),
        format!("the manifest {} cannot be read", nonsense.digest),
        format!("the manifest {} is of the unknown type `text/plain`", unknown.digest),
    ] {
        assert!(told(&problem), "{problem}: {:?}", graph.problems);
    }
    assert_eq!(graph.problems.told().len(), 6);
}

#[tokio::test]
async fn deep_nesting_ends() {
    let memory = Memory::default();
    let mut index = memory.index(&[memory.image(architecture(), &["a"])]);
    for _ in 0..DEPTH {
        index = memory.index(&[index]);
    }
    let graph = memory.walk(&[&index], Platforms::Own).await;
    assert!(graph.problems.told()[0].ends_with("is nested too deeply"), "{:?}", graph.problems);
}

/// As many wrong parts as a document holds, named by every image.
#[tokio::test]
async fn many_problems_take_no_time() {
    let memory = Memory::default();
    let config = memory.add("config", "{}");
    let layers: Vec<Descriptor> =
        (0..20_000).map(|number| Descriptor { digest: format!("sha256:{number}"), ..config.clone() }).collect();
    let images: Vec<Descriptor> = (0..5)
        .map(|number| {
            let manifest = json!({ "config": config, "layers": layers, "annotations": { "n": number } }).to_string();
            memory.add("application/vnd.oci.image.manifest.v1+json", manifest)
        })
        .collect();
    let begun = std::time::Instant::now();
    let graph = memory.walk(&images.iter().collect::<Vec<_>>(), Platforms::Own).await;
    assert!(graph.problems.to_string().ends_with("\nand 19950 more"), "{}", graph.problems);
    // Comparing all with each other takes minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_was_told_already_is_left_out() {
    let memory = Memory::default();
    let image = memory.image(architecture(), &["a"]);
    memory.remove(&image);
    let mut graph = Graph { told: [image.digest.clone()].into(), ..Graph::default() };
    graph.add(&memory, "x:1", &image, Platforms::Own).await.expect("memory does not fail");
    assert!(graph.problems.is_empty() && graph.blobs.is_empty());
}
