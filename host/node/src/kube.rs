//! The cluster's API: reading and writing objects with `kube`'s client. Every write is retried until its deadline and
//! recorded as a [`Change`](crate::Change); in a dry run it stays in memory. It knows how to make an object so, not
//! what any object is for.

mod apply;
mod client;
mod discover;
mod error;
mod merge;
mod pretended;
mod retry;
mod watch;
mod write;

use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use discover::Learnt;
pub use error::{ApiError, FieldConflict};
use kubephase_model::object::{Kind, ObjectRef};
use serde_json::{Value, json};

pub(crate) use self::pretended::Pretended;
pub use self::write::{Deletion, Mutate};
use crate::change::Change;
use crate::node::{Node, lock};

/// How long a call is tried if nothing else is said: kubeadm's default of `timeouts.kubernetesAPICall`.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where an API server is, whom to believe and who we are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// URL, such as `https://10.0.0.1:6443`.
    pub server: String,
    /// The authorities to believe, PEM; the machine's own if not given.
    pub ca: Option<Vec<u8>>,
    /// Client certificate and its key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Bearer token.
    pub token: Option<String>,
    /// Name that the server's certificate is checked for, if it is not the URL's.
    pub tls_server_name: Option<String>,
    /// URL of the proxy that leads there, if any.
    pub proxy: Option<String>,
    /// Believe anyone: only for looking at what will be checked by other means.
    pub insecure: bool,
}

/// Neither key nor token is shown.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Which of many objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Select<'a> {
    /// Label selector, such as `k8s-app=kube-dns`; empty for all.
    pub labels: &'a str,
    /// Field selector, such as `type=bootstrap.kubernetes.io/token`; empty for all.
    pub fields: &'a str,
}

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// RFC 6902.
    Json,
    /// RFC 7396.
    Merge,
    /// With the API's own list keys.
    Strategic,
}

impl Patch {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// An API server, as one user. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    node: Node,
    client: kube::Client,
    server: Arc<str>,
    deadline: Duration,
    /// How long a refusal for want of rights or for being invalid is not believed.
    grace: Duration,
    /// Whether a dry run takes a server that cannot be asked for a cluster that does not exist yet.
    may_be_absent: bool,
    /// What a dry run has done so far; `None` if this is none.
    pretended: Option<Arc<Mutex<Pretended>>>,
    /// Is told why a call takes long, once per call.
    on_wait: Option<Arc<OnWait>>,
    /// Kinds that the server told of, beside those that everybody knows.
    learnt: Arc<Learnt>,
    /// Where changes are told if not to the node at once: calls that run at the same time are told in their order.
    aside: Option<Arc<Mutex<Vec<Change>>>>,
}

/// Hears why a call is being repeated.
pub type OnWait = dyn Fn(&ApiError) + Send + Sync;

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Node {
    /// The API server at `endpoint`. Nothing is sent yet. Must be called within a runtime.
    pub fn api(&self, endpoint: &Endpoint) -> Result<Api, ApiError> {
        let client = client::connect(endpoint, self.proxy().or_else(|| endpoint.proxy.clone()).as_deref())?;
        let pretended = self.is_dry_run().then(|| self.pretended());
        Ok(Api {
            node: self.clone(),
            client,
            server: endpoint.server.as_str().into(),
            deadline: DEADLINE,
            grace: retry::GRACE,
            may_be_absent: false,
            pretended,
            on_wait: None,
            learnt: Arc::default(),
            aside: None,
        })
    }
}

impl Api {
    /// The same with another deadline: how long one call may take, all attempts included.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// The same, but it takes a first refusal for an answer. Otherwise one for want of rights is asked again for some
    /// seconds, because rights become known to a server a moment late.
    #[must_use]
    pub fn credulous(&self) -> Self {
        Self { grace: Duration::ZERO, ..self.clone() }
    }

    /// The same, but `told` hears why, once a call has been repeated for two seconds.
    #[must_use]
    pub fn on_wait(&self, told: Arc<OnWait>) -> Self {
        Self { on_wait: Some(told), ..self.clone() }
    }

    /// The same, but nobody is told of its changes: for what is written over and over and is nobody's result.
    #[must_use]
    pub fn unrecorded(&self) -> Self {
        Self { aside: Some(Arc::default()), ..self.clone() }
    }

    /// The same for a dry run that may come before the cluster: a server that cannot be asked has nothing.
    #[must_use]
    pub fn maybe_absent(&self) -> Self {
        Self { may_be_absent: true, ..self.clone() }
    }

    /// For dry runs: there cannot be a server yet, so none is looked for.
    pub fn nobody_there(&self) {
        if let Some(pretended) = &self.pretended {
            lock(pretended).alone = true;
        }
    }

    /// Whether nothing really happens.
    pub fn is_dry_run(&self) -> bool {
        self.pretended.is_some()
    }

    /// URL of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// One object; `None` if it does not exist.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ApiError> {
        if let Some(known) = self.pretended.as_ref().and_then(|pretended| lock(pretended).get(object)) {
            return Ok(known);
        }
        let request = retry::Request::new("GET", format!("get {object}"), object.path());
        let found = self.look(request.clone()).await?;
        match &found {
            Some(other) if other["kind"] != object.kind.kind => Err(self.nonsense(&request)),
            _ => Ok(found),
        }
    }

    /// Objects of one kind, in one namespace or all.
    pub async fn list(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
        select: Select<'_>,
    ) -> Result<Vec<Value>, ApiError> {
        let what = format!("list {}", kind.plural);
        let query = query(&[("labelSelector", select.labels), ("fieldSelector", select.fields)]);
        let request = retry::Request::new("GET", what, format!("{}{query}", kind.path(namespace)));
        let real = self.look(request).await?.map(|list| items(kind, list)).unwrap_or_default();
        let Some(pretended) = &self.pretended else { return Ok(real) };
        // What a dry run has made is not matched by selectors: it is listed only where all of a kind are asked for.
        Ok(if select == Select::default() { lock(pretended).over(kind, namespace, real) } else { real })
    }

    /// Whether the server answers `/readyz`, asked once.
    pub async fn ready(&self) -> bool {
        let request = retry::Request::new("GET", "look whether it is ready".into(), "/readyz".into()).text();
        tokio::time::timeout(Duration::from_secs(5), self.once(&request)).await.is_ok_and(|answer| answer.is_ok())
    }

    /// Whether the server knows us by now, and lets us create objects of this kind; asked once. One that has just started
    /// answers before it knows anybody.
    pub async fn may_create(&self, kind: &Kind) -> bool {
        let group = kind.api_version.split_once('/').map_or("", |(group, _)| group);
        let wanted = json!({ "verb": "create", "group": group, "resource": kind.plural });
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": wanted },
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned();
        let what = format!("ask whether {} may be created", kind.plural);
        let request = retry::Request::new("POST", what, path).body(&review);
        let answer = tokio::time::timeout(Duration::from_secs(5), self.once(&request)).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|review| review["status"]["allowed"] == true))
    }

    /// What the server says about its version (`/version`).
    pub async fn version(&self) -> Result<Value, ApiError> {
        self.send(retry::Request::new("GET", "ask for the version".into(), "/version".into())).await
    }
}

/// The list's items, each with kind and version, which lists leave out.
fn items(kind: &Kind, list: Value) -> Vec<Value> {
    let Value::Object(mut list) = list else { return Vec::new() };
    let Some(Value::Array(items)) = list.remove("items") else { return Vec::new() };
    let named = |mut item: Value| {
        if item.is_object() {
            item["apiVersion"] = json!(kind.api_version);
            item["kind"] = json!(kind.kind);
        }
        item
    };
    items.into_iter().map(named).collect()
}

fn query(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    let given: Vec<String> = given.map(|(key, value)| format!("{key}={}", escape(value))).collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

#[cfg(test)]
mod tests;
