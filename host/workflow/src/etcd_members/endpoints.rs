//! Where the members of a stacked etcd are, and with what to ask them.

use std::time::Duration;

use kubephase_engine::Level;
use kubephase_model::layout::ETCD_CLIENT_PORT;
use kubephase_model::names::join_host_port;
use kubephase_model::object::{ENDPOINTS, ObjectRef, POD};
use kubephase_node::etcd::{Credentials, Member};
use kubephase_node::kube::{Api, Select};
use kubephase_node::{Etcd, Node};
use serde_json::Value;
use tokio::time::Instant;

use super::council::{AGREED, members};
use super::{MembersError, Tell};

/// kubeadm's mark on every Pod of etcd, and ours.
const ANNOTATION: &str = "/metadata/annotations/kubeadm.kubernetes.io~1etcd.advertise-client-urls";
const INTERVAL: Duration = Duration::from_millis(250);
/// How long an etcd is asked of which nobody has said that it is there.
const GUESS: Duration = Duration::from_secs(3);

/// All members of the cluster's own etcd, by the certificates in `pki`. `deadline` is that of finding one of them, and
/// then of each call.
///
/// Who is a member the members say. To find one of them, Pods of etcd are annotated with their client URLs (kubeadm's
/// `getRawEtcdEndpointsFromPodAnnotation`). kubelets show their static Pods late, though, on a young node after half a
/// minute: until all of them say it, etcd is asked on the hosts of the API servers, which say themselves where they are.
pub async fn connect(
    node: &Node,
    api: &Api,
    pki: &str,
    deadline: Duration,
    tell: &Tell<'_>,
) -> Result<Etcd, MembersError> {
    let credentials = credentials(node, pki)?;
    let begun = Instant::now();
    let mut told = false;
    loop {
        let left = deadline.saturating_sub(begun.elapsed()).max(INTERVAL);
        let select = Select { labels: "component=etcd,tier=control-plane", fields: "" };
        let pods = api.within(left).list(&POD, Some("kube-system"), select).await?;
        let (urls, lacking) = annotated(&pods);
        let Some(lacking) = lacking else {
            let etcd = node.etcd(&urls, Some(credentials))?.within(deadline);
            let members = members(&etcd, AGREED.min(deadline)).await?;
            return Ok(etcd.at(&voting(&members, urls))?);
        };
        let service = ObjectRef::new(&ENDPOINTS, Some("default"), "kubernetes");
        // It only helps: without it the Pods are waited for.
        let servers = api.within(left).get(&service).await.unwrap_or_default();
        let mut likely = urls;
        likely.extend(servers.iter().flat_map(beside_servers));
        likely.sort_unstable();
        likely.dedup();
        if !likely.is_empty() {
            if !told {
                tell(Level::Info, format!("{lacking} yet: asking etcd at {}", likely.join(", ")));
                told = true;
            }
            let etcd = node.etcd(&likely, Some(credentials.clone()))?.within(deadline);
            // Whoever proves by a certificate of etcd's authority that it is etcd is one of them.
            if let Ok(members) = members(&etcd, GUESS.min(left)).await {
                return Ok(etcd.at(&voting(&members, likely))?);
            }
        }
        if begun.elapsed() + INTERVAL >= deadline {
            return Err(MembersError::NoEndpoints { why: lacking });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Client URLs that Pods are annotated with, and what is wrong if those are not all.
fn annotated(pods: &[Value]) -> (Vec<String>, Option<String>) {
    let (mut urls, mut lacking) = (Vec::new(), None);
    for pod in pods {
        match pod.pointer(ANNOTATION).and_then(Value::as_str) {
            Some(url) => urls.extend(url.split(',').map(|url| url.trim().to_owned()).filter(|url| !url.is_empty())),
            None => {
                let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?");
                lacking = Some(format!("Pod kube-system/{name} does not say where it is"));
            }
        }
    }
    if urls.is_empty() && lacking.is_none() {
        lacking = Some("there is no Pod of etcd in kube-system".into());
    }
    urls.sort_unstable();
    urls.dedup();
    (urls, lacking)
}

/// Where etcd listens if it runs beside each API server of these Endpoints: on the address that its server advertises.
fn beside_servers(endpoints: &Value) -> Vec<String> {
    let subsets = endpoints["subsets"].as_array().into_iter().flatten();
    let addresses = subsets.filter_map(|subset| subset["addresses"].as_array()).flatten();
    let addresses = addresses.filter_map(|address| address["ip"].as_str());
    addresses.map(|address| format!("https://{}", join_host_port(address, ETCD_CLIENT_PORT))).collect()
}

/// etcd's authority and the client certificate that kubeadm asks with too, from the directory of certificates.
pub fn credentials(node: &Node, pki: &str) -> Result<Credentials, MembersError> {
    let read = |file: &str| {
        let path = format!("{pki}/etcd/{file}");
        node.read(&path)?.ok_or(MembersError::NoCredentials { path })
    };
    Ok(Credentials {
        ca: read("ca.crt")?,
        certificate: read("healthcheck-client.crt")?,
        key: read("healthcheck-client.key")?,
    })
}

/// Client URLs of those that can be asked for changes: learners cannot.
fn voting(members: &[Member], otherwise: Vec<String>) -> Vec<String> {
    let voters = members.iter().filter(|member| !member.is_learner);
    let urls: Vec<String> = voters.flat_map(|member| member.client_urls.clone()).collect();
    if urls.is_empty() { otherwise } else { urls }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_pod_has_to_say_where_its_etcd_is() {
        let pod = |name: &str, url: Option<&str>| {
            let mut pod = json!({ "metadata": { "name": name } });
            if let Some(url) = url {
                pod["metadata"]["annotations"]["kubeadm.kubernetes.io/etcd.advertise-client-urls"] = json!(url);
            }
            pod
        };
        let one = pod("etcd-cp-1", Some("https://10.0.0.1:2379"));
        let two = pod("etcd-cp-2", Some("https://10.0.0.2:2379, https://[fd00::2]:2379"));
        let (found, lacking) = annotated(&[two, one.clone(), one.clone()]);
        assert_eq!(found, ["https://10.0.0.1:2379", "https://10.0.0.2:2379", "https://[fd00::2]:2379"]);
        assert_eq!(lacking, None);
        let (found, lacking) = annotated(&[one, pod("etcd-cp-3", None)]);
        assert_eq!(found, ["https://10.0.0.1:2379"]);
        assert_eq!(lacking.as_deref(), Some("Pod kube-system/etcd-cp-3 does not say where it is"));
        let (found, lacking) = annotated(&[]);
        assert_eq!((found.len(), lacking.as_deref()), (0, Some("there is no Pod of etcd in kube-system")));
    }

    #[test]
    fn etcd_is_looked_for_beside_every_api_server() {
        let address = |ip: &str| json!({ "ip": ip });
        let endpoints = json!({ "subsets": [
            { "addresses": [address("10.0.0.1"), address("fd00::2")], "ports": [{ "port": 6443 }] },
            { "notReadyAddresses": [address("10.0.0.3")] },
        ] });
        assert_eq!(beside_servers(&endpoints), ["https://10.0.0.1:2379", "https://[fd00::2]:2379"]);
        assert_eq!(beside_servers(&json!({})), [] as [String; 0]);
    }

    #[test]
    fn learners_are_not_asked() {
        let member = |url: &str, is_learner| Member { client_urls: vec![url.into()], is_learner, ..Member::default() };
        let unstarted = Member::default();
        assert_eq!(voting(&[member("a", false), member("b", true), unstarted.clone()], vec!["c".into()]), ["a"]);
        assert_eq!(voting(&[unstarted], vec!["c".into()]), ["c"]);
    }
}
