//! A pod's spec: new, or as it has been changed.

use serde_json::Value;

use super::bench::{Bench, field, is_on, items, shown, text};
use super::{container, security, volumes};

/// Where a pod is.
pub(super) struct Place<'a> {
    /// Its namespace; empty if that is not known.
    pub namespace: &'a str,
    /// Whether it was there before, and somebody else's.
    pub changed: bool,
    /// What flags mean in it: the name of the program.
    pub program: &'a str,
    /// Whether it uses the node's network and may.
    pub host_network: bool,
}

/// Judges a pod's spec and its metadata (a pod's own, or its template's). `pointer` is where it is.
pub(super) fn judge(before: Option<&Value>, after: &Value, place: &Place<'_>, pointer: &str, bench: &mut Bench<'_>) {
    let (was, is) = (field(before, "spec"), field(Some(after), "spec"));
    security::annotations(
        field(before, "metadata"),
        field(Some(after), "metadata"),
        &format!("{pointer}/metadata"),
        bench,
    );
    let Some(is) = is else { return };
    let pointer = format!("{pointer}/spec");
    for (name, why) in [
        ("hostPID", "it would see every process of the node"),
        ("hostIPC", "it would share the node's memory segments and semaphores"),
        ("hostNetwork", "it would use the node's network"),
    ] {
        if is_on(Some(is), name) && !is_on(was, name) {
            bench.needs(name, &format!("{pointer}/{name}"), why);
        }
    }
    if place.changed && is_on(Some(is), "shareProcessNamespace") && !is_on(was, "shareProcessNamespace") {
        bench.needs(
            "privileged",
            &format!("{pointer}/shareProcessNamespace"),
            "its containers would see into each other",
        );
    }
    let own_users = |spec: Option<&Value>| field(spec, "hostUsers") == Some(&Value::Bool(false));
    if own_users(was) && !own_users(Some(is)) {
        bench.needs("runAsRoot", &format!("{pointer}/hostUsers"), "its root would be the node's");
    }
    account(was, is, place, &pointer, bench);
    security::context(was.filter(|_| place.changed), is, &pointer, bench);
    volumes::volumes(was.filter(|_| place.changed), is, place.namespace, &pointer, bench);
    let place = Place { host_network: is_on(Some(is), "hostNetwork"), ..*place };
    for list in ["initContainers", "containers"] {
        for (i, new) in items(Some(is), list).iter().enumerate() {
            let name = text(Some(new), "name");
            let old = items(was, list).iter().find(|old| text(Some(old), "name") == name);
            let before = was.zip(old);
            container::judge(before, is, new, &place, &format!("{pointer}/{list}/{i}"), bench);
        }
        for old in items(was, list) {
            let name = text(Some(old), "name");
            if !items(Some(is), list).iter().any(|new| text(Some(new), "name") == name) {
                bench.needs(
                    "command",
                    &format!("{pointer}/{list}"),
                    format!("it takes the container `{}` away", shown(name)),
                );
            }
        }
    }
    if !items(Some(is), "ephemeralContainers").is_empty() {
        bench.never(&format!("{pointer}/ephemeralContainers"), "a pod cannot begin with ephemeral containers");
    }
}

/// As whom the pod acts in the cluster.
fn account(was: Option<&Value>, is: &Value, place: &Place<'_>, pointer: &str, bench: &mut Bench<'_>) {
    let name = |spec: Option<&Value>| {
        let new = text(spec, "serviceAccountName");
        (if new.is_empty() { text(spec, "serviceAccount") } else { new }).to_owned()
    };
    let (old, new) = (name(was), name(Some(is)));
    let at = format!("{pointer}/serviceAccountName");
    let own = bench.own.contains(&format!("ServiceAccount {}/{new}", place.namespace));
    let space = (!place.namespace.is_empty()).then_some(place.namespace);
    let granted = bench.grants.allows_object("v1", "ServiceAccount", space, &new);
    if place.changed && old != new {
        bench.needs("serviceAccount", &at, format!("it would act as the service account `{}`", shown(&new)));
    } else if !place.changed && !new.is_empty() && new != "default" && !own && !granted {
        let why = format!("it would act as the service account `{}`, which is not the plugin's own", shown(&new));
        bench.needs("serviceAccount", &at, why);
    }
    let automount = |spec: Option<&Value>| field(spec, "automountServiceAccountToken").cloned();
    if place.changed && automount(was) == Some(Value::Bool(false)) && automount(Some(is)) != Some(Value::Bool(false)) {
        bench.needs("serviceAccount", &format!("{pointer}/automountServiceAccountToken"), "it would get a token");
    }
}
