//! `ExternalEtcdVersion`: every member of an external etcd answers and is new enough.

use std::time::Duration;

use futures_util::future::join_all;
use kubephase_node::Node;
use kubephase_node::http::{Client, HttpError, Options, Tls};
use semver::Version;

use crate::check::{Check, Finding, Findings, chain};

/// The check. kubeadm: `ExternalEtcdVersionCheck`.
pub struct ExternalEtcdVersion {
    /// `etcd.external.httpEndpoints`, by default its `endpoints`.
    pub endpoints: Vec<String>,
    /// `caFile`; empty for the machine's own authorities.
    pub ca_file: String,
    /// `certFile`; empty for none.
    pub cert_file: String,
    /// `keyFile`.
    pub key_file: String,
    /// The oldest version that fits.
    pub oldest: Version,
    /// Between tries.
    pub pause: Duration,
}

const NAME: &str = "ExternalEtcdVersion";
const TIMEOUT: Duration = Duration::from_secs(10);
const TRIES: usize = 4;
/// kubeadm's pause between tries.
pub const PAUSE: Duration = Duration::from_secs(5);

impl Check for ExternalEtcdVersion {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the external etcd answers and is new enough"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move {
            let client = match self.client(node) {
                Ok(client) => client,
                Err(why) => {
                    return vec![
                        Finding::error(NAME, format!("cannot ask the external etcd: {why}"))
                            .expected("readable etcd.external.caFile, certFile and keyFile that belong together")
                            .remedy("copy them from the external etcd's machines, or correct the fields"),
                    ];
                }
            };
            let members = self.endpoints.iter().map(|endpoint| self.member(&client, endpoint));
            join_all(members).await.into_iter().flatten().collect()
        })
    }
}

impl ExternalEtcdVersion {
    fn client(&self, node: &Node) -> Result<Client, String> {
        let read = |path: &str| match node.read(path) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("{path} does not exist")),
            Err(error) => Err(chain(&error)),
        };
        // kubeadm's client for this goes by the environment's proxies.
        let mut options = Options { proxies: true, ..Options::default() };
        if !self.ca_file.is_empty() {
            options.tls = Tls::Roots(read(&self.ca_file)?);
        }
        if !self.cert_file.is_empty() && !self.key_file.is_empty() {
            let mut identity = read(&self.cert_file)?;
            identity.push(b'\n');
            identity.extend(read(&self.key_file)?);
            options.identity = Some(identity);
        }
        node.http(&options).map_err(|error| chain(&error))
    }

    async fn member(&self, client: &Client, endpoint: &str) -> Option<Finding> {
        let url = version_url(endpoint);
        let mut why = String::new();
        for attempt in 1..=TRIES {
            if attempt > 1 {
                tokio::time::sleep(self.pause).await;
            }
            match client.get(&url, TIMEOUT).await {
                Ok(response) if response.status == 200 => return self.judge(endpoint, &response.body),
                Ok(response) if response.status < 500 => {
                    why = format!("it answers with status {}", response.status);
                    break;
                }
                Ok(response) => why = format!("it answers with status {}", response.status),
                Err(error) => why = reason(&error),
            }
        }
        Some(
            Finding::error(NAME, format!("cannot tell the version of etcd at {endpoint}: {why}"))
                .expected(format!("etcd {} or newer at {url}", shown(&self.oldest)))
                .remedy("see that it runs, that this machine can reach it, and that caFile, certFile and keyFile are its own"),
        )
    }

    fn judge(&self, endpoint: &str, body: &[u8]) -> Option<Finding> {
        let text = serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .and_then(|answer| answer.get("etcdserver")?.as_str().map(str::to_owned));
        let wanted = format!("etcd {} or newer", shown(&self.oldest));
        match text.as_deref().and_then(|version| Version::parse(version.trim_start_matches('v')).ok()) {
            None => Some(
                Finding::error(NAME, format!("cannot tell the version of etcd at {endpoint}: it names none"))
                    .expected(wanted)
                    .remedy("see that the URL is etcd's client URL"),
            ),
            Some(version) if version < self.oldest => Some(
                Finding::error(NAME, format!("etcd at {endpoint} is {version}"))
                    .expected(wanted)
                    .remedy("update the external etcd first, member by member"),
            ),
            Some(_) => None,
        }
    }
}

/// The URL is named beside it.
fn reason(error: &HttpError) -> String {
    error.reason().replace(['\n', '\r'], " ")
}

/// kubeadm joins with `/` and then takes doubled slashes out.
fn version_url(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let mut path = format!("{rest}/version");
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    format!("{scheme}://{path}")
}

/// Without the `-0` that is only there to let image revisions count as new enough.
fn shown(version: &Version) -> String {
    format!("{}.{}.{}", version.major, version.minor, version.patch)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::testing::Machine;

    fn check(endpoints: Vec<String>) -> ExternalEtcdVersion {
        ExternalEtcdVersion {
            endpoints,
            ca_file: String::new(),
            cert_file: String::new(),
            key_file: String::new(),
            oldest: Version::parse("3.5.24-0").expect("a version"),
            pause: Duration::ZERO,
        }
    }

    /// Answers every request with one of the answers in turn, the last one for ever; counts requests.
    async fn member(answers: Vec<(u16, &'static str)>) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0_u8; 2048];
                let read = stream.read(&mut request).await.unwrap_or(0);
                assert!(request[..read].starts_with(b"GET /version "), "one slash before version");
                let (status, body) = answers[counter.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
                let answer =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (url, count)
    }

    #[tokio::test]
    async fn new_enough_and_too_old() {
        let (new, _) = member(vec![(200, r#"{"etcdserver":"3.5.24","etcdcluster":"3.5.0"}"#)]).await;
        let (old, _) = member(vec![(200, r#"{"etcdserver":"3.5.4","etcdcluster":"3.5.0"}"#)]).await;
        let finding = Machine::new().one(&check(vec![new, old.clone()])).await;
        assert_eq!(finding.to_string(), format!("etcd at {old} is 3.5.4; expected: etcd 3.5.24 or newer"));
    }

    #[tokio::test]
    async fn failures_of_the_server_are_tried_again() {
        let (url, count) = member(vec![(503, ""), (500, ""), (200, r#"{"etcdserver":"3.6.8"}"#)]).await;
        assert_eq!(Machine::new().run(&check(vec![url])).await, []);
        assert_eq!(count.load(Ordering::SeqCst), 3);
        let (url, count) = member(vec![(404, "")]).await;
        let finding = Machine::new().one(&check(vec![url])).await;
        assert!(finding.seen.ends_with("it answers with status 404"), "{}", finding.seen);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn nobody_there_no_version_no_files() {
        let finding = Machine::new().one(&check(vec!["http://127.0.0.1:1".into()])).await;
        assert!(
            finding.seen.starts_with("cannot tell the version of etcd at http://127.0.0.1:1: "),
            "{}",
            finding.seen
        );
        let (url, _) = member(vec![(200, "hello")]).await;
        assert!(Machine::new().one(&check(vec![url])).await.seen.ends_with("it names none"));
        let finding =
            Machine::new().one(&ExternalEtcdVersion { ca_file: "/etc/etcd/ca.crt".into(), ..check(Vec::new()) }).await;
        assert_eq!(finding.seen, "cannot ask the external etcd: /etc/etcd/ca.crt does not exist");
    }

    #[test]
    fn one_slash_before_version() {
        for endpoint in ["https://10.0.0.9:2379", "https://10.0.0.9:2379/", "https://10.0.0.9:2379//"] {
            assert_eq!(version_url(endpoint), "https://10.0.0.9:2379/version");
        }
    }
}
