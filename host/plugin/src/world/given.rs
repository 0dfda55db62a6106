//! Answers that somebody has written down: a test case's, or a file's with facts. What is not in there is `unavailable`,
//! or for files `not-found`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::names::join_host_port;
use kubephase_model::plugin::facts::{Fact, NodeFacts};
use kubephase_model::plugin::measured::{Clock, Latency};
use kubephase_model::plugin::proposal::Failure;
use kubephase_node::Seen;
use kubephase_node::http::Target;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Asked, Contents, Request, Response, Spot, Told, World, failure};

/// What is given. `probe` is by `<function>[:<scope>]`, `http` by `<method> <url>`. In both an entry `failure` with a code
/// and a message makes the call fail.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Given {
    #[serde(deserialize_with = "shared")]
    facts: Arc<NodeFacts>,
    files: BTreeMap<String, FileGiven>,
    kube: Vec<Value>,
    probe: BTreeMap<String, Value>,
    http: BTreeMap<String, Value>,
    #[serde(skip)]
    has_cluster: bool,
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<NodeFacts>, D::Error> {
    NodeFacts::deserialize(deserializer).map(Arc::new)
}

/// A file: its text, or more about it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum FileGiven {
    Text(String),
    More(MoreOfFile),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct MoreOfFile {
    text: String,
    base64: String,
    /// 0644 if not given.
    mode: Option<u32>,
    owner: u32,
    group: u32,
    /// What it is a link to: an absolute path.
    link: String,
}

/// An answer of a server.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct ResponseGiven {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Given {
    /// Reads what is given, such as `{"facts": {…}, "files": {…}}`. An error says what is wrong.
    pub fn parse(given: Value) -> Result<Self, String> {
        let has_cluster = given.get("kube").is_some();
        let given: Self = serde_json::from_value(given).map_err(|error| error.to_string())?;
        for (path, file) in &given.files {
            if let FileGiven::More(more) = file
                && STANDARD.decode(&more.base64).is_err()
            {
                return Err(format!("files.{path}: base64 is not base64"));
            }
        }
        Ok(Self { has_cluster, ..given })
    }

    /// Only facts.
    pub fn of_facts(facts: NodeFacts) -> Self {
        Self { facts: Arc::new(facts), ..Self::default() }
    }

    fn spot(&self, path: &str, links: usize) -> Result<Option<Spot>, Failure> {
        let spot = |kind, size, mode, owner, contents| {
            // As on a machine: what others may not read is private.
            let private = mode & 0o004 == 0;
            Some(Spot { path: path.to_owned(), private, kind, size, mode, owner, contents })
        };
        match self.files.get(path) {
            Some(FileGiven::More(more)) if !more.link.is_empty() && links > 0 => self.spot(&more.link, links - 1),
            Some(FileGiven::More(more)) if !more.link.is_empty() => Err(failure("other", "too many links")),
            Some(file) => {
                let (bytes, mode, owner): (Arc<[u8]>, _, _) = match file {
                    FileGiven::Text(text) => (text.as_bytes().into(), 0o644, (0, 0)),
                    FileGiven::More(more) => {
                        let decoded = STANDARD.decode(&more.base64).unwrap_or_default();
                        let bytes = if more.base64.is_empty() { more.text.as_bytes().into() } else { decoded.into() };
                        (bytes, more.mode.unwrap_or(0o644), (more.owner, more.group))
                    }
                };
                Ok(spot(Seen::File, bytes.len() as u64, mode, owner, Contents::Bytes(bytes)))
            }
            None => {
                let below = if path == "/" { "/".to_owned() } else { format!("{path}/") };
                let names: BTreeSet<String> = self
                    .files
                    .keys()
                    .filter_map(|file| file.strip_prefix(&below)?.split('/').next())
                    .map(str::to_owned)
                    .collect();
                let is_there = !names.is_empty();
                Ok(is_there.then(|| spot(Seen::Directory, 4096, 0o755, (0, 0), Contents::Names(names))).flatten())
            }
        }
    }

    fn cluster(&self) -> Result<(), Failure> {
        if self.has_cluster { Ok(()) } else { Err(failure("unavailable", "there is no cluster yet")) }
    }

    fn probed<T: DeserializeOwned + Send + 'static>(&self, function: &str, scope: &str) -> Told<'_, T> {
        let key = if scope.is_empty() { function.to_owned() } else { format!("{function}:{scope}") };
        let answer = answer(self.probe.get(&key), "probe", &key);
        Box::pin(async move { answer })
    }
}

fn answer<T: DeserializeOwned>(given: Option<&Value>, table: &str, key: &str) -> Result<T, Failure> {
    let Some(given) = given else {
        return Err(failure("unavailable", format!("no answer is given for `{key}`")));
    };
    if let Some(given) = given.get("failure") {
        return Err(serde_json::from_value(given.clone())
            .unwrap_or_else(|error| failure("invalid", format!("{table}: `{key}`: failure: {error}"))));
    }
    serde_json::from_value(given.clone()).map_err(|error| failure("invalid", format!("{table}: `{key}`: {error}")))
}

impl World for Given {
    fn fact(&self, _: Fact) -> Told<'_, Arc<NodeFacts>> {
        Box::pin(async { Ok(Arc::clone(&self.facts)) })
    }

    fn sysctl<'a>(&'a self, name: &'a str) -> Told<'a, Option<String>> {
        Box::pin(async move {
            match &self.facts.sysctl {
                Some(known) => Ok(known.get(name).cloned()),
                None => Err(failure("unavailable", "no sysctls are given")),
            }
        })
    }

    fn find<'a>(&'a self, path: &'a str) -> Told<'a, Option<Spot>> {
        Box::pin(async move { self.spot(path, 40) })
    }

    fn get<'a>(&'a self, object: Asked<'a>, name: &'a str) -> Told<'a, Option<Value>> {
        Box::pin(async move {
            self.cluster()?;
            let is = |known: &&Value| is_of(known, object) && known["metadata"]["name"] == name;
            Ok(self.kube.iter().find(is).cloned())
        })
    }

    fn list<'a>(&'a self, objects: Asked<'a>, labels: &'a str, _: usize) -> Told<'a, Vec<Value>> {
        Box::pin(async move {
            self.cluster()?;
            let wanted = |known: &&Value| is_of(known, objects) && selects(labels, &known["metadata"]["labels"]);
            Ok(self.kube.iter().filter(wanted).cloned().collect())
        })
    }

    fn send(&self, request: Request) -> Told<'_, Response> {
        Box::pin(async move {
            let key = format!("{} {}", request.method, request.url);
            let given = self.http.iter().find(|(written, _)| asks(written, &request)).map(|(_, given)| given);
            let ResponseGiven { status, headers, body } = answer(given, "http", &key)?;
            if body.len() > request.limit {
                return Err(failure("too-large", format!("the answer is longer than {} bytes", request.limit)));
            }
            let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
            Ok(Response { status, headers: headers.collect(), body: body.into_bytes() })
        })
    }

    fn fdatasync<'a>(&'a self, directory: &'a str, _: u32, _: u32, _: Duration) -> Told<'a, Latency> {
        self.probed("fdatasync", directory)
    }

    fn tcp_connect<'a>(&'a self, host: &'a str, port: u16, _: Duration) -> Told<'a, u64> {
        self.probed("tcp-connect", &join_host_port(host, port))
    }

    fn dns_lookup<'a>(&'a self, name: &'a str) -> Told<'a, Vec<String>> {
        self.probed("dns-lookup", name)
    }

    fn path_mtu<'a>(&'a self, address: &'a str) -> Told<'a, u32> {
        self.probed("path-mtu", address)
    }

    fn clock_offset<'a>(&'a self, server: &'a str) -> Told<'a, i64> {
        self.probed("clock-offset", server)
    }

    fn clock_state(&self) -> Told<'_, Clock> {
        self.probed("clock-state", "")
    }
}

/// Whether `<method> <url>` is what is asked; a URL may be written in more than one way.
fn asks(written: &str, request: &Request) -> bool {
    let Some((method, url)) = written.split_once(' ') else { return false };
    method == request.method && Target::parse(url.trim()).is_ok_and(|url| url.to_string() == request.url)
}

fn is_of(object: &Value, asked: Asked<'_>) -> bool {
    let namespace = object["metadata"]["namespace"].as_str();
    object["apiVersion"] == asked.api_version
        && object["kind"] == asked.kind
        && asked.namespace.is_none_or(|wanted| namespace == Some(wanted))
}

/// A label selector with `=`, `==`, `!=`, `key` and `!key`, which is what plugins need; sets are not read.
fn selects(selector: &str, labels: &Value) -> bool {
    selector.split(',').map(str::trim).filter(|part| !part.is_empty()).all(|part| {
        let value = |key: &str| labels.get(key.trim()).and_then(Value::as_str);
        if let Some((key, wanted)) = part.split_once("!=") {
            return value(key) != Some(wanted.trim());
        }
        if let Some((key, wanted)) = part.split_once('=') {
            return value(key) == Some(wanted.trim_start_matches('=').trim());
        }
        part.strip_prefix('!').map_or_else(|| value(part).is_some(), |key| value(key).is_none())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_select() {
        let labels = json!({ "app": "web", "tier": "front" });
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier", true),
            ("app!=web", false),
            ("!tier", false),
            ("!other, app = web", true),
            ("other=x", false),
        ] {
            assert_eq!(selects(selector, &labels), expected, "{selector}");
        }
    }

    #[tokio::test]
    async fn what_is_not_given_is_unavailable() {
        let given = Given::parse(json!({
            "probe": { "tcp-connect:h:443": 1200, "clock-state": { "failure": { "code": "unavailable", "message": "m" } } },
            "files": { "/a/b": "text", "/a/c": { "base64": "/w==", "mode": 384 }, "/l": { "link": "/a/b" } },
        }))
        .expect("well formed");
        assert_eq!(given.tcp_connect("h", 443, Duration::ZERO).await, Ok(1200));
        assert_eq!(given.clock_state().await.expect_err("given so").message, "m");
        assert_eq!(given.path_mtu("10.0.0.1").await.expect_err("not given").code, "unavailable");
        assert_eq!(given.sysctl("a").await.expect_err("not given").code, "unavailable");
        let linked = given.find("/l").await.expect("there").expect("there");
        assert_eq!((&*linked.path, linked.read(4).await), ("/a/b", Ok(b"text".to_vec())));
        assert_eq!(linked.read(3).await.expect_err("four bytes").code, "too-large");
        let private = given.find("/a/c").await.expect("there").expect("there");
        assert_eq!((private.private, private.size), (true, 1));
        let directory = given.find("/a").await.expect("there").expect("there");
        assert_eq!(directory.list(9).await, Ok(vec!["b".to_owned(), "c".to_owned()]));
        assert!(given.find("/none").await.expect("nothing").is_none());
        let asked = Asked { api_version: "v1", kind: "Node", namespace: None };
        assert_eq!(given.get(asked, "a").await.expect_err("no cluster").code, "unavailable");
    }

    #[test]
    fn misspelt_tables_are_refused() {
        assert!(Given::parse(json!({ "facs": {} })).expect_err("misspelt").contains("facs"));
        assert!(Given::parse(json!({ "files": { "/a": { "base64": "%" } } })).is_err());
    }
}
