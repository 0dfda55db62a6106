//! One container.

use kubephase_model::names::is_image_reference;
use serde_json::Value;

use super::bench::{Bench, field, items, shown, text};
use super::pod::Place;
use super::{program, security, volumes};

/// Judges a container: with what it was before, or as a new one. `pods` are the specs around it.
pub(super) fn judge(
    before: Option<(&Value, &Value)>,
    pod: &Value,
    after: &Value,
    place: &Place<'_>,
    pointer: &str,
    bench: &mut Bench<'_>,
) {
    let was = before.map(|(_, container)| container);
    if was != Some(after) {
        security::context(was, after, pointer, bench);
        volumes::mounts(was, after, pod, place.changed, pointer, bench);
        image(was, after, place, pointer, bench);
        secrets(was, after, place.namespace, pointer, bench);
        ports(was, after, pointer, bench);
        hooks(was, after, place, pointer, bench);
    }
    // By the pod's context the user may change though the container does not.
    security::user(before, pod, after, pointer, bench);
    match was {
        Some(was) => program::change(was, after, place.program, pointer, bench),
        None if place.changed => {
            bench.needs("command", pointer, format!("it adds the container `{}`", shown(text(Some(after), "name"))));
        }
        None => {}
    }
}

fn image(was: Option<&Value>, after: &Value, place: &Place<'_>, pointer: &str, bench: &mut Bench<'_>) {
    let (old, new) = (text(was, "image"), text(Some(after), "image"));
    let at = format!("{pointer}/image");
    if !is_image_reference(new) {
        bench.never(&at, format!("`{}` is no reference of an image", shown(new)));
    } else if place.changed && old != new {
        bench.needs("image", &at, format!("it would run the image {}", shown(new)));
    }
}

/// Secrets that the container's environment is made of.
fn secrets(was: Option<&Value>, after: &Value, namespace: &str, pointer: &str, bench: &mut Bench<'_>) {
    let (known, known_from) = (items(was, "env"), items(was, "envFrom"));
    let single = items(Some(after), "env").iter().filter(|entry| !known.contains(entry));
    let single = single.filter_map(|entry| field(field(Some(entry), "valueFrom"), "secretKeyRef"));
    let whole = items(Some(after), "envFrom").iter().filter(|entry| !known_from.contains(entry));
    let whole = whole.filter_map(|entry| field(Some(entry), "secretRef"));
    for reference in single.chain(whole) {
        volumes::secret(text(Some(reference), "name"), namespace, &format!("{pointer}/env"), bench);
    }
}

fn ports(was: Option<&Value>, after: &Value, pointer: &str, bench: &mut Bench<'_>) {
    let known = items(was, "ports");
    for port in items(Some(after), "ports").iter().filter(|port| !known.contains(port)) {
        if field(Some(port), "hostPort").is_some_and(|number| number.as_u64() != Some(0)) {
            bench.needs("hostNetwork", &format!("{pointer}/ports"), "it takes a port of the node");
        }
    }
}

/// Probes and hooks: what else runs in the container, and whom the kubelet asks for it.
fn hooks(was: Option<&Value>, after: &Value, place: &Place<'_>, pointer: &str, bench: &mut Bench<'_>) {
    const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
    let of = |container: Option<&'_ Value>, name: &str| match name.strip_prefix("lifecycle/") {
        Some(hook) => field(field(container, "lifecycle"), hook).cloned(),
        None => field(container, name).cloned(),
    };
    for name in PROBES.into_iter().chain(["lifecycle/postStart", "lifecycle/preStop"]) {
        let (old, new) = (of(was, name), of(Some(after), name));
        let at = format!("{pointer}/{name}");
        if place.changed && was.is_some() && field(old.as_ref(), "exec") != field(new.as_ref(), "exec") {
            bench.needs("command", &at, "it runs another program in the container");
        }
        for way in ["httpGet", "tcpSocket"] {
            let host = |hook: &Option<Value>| text(field(hook.as_ref(), way), "host").to_owned();
            // Asking the node itself is what a pod on its network has for a probe.
            let local = place.host_network && matches!(&*host(&new), "127.0.0.1" | "::1" | "localhost");
            if !host(&new).is_empty() && host(&new) != host(&old) && !local {
                bench.needs(
                    "hostNetwork",
                    &at,
                    format!("the kubelet would ask {} from the node's network", shown(&host(&new))),
                );
            }
        }
    }
}
