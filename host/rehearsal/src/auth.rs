//! Who is asking: client certificates, bootstrap tokens, or nobody in particular. What they may do is [`crate::rbac`]'s.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_pki::{Cert, Usage, verify_chain};
use serde_json::{Value, json};

use crate::clock;
use crate::kinds::SECRET;
use crate::store::Store;

/// Everybody who has shown who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Everybody who has not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// May do everything.
pub const MASTERS: &str = "system:masters";
/// The group of kubelets.
pub const NODES: &str = "system:nodes";

/// A user as RBAC sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Such as `kubernetes-admin`.
    pub name: String,
    /// Empty for certificates and tokens.
    pub uid: String,
    /// Groups, in order.
    pub groups: Vec<String>,
    /// Such as the credential's id.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Somebody who has shown who they are.
    pub fn new(name: &str, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<String> = groups.into_iter().collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { name: name.to_owned(), uid: String::new(), groups, extra: BTreeMap::new() }
    }

    /// A part of the control plane, such as `system:kube-controller-manager`.
    pub fn system(name: &str) -> Self {
        Self::new(name, [MASTERS.to_owned()])
    }

    /// Nobody in particular.
    pub fn anonymous() -> Self {
        let groups = vec![UNAUTHENTICATED.to_owned()];
        Self { name: "system:anonymous".to_owned(), uid: String::new(), groups, extra: BTreeMap::new() }
    }

    /// Whether it is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|have| have == group)
    }

    /// The name of the node whose kubelet it is.
    pub fn node(&self) -> Option<&str> {
        self.name.strip_prefix("system:node:").filter(|name| !name.is_empty() && self.is_in(NODES))
    }

    /// As `authentication.k8s.io/v1` `UserInfo`.
    pub fn info(&self) -> Value {
        let mut info = json!({ "username": self.name, "groups": self.groups });
        if !self.uid.is_empty() {
            info["uid"] = json!(self.uid);
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }
}

/// The credentials were no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Who is asking. `chain` is what the client showed in the TLS handshake, its own certificate first; `header` is the
/// request's `Authorization`. None of both is anonymous.
pub fn authenticate(
    store: &Store,
    authorities: &[Cert],
    chain: &[Cert],
    header: Option<&str>,
) -> Result<User, Refused> {
    if let Some((leaf, rest)) = chain.split_first()
        && let Some(user) = by_certificate(authorities, leaf, rest, store.clock().now())
    {
        return Ok(user);
    }
    if let Some(token) = header.and_then(|header| header.strip_prefix("Bearer ")).map(str::trim)
        && !token.is_empty()
    {
        return by_token(store, token).ok_or(Refused);
    }
    // A certificate that nobody vouches for is worse than none.
    if chain.is_empty() { Ok(User::anonymous()) } else { Err(Refused) }
}

fn by_certificate(authorities: &[Cert], leaf: &Cert, rest: &[Cert], now: SystemTime) -> Option<User> {
    verify_chain(leaf, rest, authorities, now).ok()?;
    if !leaf.usages.contains(&Usage::ClientAuth) || leaf.common_name.is_empty() {
        return None;
    }
    let mut user = User::new(&leaf.common_name, leaf.organizations.iter().cloned());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf.der());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    user.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("X509SHA256={hex}")]);
    Some(user)
}

/// A bootstrap token: `id.secret` of a Secret `bootstrap-token-id` that is good for authentication.
fn by_token(store: &Store, token: &str) -> Option<User> {
    let (id, secret) = token.split_once('.')?;
    let found = store.get(&SECRET, Some("kube-system"), &format!("bootstrap-token-{id}"))?;
    if found["type"] != "bootstrap.kubernetes.io/token" || found["metadata"].get("deletionTimestamp").is_some() {
        return None;
    }
    let field = |name: &str| {
        let bytes = STANDARD.decode(found["data"].get(name)?.as_str()?).ok()?;
        String::from_utf8(bytes).ok()
    };
    let same = field("token-id")? == id && is_same(&field("token-secret")?, secret);
    let expired = field("expiration").is_some_and(|text| {
        // What cannot be read counts as expired, as the real server has it.
        clock::read(&text).is_none_or(|end| end < store.clock().now())
    });
    if !same || expired || field("usage-bootstrap-authentication").as_deref() != Some("true") {
        return None;
    }
    let mut groups = vec!["system:bootstrappers".to_owned()];
    let extra = field("auth-extra-groups").unwrap_or_default();
    groups.extend(extra.split(',').map(str::trim).filter(|group| !group.is_empty()).map(ToOwned::to_owned));
    Some(User::new(&format!("system:bootstrap:{id}"), groups))
}

/// Compares in a time that does not depend on where they differ.
fn is_same(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}
