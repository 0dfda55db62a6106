//! Scopes of `kube` and `objects`: `<apiVersion>/<kind>[/<namespace>[/<name>]]`.

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub api_version: &'a str,
    pub kind: &'a str,
    pub namespace: Option<&'a str>,
    pub name: Option<&'a str>,
}

/// A granted text, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    /// Empty for the core group.
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    /// Some empty text: without a namespace.
    namespace: Option<&'a str>,
    name: Option<&'a str>,
}

/// Objects that a pattern never allows to apply, beside the service accounts of kube-system: they say what the cluster or
/// kubephase itself trusts. Namespace and what their name begins with.
pub const SENSITIVE_OBJECTS: &[(&str, &str)] = &[
    ("kube-system", "kubephase-"),
    ("kube-system", "kubeadm-config"),
    ("kube-system", "kubelet-config"),
    // What they answer and where they lead is decided before they are there, too.
    ("kube-system", "coredns"),
    ("kube-system", "kube-dns"),
    ("kube-system", "kube-proxy"),
    ("kube-system", "extension-apiserver-authentication"),
    ("kube-public", "cluster-info"),
    ("default", "kubernetes"),
];

/// Whether a part of `apiVersion` is a version (`v1`, `v1beta1`) and not a group.
fn is_version(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('v').is_some_and(|rest| match rest.split_once("alpha").or_else(|| rest.split_once("beta")) {
        Some((major, minor)) => digits(major) && digits(minor),
        None => digits(rest),
    })
}

/// Whether a text can stand alone between two slashes of a URL (`IsValidPathSegmentName` in Kubernetes), and in a line.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(|c: char| matches!(c, '/' | '%' | '?' | '#') || c.is_control())
}

/// Takes a scope apart; otherwise says what is wrong with it and what to do.
pub(super) fn read(scope: &str) -> Result<Scope<'_>, (&'static str, &'static str)> {
    const FORM: &str = "write <apiVersion>/<kind>[/<namespace>[/<name>]], such as apps/v1/Deployment/kube-system";
    let parts: Vec<&str> = scope.split('/').collect();
    let (group, rest) = match parts.as_slice() {
        [first, ..] if is_version(first) => ("", parts.as_slice()),
        [group, rest @ ..] if !group.is_empty() => (*group, rest),
        _ => return Err(("it has no apiVersion", FORM)),
    };
    let (version, kind, rest) = match rest {
        [version, kind, rest @ ..] if is_version(version) || *version == "*" => (*version, *kind, rest),
        _ => return Err(("it does not begin with an apiVersion and a kind", FORM)),
    };
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_kind && kind != "*" {
        return Err(("its kind is none: a kind is written like `ConfigMap`", FORM));
    }
    let (namespace, name) = match rest {
        [] => (None, None),
        [namespace] => (Some(*namespace), None),
        [namespace, name] => (Some(*namespace), Some(*name)),
        _ => return Err(("it has too many parts", FORM)),
    };
    let star_alone = |part: &str| part == "*" || !part.contains('*');
    let fine = star_alone(group)
        && name.is_none_or(|name| is_segment(name) && star_alone(name))
        && namespace.is_none_or(|namespace| {
            namespace == "*" || namespace.is_empty() && name.is_some() || crate::names::is_dns1123_label(namespace)
        });
    if !fine {
        return Err(("its namespace or name is none, or `*` is only a part of it", FORM));
    }
    Ok(Scope { group, version, kind, namespace, name })
}

/// Why a scope cannot be granted for reading.
pub(super) fn kube_fault(scope: &str) -> Option<(&'static str, &'static str)> {
    match read(scope) {
        Err(fault) => Some(fault),
        Ok(_) if scope.contains('*') => {
            Some(("there is no `*` in here: what is left out at the end stands for all", "name each kind"))
        }
        Ok(scope) if is_secret(scope.kind) && scope.name.is_none() => {
            Some(("Secrets are granted one by one", "name the one that is needed: v1/Secret/<namespace>/<name>"))
        }
        Ok(_) => None,
    }
}

impl Scope<'_> {
    fn matches(&self, wanted: &Wanted<'_>) -> bool {
        let (group, version) = wanted.api_version.split_once('/').unwrap_or(("", wanted.api_version));
        let part = |granted: &str, wanted: &str| granted == "*" || granted == wanted;
        let is_kind = part(self.group, group) && part(self.version, version) && part(self.kind, wanted.kind);
        let namespace = match self.namespace {
            None | Some("*") => true,
            Some("") => wanted.namespace.is_none(),
            Some(namespace) => wanted.namespace == Some(namespace),
        };
        let name = self.name.is_none_or(|name| name == "*" || wanted.name == Some(name));
        is_kind && namespace && name
    }

    /// Whether it says which object, without a star.
    fn is_full_name(&self) -> bool {
        ![Some(self.kind), self.namespace, self.name].iter().any(|part| matches!(part, None | Some("*")))
    }
}

impl Wanted<'_> {
    fn is_sound(&self) -> bool {
        let version = self
            .api_version
            .split_once('/')
            .map_or(self.api_version, |(group, version)| if is_segment(group) { version } else { "" });
        is_version(version)
            && is_segment(self.kind)
            && self.namespace.is_none_or(is_segment)
            && self.name.is_none_or(is_segment)
    }

    fn is_sensitive(&self) -> bool {
        let is = |(namespace, prefix): &(&str, &str)| {
            self.namespace == Some(*namespace) && self.name.is_some_and(|name| name.starts_with(prefix))
        };
        // Controllers of the cluster's own act as these, and some of them may give any right.
        let is_account = self.kind == "ServiceAccount" && self.namespace == Some("kube-system");
        is_account || SENSITIVE_OBJECTS.iter().any(is)
    }
}

/// Whether it is the kind of Secrets, or would be taken for it by who makes a URL of it.
fn is_secret(kind: &str) -> bool {
    kind.to_ascii_lowercase().starts_with("secret")
}

/// Whether a scope of `kube` allows to read that.
pub(super) fn allows_reading(granted: &str, wanted: &Wanted<'_>) -> bool {
    let Ok(scope) = read(granted) else { return false };
    let enough = !is_secret(wanted.kind) || scope.is_full_name() && wanted.name.is_some();
    kube_fault(granted).is_none() && wanted.is_sound() && scope.matches(wanted) && enough
}

/// Whether a scope of `objects` allows to apply that. A star for the kind does not stand for Secrets.
pub(super) fn allows_applying(granted: &str, wanted: &Wanted<'_>) -> bool {
    let Ok(scope) = read(granted) else { return false };
    let enough = (!is_secret(wanted.kind) || scope.kind != "*") && (!wanted.is_sensitive() || scope.is_full_name());
    wanted.is_sound() && scope.matches(wanted) && enough
}

/// The scope that allows just this. Without a name all are meant, without a namespace all of them.
pub fn scope(api_version: &str, kind: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    match (namespace, name) {
        (None, None) => format!("{api_version}/{kind}"),
        (Some(namespace), None) => format!("{api_version}/{kind}/{namespace}"),
        (namespace, Some(name)) => format!("{api_version}/{kind}/{}/{name}", namespace.unwrap_or_default()),
    }
}

impl Scope<'_> {
    /// Whether `scope` matches nothing that this does not match.
    fn covers(&self, scope: &Self) -> bool {
        let part = |wide: &str, part: &str| wide == "*" || wide == part;
        let all = |part: Option<&str>| matches!(part, None | Some("*"));
        let is_kind = part(self.group, scope.group) && part(self.version, scope.version) && part(self.kind, scope.kind);
        let is_place = all(self.namespace) || self.namespace == scope.namespace;
        is_kind && is_place && (all(self.name) || self.name == scope.name)
    }
}

/// Whether a scope of `kube` allows to read nothing that `wide` does not allow.
pub(super) fn covers_reading(wide: &str, scope: &str) -> bool {
    let sound = kube_fault(wide).is_none() && kube_fault(scope).is_none();
    matches!((read(wide), read(scope)), (Ok(wide), Ok(scope)) if sound && wide.covers(&scope))
}

/// Whether a scope of `objects` allows to apply nothing that `wide` does not allow. Whole names allow more than patterns
/// that match them.
pub(super) fn covers_applying(wide: &str, scope: &str) -> bool {
    let (Ok(wide), Ok(scope)) = (read(wide), read(scope)) else { return false };
    let named = Wanted { api_version: "v1", kind: scope.kind, namespace: scope.namespace, name: scope.name };
    let is_more = scope.is_full_name() && !wide.is_full_name() && named.is_sensitive();
    wide.covers(&scope) && !is_more && (!is_secret(scope.kind) || wide.kind != "*")
}
