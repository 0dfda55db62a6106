//! Who may do what: Roles and bindings in the store, the group that may do everything, and what kubelets may. Answers
//! questions, changes nothing.

mod node;

use serde_json::{Value, json};

use crate::auth::{AUTHENTICATED, MASTERS, User};
use crate::kinds::{CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING};
use crate::store::Store;

/// What somebody wants to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Such as `list`; in lower case the HTTP method for paths that are no resources.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Plural; empty for a path that is no resource.
    pub resource: String,
    /// Such as `status`.
    pub subresource: String,
    /// Empty for all, or for none.
    pub namespace: String,
    /// Empty for all.
    pub name: String,
    /// A path that is no resource.
    pub path: String,
}

impl Attributes {
    /// `pods/log`.
    fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// What a refusal says, in the words of the real server.
    pub fn refusal(&self, user: &User) -> String {
        if self.resource.is_empty() {
            return format!("User {:?} cannot {} path {:?}", user.name, self.verb, self.path);
        }
        let place = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", self.namespace)
        };
        let resource = self.full_resource();
        format!("User {:?} cannot {} resource {resource:?} in API group {:?} {place}", user.name, self.verb, self.group)
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether they may.
    pub allowed: bool,
    /// By what, or what went wrong while looking.
    pub reason: String,
}

/// Whether `user` may do what `attributes` say.
pub fn decide(store: &Store, user: &User, attributes: &Attributes) -> Decision {
    if user.is_in(MASTERS) {
        return Decision { allowed: true, reason: String::new() };
    }
    if node::allows(user, attributes) {
        return Decision { allowed: true, reason: String::new() };
    }
    let mut missing = Vec::new();
    for granted in grants(store, user, &attributes.namespace) {
        match granted {
            Ok(grant) => {
                if rules(&grant.role).any(|rule| rule_allows(rule, attributes)) {
                    return Decision { allowed: true, reason: grant.because };
                }
            }
            Err(reason) => missing.push(reason),
        }
    }
    let reason = match &missing[..] {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        many => format!("RBAC: [{}]", many.join(", ")),
    };
    Decision { allowed: false, reason }
}

/// A role that a binding gives to somebody.
struct Grant {
    role: Value,
    because: String,
}

/// The roles that `user` has in a namespace, those for the whole cluster included.
fn grants(store: &Store, user: &User, namespace: &str) -> Vec<Result<Grant, String>> {
    let mut bindings = store.all(&CLUSTER_ROLE_BINDING, None);
    if !namespace.is_empty() {
        bindings.extend(store.all(&ROLE_BINDING, Some(namespace)));
    }
    let grant = |binding: &Value| {
        let subject = list(binding, "subjects").find(|subject| names(subject, user, binding))?.clone();
        let meta = &binding["metadata"];
        let role = binding["roleRef"]["name"].as_str()?;
        let role_kind = binding["roleRef"]["kind"].as_str()?;
        let found = match role_kind {
            "ClusterRole" => store.get(&CLUSTER_ROLE, None, role),
            _ => store.get(&ROLE, meta["namespace"].as_str(), role),
        };
        let Some(found) = found else {
            return Some(Err(format!("{}.rbac.authorization.k8s.io {role:?} not found", role_kind.to_lowercase())));
        };
        let (kind, name) = (binding["kind"].as_str()?, meta["name"].as_str()?);
        let name = meta["namespace"].as_str().map_or(name.to_owned(), |namespace| format!("{name}/{namespace}"));
        let who = (subject["kind"].as_str()?, subject["name"].as_str()?);
        let who = match subject["namespace"].as_str().filter(|_| who.0 == "ServiceAccount") {
            Some(namespace) => format!("{} {:?}", who.0, format!("{}/{namespace}", who.1)),
            None => format!("{} {:?}", who.0, who.1),
        };
        let because = format!("RBAC: allowed by {kind} {name:?} of {role_kind} {role:?} to {who}");
        Some(Ok(Grant { role: Value::clone(&found), because }))
    };
    bindings.iter().filter_map(|binding| grant(binding)).collect()
}

fn names(subject: &Value, user: &User, binding: &Value) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => name == user.name || name == "*" && user.is_in(AUTHENTICATED),
        Some("Group") => user.is_in(name),
        Some("ServiceAccount") => {
            let namespace = subject["namespace"].as_str().or_else(|| binding["metadata"]["namespace"].as_str());
            namespace.is_some_and(|namespace| user.name == format!("system:serviceaccount:{namespace}:{name}"))
        }
        _ => false,
    }
}

fn rules(role: &Value) -> impl Iterator<Item = &Value> {
    list(role, "rules")
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

fn has(rule: &Value, field: &str, wanted: impl Fn(&str) -> bool) -> bool {
    list(rule, field).filter_map(Value::as_str).any(wanted)
}

/// Go's `rbac.RuleAllows`.
fn rule_allows(rule: &Value, wanted: &Attributes) -> bool {
    if !has(rule, "verbs", |verb| verb == "*" || verb == wanted.verb) {
        return false;
    }
    if wanted.resource.is_empty() {
        return has(rule, "nonResourceURLs", |url| {
            url == "*"
                || url == wanted.path
                || url.strip_suffix('*').is_some_and(|start| wanted.path.starts_with(start))
        });
    }
    let full = wanted.full_resource();
    let any_parent = format!("*/{}", wanted.subresource);
    has(rule, "apiGroups", |group| group == "*" || group == wanted.group)
        && has(rule, "resources", |resource| {
            resource == "*" || resource == full || !wanted.subresource.is_empty() && resource == any_parent
        })
        && (list(rule, "resourceNames").next().is_none() || has(rule, "resourceNames", |name| name == wanted.name))
}

/// What `user` may do in a namespace: the `status` of a `SelfSubjectRulesReview`.
pub fn summary(store: &Store, user: &User, namespace: &str) -> Value {
    let mut resources = Vec::new();
    let mut paths = Vec::new();
    let mut errors = Vec::new();
    let mut add = |rule: &Value| {
        if list(rule, "nonResourceURLs").next().is_some() {
            paths.push(json!({ "verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"] }));
        } else {
            let mut entry =
                json!({ "verbs": rule["verbs"], "apiGroups": rule["apiGroups"], "resources": rule["resources"] });
            if list(rule, "resourceNames").next().is_some() {
                entry["resourceNames"] = rule["resourceNames"].clone();
            }
            resources.push(entry);
        }
    };
    if user.is_in(MASTERS) {
        add(&json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }));
        add(&json!({ "verbs": ["*"], "nonResourceURLs": ["*"] }));
    }
    for granted in grants(store, user, namespace) {
        match granted {
            Ok(grant) => rules(&grant.role).for_each(&mut add),
            Err(reason) => errors.push(reason),
        }
    }
    let mut status = json!({ "resourceRules": resources, "nonResourceRules": paths, "incomplete": !errors.is_empty() });
    if !errors.is_empty() {
        status["evaluationError"] = json!(errors.join(", "));
    }
    status
}
