//! Against a server that speaks the real wire protocol. Digests are made up: that they are right is for others to check.

use std::collections::HashMap;
use std::path::PathBuf;

use super::fake::{FakeContainerd, Running};
use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);
const SOCKET: &str = "unix:///containerd.sock";
const EXPIRES: &str = "2026-11-24T00:00:00Z";

/// Good enough to tell contents apart.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:064x}", bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into())))
}

struct Bench {
    root: tempfile::TempDir,
    fake: FakeContainerd,
    _server: Running,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a root");
        let fake = FakeContainerd::new(digest);
        let server = fake.serve(&root.path().join("containerd.sock")).expect("it listens");
        Self { root, fake, _server: server }
    }

    async fn connect(&self) -> Containerd {
        Node::at(self.root.path()).containerd(SOCKET, TIMEOUT).await.expect("it listens")
    }
}

fn labels(key: &str, value: &str) -> HashMap<String, String> {
    [(key.to_owned(), value.to_owned())].into()
}

async fn write(
    containerd: &Containerd,
    bytes: &[u8],
    labels: HashMap<String, String>,
) -> Result<bool, ContainerdError> {
    let (digest, size) = (digest(bytes), bytes.len() as u64);
    let Some(mut writing) = containerd.write(&digest, size).await? else { return Ok(false) };
    for piece in bytes.chunks(700) {
        writing.piece(piece.to_vec()).await?;
    }
    writing.commit(&digest, size, labels).await.map(|()| true)
}

#[tokio::test]
async fn blobs_are_written_and_read_in_pieces() {
    let bench = Bench::new();
    let containerd = bench.connect().await;
    assert_eq!(containerd.version().await.expect("an answer"), "1.6.0-fake");
    let bytes: Vec<u8> = (0..5000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let digest = digest(&bytes);
    assert_eq!(containerd.blob(&digest).await.expect("an answer"), None);
    assert!(containerd.read(&digest).await.expect("an answer").is_none());
    let lease = containerd.lease("test-1", EXPIRES).await.expect("begun");
    assert!(write(lease.containerd(), &bytes, labels("a", "1")).await.expect("written"));
    assert_eq!(containerd.blob(&digest).await.expect("an answer"), Some(5000));
    let mut pieces = containerd.read(&digest).await.expect("an answer").expect("there");
    let mut read = Vec::new();
    let mut count = 0;
    while let Some(piece) = pieces.next().await.expect("a piece") {
        read.extend(piece);
        count += 1;
    }
    assert_eq!((read, count), (bytes.clone(), 5));
    assert!(!write(lease.containerd(), &bytes, HashMap::new()).await.expect("there already"));
    lease.containerd().label(&digest, &labels("b", "2")).await.expect("labelled");
    let store = bench.fake.store();
    assert_eq!(store.blobs[&digest].labels, HashMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]));
    assert_eq!(store.lease_labels["containerd.io/gc.expire"], EXPIRES);
}

#[tokio::test]
async fn what_has_another_digest_or_size_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    let containerd = bench.connect().await;
    for (promised, size) in [(digest(b"other"), 4), (digest(b"data"), 5)] {
        let mut writing = containerd.write(&promised, size).await.expect("begun").expect("new");
        writing.piece(b"data".to_vec()).await.expect("sent");
        let error = writing.commit(&promised, size, HashMap::new()).await.expect_err("not what was promised");
        assert_eq!(error.kind(), Some(AnswerKind::Mismatch), "{error}");
    }
    let writing = containerd.write(&digest(b"data"), 4).await.expect("begun").expect("new");
    writing.give_up().await;
    let store = bench.fake.store();
    assert!(store.blobs.is_empty() && store.ingests.is_empty(), "{store:?}");
}

#[tokio::test]
async fn a_lease_keeps_what_no_image_needs_until_it_ends() {
    let bench = Bench::new();
    let containerd = bench.connect().await;
    let lease = containerd.lease("test-1", EXPIRES).await.expect("begun");
    let layer = digest(b"layer");
    write(lease.containerd(), b"layer", HashMap::new()).await.expect("written");
    write(lease.containerd(), b"waste", HashMap::new()).await.expect("written");
    let reference = labels("containerd.io/gc.ref.content.l.0", &layer);
    write(lease.containerd(), b"manifest", reference).await.expect("written");
    assert_eq!(bench.fake.store().blobs.len(), 3);
    let target = Target { media_type: "m".into(), digest: digest(b"manifest"), size: 8 };
    lease.containerd().set_image("registry/x:1", &target).await.expect("set");
    lease.containerd().set_image("registry/x:1", &target).await.expect("set again");
    lease.end().await.expect("ended");
    assert_eq!(containerd.image("registry/x:1").await.expect("an answer"), Some(target));
    assert_eq!(containerd.image("registry/y:1").await.expect("an answer"), None);
    let store = bench.fake.store();
    let mut kept: Vec<&String> = store.blobs.keys().collect();
    kept.sort();
    let mut expected = [layer, digest(b"manifest")];
    expected.sort();
    assert_eq!(kept, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let bench = Bench::new();
    let scratch = tempfile::tempdir().expect("a scratch");
    let node = Node::dry_run_of(bench.root.path(), scratch.path());
    let containerd = node.containerd(SOCKET, TIMEOUT).await.expect("it listens");
    let lease = containerd.lease("test-1", EXPIRES).await.expect("as if");
    assert!(!write(lease.containerd(), b"layer", HashMap::new()).await.expect("as if"));
    let target = Target { media_type: "m".into(), digest: "sha256:1".into(), size: 8 };
    lease.containerd().set_image("registry/x:1", &target).await.expect("as if");
    lease.end().await.expect("as if");
    assert_eq!(bench.fake.store().calls, [""; 0]);
    let changes: Vec<String> = node.changes().into_iter().map(|change| change.path).collect();
    assert_eq!(changes, ["would set image registry/x:1 to sha256:1"]);
}

/// A server of gRPC that has none of containerd's services.
#[tokio::test]
async fn another_runtime_is_told_apart() {
    let root = tempfile::tempdir().expect("a root");
    let listener = tokio::net::UnixListener::bind(root.path().join("containerd.sock")).expect("bound");
    let incoming = tokio_stream::wrappers::UnixListenerStream::new(listener);
    let router = tonic::transport::Server::builder().add_routes(tonic::service::Routes::default());
    let server = tokio::spawn(async { drop(router.serve_with_incoming(incoming).await) });
    let containerd = Node::at(root.path()).containerd(SOCKET, TIMEOUT).await.expect("it listens");
    let error = containerd.version().await.expect_err("no such service");
    assert!(matches!(error, ContainerdError::NotContainerd { call: "Version", .. }), "{error:?}");
    assert!(error.to_string().starts_with("unix:///containerd.sock is no containerd"), "{error}");
    assert!(error.hint().expect("advice").contains("CRI-O"));
    server.abort();
    let gone = PathBuf::from("/nowhere");
    let error = Node::at(gone).containerd(SOCKET, TIMEOUT).await.expect_err("nothing there");
    assert!(error.to_string().contains("cannot find the CRI socket"), "{error}");
}
