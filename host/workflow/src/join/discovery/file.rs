//! Discovery by a kubeconfig file (kubeadm's `file.RetrieveValidatedConfigInfo` and `https`). The file is believed: it
//! came from a hand that we trust, or from a server that the machine trusts. What the cluster says of itself is compared
//! with it.

use kubephase_engine::Level;
use kubephase_node::Node;
use kubephase_node::http::exchange::{ExchangeError, Request};
use kubephase_node::http::{Cause, Options};
use kubephase_node::kube::{ApiError, Endpoint};
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use tokio::time::{Duration, sleep};

use super::{CLUSTER, Deadline, Discovered, DiscoveryError, Tell, authorities, cluster_info, exec, server};

/// No kubeconfig is longer.
const LONGEST: u64 = 1 << 20;
/// More redirects are a circle.
const REDIRECTS: usize = 5;
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// The cluster of the file at a path or an `https://` URL, compared with what the cluster says. `alone` if the file has to
/// bring the credentials for the kubelet.
pub(super) async fn discover(
    node: &Node,
    what: &str,
    alone: bool,
    deadline: Deadline,
    tell: Tell<'_>,
) -> Result<Discovered, DiscoveryError> {
    let is_url = what.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let bytes = match is_url {
        true => fetch(node, what, deadline).await?,
        false => read(node, what, what)?,
    };
    let what = if is_url { shown(what) } else { what };
    let mut file = settled(node, what, &bytes, if is_url { None } else { Some(directory(what)) })?;
    if alone && !file.has_credentials() {
        return Err(DiscoveryError::NoCredentials { what: what.to_owned() });
    }
    let base = if is_url { "/" } else { directory(what) };
    let mut endpoint = endpoint(node, what, &file, base).await?;
    let said = ask(node, &endpoint, deadline, tell).await?;
    let fail = |source| DiscoveryError::Kubeconfig { what: what.to_owned(), source };
    if let Some(said) = said {
        let theirs = said.server().unwrap_or_default();
        if theirs != endpoint.server {
            let message = format!(
                "cluster-info names another server than {what}: {theirs} instead of {}; the latter is used",
                endpoint.server
            );
            tell(Level::Warning, message);
        }
        if endpoint.ca.is_none()
            && let Some(pem) = authorities(&said, "cluster-info")?
        {
            file.set_ca(&pem).map_err(fail)?;
            endpoint.ca = Some(pem);
        }
    }
    finish(what, file, endpoint)
}

/// The cluster of a kubeconfig file of this node, without asking it.
pub(super) async fn local(node: &Node, path: &str) -> Result<Discovered, DiscoveryError> {
    let bytes = read(node, path, path)?;
    let file = settled(node, path, &bytes, Some(directory(path)))?;
    let endpoint = endpoint(node, path, &file, directory(path)).await?;
    finish(path, file, endpoint)
}

fn finish(what: &str, bootstrap: Kubeconfig, endpoint: Endpoint) -> Result<Discovered, DiscoveryError> {
    let ca_pem = endpoint.ca.clone().ok_or_else(|| DiscoveryError::NoCa { what: what.to_owned() })?;
    let cluster_name = bootstrap.cluster_name().unwrap_or(CLUSTER).to_owned();
    Ok(Discovered { cluster_name, server: endpoint.server.clone(), ca_pem, bootstrap, endpoint })
}

fn directory(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((directory, _)) => directory,
        None => ".",
    }
}

/// A file, which `what` names or is.
fn read(node: &Node, what: &str, file: &str) -> Result<Vec<u8>, DiscoveryError> {
    let path = file.strip_prefix("file://").unwrap_or(file);
    let missing = || DiscoveryError::NoFile { what: what.to_owned(), file: path.to_owned() };
    node.read(path)?.ok_or_else(missing)
}

/// What counts of the file, with everything in it. Relative paths begin in `directory`; what came from elsewhere may name
/// no file of this machine.
fn settled(node: &Node, what: &str, bytes: &[u8], directory: Option<&str>) -> Result<Kubeconfig, DiscoveryError> {
    let fail = |source| DiscoveryError::Kubeconfig { what: what.to_owned(), source };
    let mut file = Kubeconfig::parse(bytes).map_err(fail)?.for_discovery(CLUSTER).map_err(fail)?;
    if file.is_insecure().map_err(fail)? {
        return Err(DiscoveryError::Insecure { what: what.to_owned() });
    }
    if let Some(way) = file.foreign_credentials().map_err(fail)?.filter(|way| *way != "exec") {
        return Err(DiscoveryError::ForeignCredentials { what: what.to_owned(), way });
    }
    server(&file, what)?;
    file.embed(|named| {
        let missing = || DiscoveryError::NoFile { what: what.to_owned(), file: named.to_owned() };
        match directory {
            _ if named.starts_with('/') => read(node, what, named),
            Some(directory) => read(node, what, &format!("{directory}/{named}")),
            None => Err(missing()),
        }
    })?;
    authorities(&file, what)?;
    Ok(file)
}

/// How to reach the cluster of a file with everything in it.
async fn endpoint(node: &Node, what: &str, file: &Kubeconfig, directory: &str) -> Result<Endpoint, DiscoveryError> {
    let fail = |source| DiscoveryError::Kubeconfig { what: what.to_owned(), source };
    let inline = |material: Option<Material>| match material {
        Some(Material::Inline(bytes)) => Some(bytes),
        _ => None,
    };
    let certificate = inline(file.client_certificate().map_err(fail)?);
    let key = inline(file.client_key().map_err(fail)?);
    let mut endpoint = Endpoint {
        server: server(file, what)?,
        ca: authorities(file, what)?,
        identity: certificate.zip(key),
        token: file.token().map_err(fail)?.filter(|token| !token.is_empty()).map(str::to_owned),
        tls_server_name: file.tls_server_name().map_err(fail)?.map(str::to_owned),
        proxy: file.proxy().map_err(fail)?.map(str::to_owned),
        insecure: false,
    };
    if let (Some(program), None, None) = (file.exec(), &endpoint.identity, &endpoint.token) {
        let given = exec::ask(node, program, directory).await?;
        endpoint.token = given.token;
        endpoint.identity = given.identity;
    }
    Ok(endpoint)
}

/// What the cluster says of itself, if it lets us see. Without it the file alone counts.
async fn ask(
    node: &Node,
    endpoint: &Endpoint,
    deadline: Deadline,
    tell: Tell<'_>,
) -> Result<Option<Kubeconfig>, DiscoveryError> {
    let api = node.api(endpoint)?.within(deadline.left()).credulous();
    let found = match api.get(&cluster_info::object()).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            tell(Level::Warning, "the cluster has no cluster-info to compare the discovery file with".to_owned());
            return Ok(None);
        }
        Err(error) if error.is_forbidden() => {
            let message =
                "the cluster does not let the discovery file's user read cluster-info, so they are not compared";
            tell(Level::Warning, message.to_owned());
            return Ok(None);
        }
        Err(ApiError::Unproven { server, why, .. }) => return Err(DiscoveryError::Unproven { url: server, why }),
        Err(error) => return Err(error.into()),
    };
    let text = found["data"]["kubeconfig"].as_str().unwrap_or_default();
    let fail = |source| DiscoveryError::Kubeconfig { what: "cluster-info".to_owned(), source };
    let said = Kubeconfig::parse(text.as_bytes()).map_err(fail)?;
    Ok(Some(said.for_discovery(CLUSTER).map_err(fail)?))
}

/// Gets a file from a server that the machine trusts, over its proxies if the environment names any.
async fn fetch(node: &Node, url: &str, deadline: Deadline) -> Result<Vec<u8>, DiscoveryError> {
    let options = Options { proxies: true, stay: true, ..Options::default() };
    let client = node.http(&options).map_err(DiscoveryError::Setup)?;
    loop {
        let error = match follow(&client, url, deadline).await {
            Ok(body) => return Ok(body),
            Err(error @ (DiscoveryError::Unreachable { .. } | DiscoveryError::Slow { .. })) => error,
            // Whoever restarts says so.
            Err(error @ DiscoveryError::Refused { status: 429 | 500..=599, .. }) => error,
            Err(error) => return Err(error),
        };
        if deadline.left() <= PAUSE {
            return Err(error);
        }
        sleep(PAUSE).await;
    }
}

/// One attempt. Redirects are followed by TLS only.
pub(super) async fn follow(
    client: &kubephase_node::http::Client,
    url: &str,
    deadline: Deadline,
) -> Result<Vec<u8>, DiscoveryError> {
    let mut next = url.to_owned();
    for _ in 0..=REDIRECTS {
        let shown = shown(&next).to_owned();
        let fail = |error: ExchangeError| match error {
            ExchangeError::TooLong { .. } => DiscoveryError::TooLong { url: shown.clone() },
            error => match error.cause() {
                Cause::Certificate => DiscoveryError::Unproven { url: shown.clone(), why: error.reason() },
                Cause::TimedOut => DiscoveryError::Slow { url: shown.clone(), waited: deadline.waited() },
                _ => DiscoveryError::Unreachable {
                    url: shown.clone(),
                    waited: deadline.waited(),
                    why: error.reason(),
                    hint: error.hint(),
                },
            },
        };
        let left = deadline.left().max(Duration::from_millis(50));
        let request = Request { timeout: left, idle: left, ..Request::new("GET", next.clone()) };
        let answer = client.exchange(request).await.map_err(fail)?;
        match answer.status() {
            200 => return answer.body(LONGEST).await.map_err(fail),
            301 | 302 | 303 | 307 | 308 => {
                let to = answer.header("location").unwrap_or_default().to_owned();
                let astray = |why| DiscoveryError::Redirect { url: shown.clone(), why };
                let origin = next.get(8..).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
                next = match to {
                    to if to.starts_with("https://") => to,
                    to if to.starts_with('/') && !to.starts_with("//") => format!("https://{origin}{to}"),
                    to if to.contains("://") => return Err(astray("what is got without TLS cannot be trusted")),
                    _ => return Err(astray("it does not say where")),
                };
            }
            status => {
                let (url, waited) = (shown, deadline.waited());
                return Err(DiscoveryError::Refused { url, status, message: "no file".to_owned(), waited });
            }
        }
    }
    Err(DiscoveryError::Redirect { url: shown(url).to_owned(), why: "in circles" })
}

/// An URL without what follows a `?`, which may be as good as a password.
fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}
