//! Bootstrap tokens as Secrets of the cluster (`kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens`;
//! kubeadm's `BootstrapTokenToSecret` and `BootstrapTokenFromSecret`): writing one, and reading what is there; and the
//! rights of who has one. The Secret's contents never reach a message.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::Cluster;
use kubephase_model::config::v1beta4::BootstrapToken;
use kubephase_model::names::is_bootstrap_token;
use kubephase_model::object::{ObjectRef, SECRET};
use kubephase_model::time::{parse_rfc3339, rfc3339};
use serde_json::{Map, Value, json};

use super::KUBE_SYSTEM;
use super::rbac::{JOINING_NODES, NODES, Subject, cluster_role, cluster_role_binding, rule};

/// The type that such a Secret has.
pub const TYPE: &str = "bootstrap.kubernetes.io/token";

const PREFIX: &str = "bootstrap-token-";
const ID: &str = "token-id";
const SECRET_PART: &str = "token-secret";
const DESCRIPTION: &str = "description";
const EXPIRATION: &str = "expiration";
const GROUPS: &str = "auth-extra-groups";
const USAGE: &str = "usage-bootstrap-";

/// The first part of a token: public, and what its Secret is named by.
pub fn id(token: &str) -> &str {
    token.split('.').next().unwrap_or_default()
}

/// The Secret of the token with this id.
pub fn name(id: &str) -> ObjectRef {
    ObjectRef::new(&SECRET, Some(KUBE_SYSTEM), &format!("{PREFIX}{id}"))
}

/// The Secret of a token. It ends at `expires`, or its `ttl` after `now`; without either, or with a `ttl` of 0, never.
pub fn secret(token: &BootstrapToken, now: SystemTime) -> Value {
    let (id, secret) = token.token.split_once('.').unwrap_or((&token.token, ""));
    let mut data = Map::new();
    let mut put = |key: &str, text: &str| data.insert(key.to_owned(), STANDARD.encode(text).into());
    put(ID, id);
    put(SECRET_PART, secret);
    if !token.description.is_empty() {
        put(DESCRIPTION, &token.description);
    }
    if let Some(end) = expiration(token, now) {
        put(EXPIRATION, &end);
    }
    for usage in &token.usages {
        put(&format!("{USAGE}{usage}"), "true");
    }
    if !token.groups.is_empty() {
        put(GROUPS, &token.groups.join(","));
    }
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": format!("{PREFIX}{id}"), "namespace": KUBE_SYSTEM },
        "type": TYPE,
        "data": data,
    })
}

/// What those who hold a token, nodes and the API server may do, in kubeadm's order.
pub fn rbac(cluster: &Cluster) -> Vec<Value> {
    const GET_NODES: &str = "kubeadm:get-nodes";
    let bind = |name: &str, role: &str, subject| cluster_role_binding(name, role, subject);
    let mut objects = vec![
        // To see whether there is a node of the same name already.
        cluster_role(GET_NODES, vec![rule("", &["nodes"], &["get"])]),
        bind(GET_NODES, GET_NODES, JOINING_NODES),
        bind("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", JOINING_NODES),
        bind(
            "kubeadm:node-autoapprove-bootstrap",
            "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
            JOINING_NODES,
        ),
        bind(
            "kubeadm:node-autoapprove-certificate-rotation",
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            NODES,
        ),
    ];
    if cluster.release.bare_kubelet_client(cluster.version.patch) {
        objects.push(bind(
            "kubeadm:apiserver-kubelet-client",
            "system:kubelet-api-admin",
            Subject::User("kube-apiserver-kubelet-client"),
        ));
    }
    objects
}

fn expiration(token: &BootstrapToken, now: SystemTime) -> Option<String> {
    if let Some(expires) = &token.expires {
        return Some(parse_rfc3339(expires).map_or_else(|| expires.clone(), rfc3339));
    }
    let ttl = token.ttl.map_or(0, |ttl| ttl.0);
    let ttl = u64::try_from(ttl).ok().filter(|ttl| *ttl > 0)?;
    now.checked_add(Duration::from_nanos(ttl)).map(rfc3339)
}

/// A Secret is not the token that it says to be. The cluster takes no notice of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Secret {name} holds no usable bootstrap token: {why}")]
pub struct MalformedToken {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl MalformedToken {
    /// What to do about it.
    pub fn hint(&self) -> String {
        format!("nobody can join with it; remove it with `kubectl delete secret -n {KUBE_SYSTEM} {}`", self.name)
    }
}

/// The token in a Secret: with `expires` (UTC) instead of `ttl`, usages sorted.
pub fn read(secret: &Value) -> Result<BootstrapToken, MalformedToken> {
    let name = secret.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let fail = |why| MalformedToken { name: name.to_owned(), why };
    let none = Map::new();
    let data = secret.get("data").and_then(Value::as_object).unwrap_or(&none);
    let text = |value: &Value| {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).ok()?;
        String::from_utf8(bytes).ok()
    };
    let field = |key: &str| match data.get(key) {
        Some(value) => text(value).ok_or_else(|| fail("a part of it is no text")),
        None => Ok(String::new()),
    };
    let id = field(ID)?;
    if id.is_empty() {
        return Err(fail("it has no token-id"));
    }
    if name.strip_prefix(PREFIX) != Some(id.as_str()) {
        return Err(fail("its name is not `bootstrap-token-` and its token-id"));
    }
    let secret_part = field(SECRET_PART)?;
    if secret_part.is_empty() {
        return Err(fail("it has no token-secret"));
    }
    let token = format!("{id}.{secret_part}");
    if !is_bootstrap_token(&token) {
        return Err(fail("token-id and token-secret are not six and sixteen characters of a-z and 0-9"));
    }
    let expires = match field(EXPIRATION)? {
        empty if empty.is_empty() => None,
        text => {
            let end = parse_rfc3339(&text)
                .ok_or_else(|| fail("its expiration is not a time such as 2026-01-31T12:00:00Z"))?;
            Some(rfc3339(end))
        }
    };
    let mut usages: Vec<String> = data
        .iter()
        .filter(|(_, value)| text(value).as_deref() == Some("true"))
        .filter_map(|(key, _)| key.strip_prefix(USAGE).map(str::to_owned))
        .collect();
    usages.sort();
    let groups = field(GROUPS)?;
    let groups = groups.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect();
    Ok(BootstrapToken { token, description: field(DESCRIPTION)?, ttl: None, expires, usages, groups })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use kubephase_model::config::duration::GoDuration;

    use super::*;

    /// What kubeadm 1.36 made of `init --upload-certs` with the token abcdef.0123456789abcdef.
    const RECORDED: &str = include_str!("../../../../tests/fixtures/golden/v1.36/live/api/bootstrap-token.yaml");
    /// Two hours and a day before their ends.
    const MADE: u64 = 1_795_392_146;

    fn recorded() -> Vec<Value> {
        let list: Value = serde_yaml::from_str(RECORDED).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(MADE)
    }

    fn ours() -> [BootstrapToken; 2] {
        let certs = BootstrapToken {
            token: "aafopo.h8kqp6gn3k20bj7x".into(),
            description: "Proxy for managing TTL for the kubeadm-certs secret".into(),
            ttl: Some(GoDuration::hours(2)),
            ..BootstrapToken::default()
        };
        let join = BootstrapToken {
            token: "abcdef.0123456789abcdef".into(),
            ttl: Some(GoDuration::hours(24)),
            usages: vec!["signing".into(), "authentication".into()],
            groups: vec!["system:bootstrappers:kubeadm:default-node-token".into()],
            ..BootstrapToken::default()
        };
        [certs, join]
    }

    #[test]
    fn secrets_are_kubeadms() {
        for (token, recorded) in ours().iter().zip(recorded()) {
            let made = secret(token, now());
            for field in ["apiVersion", "kind", "type", "data"] {
                assert_eq!(made[field], recorded[field], "{field} of {}", token.token);
            }
            for field in ["name", "namespace"] {
                assert_eq!(made["metadata"][field], recorded["metadata"][field]);
            }
            assert_eq!(ObjectRef::of(&made), Some(name(id(&token.token))));
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for token in ours() {
            let read = read(&secret(&token, now())).unwrap();
            let end = now() + Duration::from_secs(token.ttl.unwrap().as_secs().unsigned_abs());
            let mut usages = token.usages.clone();
            usages.sort();
            assert_eq!(read, BootstrapToken { ttl: None, expires: Some(rfc3339(end)), usages, ..token });
            // A second round changes nothing.
            assert_eq!(super::read(&secret(&read, UNIX_EPOCH)).unwrap(), read);
        }
    }

    #[test]
    fn a_token_can_live_for_ever() {
        let [_, token] = ours();
        for ttl in [None, Some(GoDuration(0))] {
            let made = secret(&BootstrapToken { ttl, ..token.clone() }, now());
            assert_eq!(made["data"].get(EXPIRATION), None);
            assert_eq!(read(&made).unwrap().expires, None);
        }
        let expires = Some("2027-01-01T01:00:00+01:00".to_owned());
        let made = secret(&BootstrapToken { ttl: None, expires, ..token }, now());
        assert_eq!(read(&made).unwrap().expires.as_deref(), Some("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn what_is_no_token_is_told_without_its_contents() {
        let good = secret(&ours()[1], now());
        let with = |key: &str, value: Option<&str>| {
            let mut secret = good.clone();
            match value {
                Some(value) => secret["data"][key] = STANDARD.encode(value).into(),
                None => drop(secret["data"].as_object_mut().unwrap().remove(key)),
            }
            read(&secret).unwrap_err()
        };
        for (key, value, why) in [
            (ID, None, "it has no token-id"),
            (ID, Some("fedcba"), "its name is not `bootstrap-token-` and its token-id"),
            (SECRET_PART, None, "it has no token-secret"),
            (SECRET_PART, Some("0123456789ABCDEF"), "token-id and token-secret are not six and sixteen characters"),
            (EXPIRATION, Some("tomorrow"), "its expiration is not a time"),
        ] {
            let error = with(key, value);
            assert_eq!(error.name, "bootstrap-token-abcdef");
            assert!(error.why.starts_with(why), "{key}: {error}");
            assert!(!error.to_string().contains("0123456789"), "{error}");
        }
        let mut bytes = good.clone();
        bytes["data"][SECRET_PART] = "/w==".into();
        assert_eq!(read(&bytes).unwrap_err().why, "a part of it is no text");
        let mut empty = good;
        empty["data"] = Value::Null;
        assert_eq!(read(&empty).unwrap_err().why, "it has no token-id");
    }

    #[test]
    fn only_true_switches_a_usage_on() {
        let mut made = secret(&ours()[1], now());
        made["data"]["usage-bootstrap-signing"] = STANDARD.encode("false").into();
        assert_eq!(read(&made).unwrap().usages, ["authentication"]);
    }
}
