//! Where the members of a stacked etcd are, and with what to ask them.

use std::time::Duration;

use kubephase_model::object::POD;
use kubephase_node::etcd::{Credentials, Member};
use kubephase_node::kube::{Api, Select};
use kubephase_node::{Etcd, Node};
use serde_json::Value;
use tokio::time::Instant;

use super::MembersError;

/// kubeadm's mark on every Pod of etcd, and ours.
const ANNOTATION: &str = "/metadata/annotations/kubeadm.kubernetes.io~1etcd.advertise-client-urls";
const INTERVAL: Duration = Duration::from_millis(250);
/// A quorum that exists answers within this; after it the members are asked for what they remember.
const AGREED: Duration = Duration::from_secs(5);

/// Client URLs of the members, from the annotations of their Pods (kubeadm's `getRawEtcdEndpointsFromPodAnnotation`). A
/// Pod that is not annotated yet is waited for, until `deadline`.
pub async fn endpoints(api: &Api, deadline: Duration) -> Result<Vec<String>, MembersError> {
    let begun = Instant::now();
    loop {
        let select = Select { labels: "component=etcd,tier=control-plane", fields: "" };
        let left = deadline.saturating_sub(begun.elapsed()).max(INTERVAL);
        let pods = api.within(left).list(&POD, Some("kube-system"), select).await?;
        let found = annotated(&pods);
        if let Err(error @ MembersError::NoEndpoints { .. }) = found {
            if begun.elapsed() + INTERVAL >= deadline {
                return Err(error);
            }
            tokio::time::sleep(INTERVAL).await;
            continue;
        }
        return found;
    }
}

fn annotated(pods: &[Value]) -> Result<Vec<String>, MembersError> {
    let mut urls = Vec::new();
    for pod in pods {
        let Some(url) = pod.pointer(ANNOTATION).and_then(Value::as_str) else {
            let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?");
            return Err(MembersError::NoEndpoints { why: format!("Pod kube-system/{name} does not say where it is") });
        };
        urls.extend(url.split(',').map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()));
    }
    if urls.is_empty() {
        return Err(MembersError::NoEndpoints { why: "there is no Pod of etcd in kube-system".into() });
    }
    urls.sort_unstable();
    urls.dedup();
    Ok(urls)
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

/// All members of the cluster's own etcd, by the certificates in `pki`. `deadline` is that of looking for the Pods, and
/// then of each call.
pub async fn connect(node: &Node, api: &Api, pki: &str, deadline: Duration) -> Result<Etcd, MembersError> {
    let urls = endpoints(api, deadline).await?;
    let etcd = node.etcd(&urls, Some(credentials(node, pki)?))?.within(deadline);
    // Pods outlive their nodes and come later than their etcd: the members know better.
    let members = match etcd.within(AGREED.min(deadline)).members().await {
        Ok(members) => members,
        Err(error) => etcd.remembered_members().await.map_err(|_| error)?,
    };
    Ok(etcd.at(&voting(&members, urls))?)
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
        let found = annotated(&[two, one.clone(), one.clone()]).expect("all say it");
        assert_eq!(found, ["https://10.0.0.1:2379", "https://10.0.0.2:2379", "https://[fd00::2]:2379"]);
        let error = annotated(&[one, pod("etcd-cp-3", None)]).expect_err("one does not");
        assert!(error.to_string().contains("kube-system/etcd-cp-3"), "{error}");
        let error = annotated(&[]).expect_err("there is none");
        assert!(error.hint().expect("advice").contains("advertise-client-urls"));
    }

    #[test]
    fn learners_are_not_asked() {
        let member = |url: &str, is_learner| Member { client_urls: vec![url.into()], is_learner, ..Member::default() };
        let unstarted = Member::default();
        assert_eq!(voting(&[member("a", false), member("b", true), unstarted.clone()], vec!["c".into()]), ["a"]);
        assert_eq!(voting(&[unstarted], vec!["c".into()]), ["c"]);
    }
}
