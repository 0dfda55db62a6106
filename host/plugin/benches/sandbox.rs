//! How long plugins take inside this process: loading from the cache, a fresh instance, a call. Run by
//! `cargo bench -p kubephase-plugin`, which needs the components of `cargo xtask plugins`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads components and prints a table")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kubephase_model::plugin::{Grants, PluginEntry};
use kubephase_node::PrivateDir;
use kubephase_plugin::{CompiledCache, Ear, Export, Given, Plugins, Wanted, Workbench, measure};
use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

const ROUNDS: usize = 300;
/// So many different components are loaded at once.
const MANY: u8 = 100;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let directory = components();
    let dir = tempfile::tempdir().expect("a directory");
    let cache = CompiledCache::new(PrivateDir::open(dir.path().join("cache")).expect("ours"));
    let ear: Ear = Arc::new(|_, _| {});
    println!("{:58} {:>10} {:>10} {:>10}", "", "median", "best", "target");

    let hello = read(&directory.join("hello.wasm"));
    Workbench::load(hello.clone(), &cache, ear.clone()).await.expect("compiled once");
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let bytes = read(&directory.join("hello.wasm"));
        let wanted = entry("hello", &bytes, &["facts=cluster"]);
        let loaded = load(vec![wanted], &cache, &ear).await;
        took.push(start.elapsed());
        assert_eq!(loaded.warm(), 1);
    }
    let size = hello.len() / 1000;
    row(&format!("warm load of hello ({size} KB): read, verify, link, describe"), took, Duration::from_millis(1));

    let many: Vec<Wanted> =
        (0..MANY).map(|number| entry("hello", &numbered(&hello, number), &["facts=cluster"])).collect();
    load(many.clone(), &cache, &ear).await;
    let mut took = Vec::new();
    for _ in 0..ROUNDS / 10 {
        let wanted = many.clone();
        let start = Instant::now();
        let loaded = load(wanted, &cache, &ear).await;
        took.push(start.elapsed());
        assert_eq!(loaded.warm(), usize::from(MANY));
    }
    row(&format!("the same for {MANY} of them at once, already read"), took, Duration::MAX);

    let mirror = read(&directory.join("registry-mirror.wasm"));
    let mut wanted = entry(
        "registry-mirror",
        &mirror,
        &["patches=etcd", "privileges=image", "facts=cluster", "files=/etc/containerd/**"],
    );
    wanted.entry.settings = json!({ "rewrite": [{ "from": "registry.k8s.io", "to": "mirror.example/k8s" }] });
    let plugins = load(vec![wanted], &cache, &ear).await;
    let pod = pod();
    let text = pod.to_string();
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let reply = plugins.ask("registry-mirror", Export::Mutate, "etcd", &text).await;
        took.push(start.elapsed());
        reply.expect("an answer");
    }
    row(
        &format!("fresh store, instance, mutate of etcd's Pod ({} bytes)", text.len()),
        took,
        Duration::from_micros(150),
    );
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let outcome = plugins.outcome("registry-mirror", Export::Mutate, "etcd", &pod).await;
        took.push(start.elapsed());
        outcome.expect("a document");
    }
    row("the same with judging and applying its patches", took, Duration::MAX);

    let document = format!("\"{}\"", "x".repeat(1022));
    let took = measure::calls_on_one_instance(echo().into(), &document, ROUNDS * 10, ear.clone()).await.expect("calls");
    row("a call with 1 KB in and out, on an instance that is there", took, Duration::from_micros(5));

    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .expect("components")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|name| {
            name.ends_with(".wasm")
                && !name.starts_with("hostile")
                && !name.contains("-js")
                && !name.contains("-py")
                && !name.contains("-go")
        })
        .collect();
    names.sort();
    let start = Instant::now();
    let wanted: Vec<_> = names.iter().map(|name| read(&directory.join(name))).collect();
    let bytes: usize = wanted.iter().map(Vec::len).sum();
    let none = CompiledCache::none();
    let loading = wanted.into_iter().map(|bytes| Workbench::load(bytes, &none, ear.clone()));
    for loaded in futures_util::future::join_all(loading).await {
        loaded.expect("a plugin");
    }
    let what = format!("cold: compiling {} first-party plugins ({} KB)", names.len(), bytes / 1000);
    row(&what, vec![start.elapsed()], Duration::MAX);
}

async fn load(wanted: Vec<Wanted>, cache: &CompiledCache, ear: &Ear) -> Plugins {
    let world = Arc::new(Given::default());
    Plugins::load(wanted, world, ear.clone(), cache).await.unwrap_or_else(|refused| panic!("{refused:?}"))
}

fn entry(name: &str, bytes: &[u8], grants: &[&str]) -> Wanted {
    let mut given = Grants::default();
    for grant in grants {
        let (capability, scope) = grant.split_once('=').expect("a grant");
        given.list_mut(capability).expect("a capability").push(scope.to_owned());
    }
    let entry = PluginEntry { name: name.to_owned(), grants: given, ..PluginEntry::default() };
    Wanted { entry, bytes: bytes.into(), signer: None }
}

/// The same component with a section that means nothing, so that its digest is another one.
fn numbered(component: &[u8], number: u8) -> Vec<u8> {
    [component, &[0, 3, 1, b'n', number]].concat()
}

fn row(what: &str, mut took: Vec<Duration>, target: Duration) {
    took.sort_unstable();
    let micros = |time: Duration| format!("{:.1} µs", time.as_nanos() as f64 / 1000.0);
    let target = if target == Duration::MAX { "-".to_owned() } else { format!("≤ {}", micros(target)) };
    println!("{what:58} {:>10} {:>10} {target:>10}", micros(took[took.len() / 2]), micros(took[0]));
}

fn components() -> PathBuf {
    let cache = || {
        let named = std::env::var_os("KUBEPHASE_CACHE").map(PathBuf::from);
        named.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache/kubephase/e2e"))
    };
    std::env::var_os("KUBEPHASE_PLUGINS").map(PathBuf::from).unwrap_or_else(|| cache().join("plugins"))
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask plugins` first", path.display()))
}

fn pod() -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/golden");
    let found = find(&manifest, "etcd.yaml").expect("a recorded manifest of etcd");
    serde_yaml::from_slice(&read(&found)).expect("a Pod")
}

fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(directory).ok()?.map(|entry| entry.expect("readable").path()).collect();
    entries.sort();
    entries
        .iter()
        .find(|path| path.ends_with(name))
        .cloned()
        .or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
}

fn echo() -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
    let (package, _) = resolve.push_dir(wit).expect("our WIT");
    let world = resolve.packages[package].worlds["mutator-plugin"];
    let mut module = wat::parse_str(include_str!("echo.wat")).expect("a module");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    ComponentEncoder::default().module(&module).expect("a module").validate(true).encode().expect("a component")
}
