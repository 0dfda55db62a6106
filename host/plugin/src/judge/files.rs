//! Files: where they may be, what they may be, and pods in them.

use std::sync::Arc;

use kubephase_model::plugin::ProposedFile;
use kubephase_model::plugin::grants::{is_below, is_normal_path};
use kubephase_model::report::Source;
use kubephase_model::{Report, yaml};
use kubephase_render::patch::encode;
use kubephase_render::patch::schema::Type;
use serde_json::Value;

use super::bench::{Bench, shown, text};
use super::pod::{self, Place};
use super::shape;
use crate::told::is_hidden;

/// The largest file, in bytes.
const LARGEST: usize = 4 << 20;
/// Bytes that all files of one answer may have together once their values are filled in.
const ALL: usize = 16 << 20;
/// The most values that are filled into one file: each is looked for in all of it.
const FILLS: usize = 20;
/// The largest manifest of a static pod: as text it is a hundredth of what it is once it is read.
const LARGEST_MANIFEST: usize = 256 << 10;
/// What the kubelet runs as it finds it there.
const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// Pods whose manifests are ours.
const NATIVE: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Judges files; with `removes` they are deleted, and only their paths count.
pub(super) fn judge(files: &[ProposedFile], removes: bool, bench: &mut Bench<'_>) {
    let mut all = 0_usize;
    for (i, file) in files.iter().enumerate() {
        bench.at(format!("files[{i}] {}", shown(&file.path)));
        if !is_normal_path(&file.path) || file.path == "/" {
            bench.never("", "it is not an absolute path without `.`, `..` and empty parts");
            continue;
        }
        let native = NATIVE.iter().find(|name| file.path == format!("{MANIFESTS}/{name}.yaml"));
        if let Some(name) = native {
            bench.never("", format!("it is the manifest of {name}: propose a patch for it"));
            continue;
        }
        if !bench.grants.allows_write(&file.path) {
            let what = if removes { "deleted" } else { "written" };
            bench.ungranted("", "writes", &file.path, format!("it may not be {what}"));
        }
        let others = files[..i].iter().map(|other| &*other.path);
        for other in others.filter(|other| is_below(&file.path, other) || is_below(other, &file.path)) {
            bench.never("", format!("{} is in its way: it is there twice, or one is below the other", shown(other)));
        }
        if !removes {
            all = all.saturating_add(contents(file, bench));
        }
    }
    if all > ALL {
        bench.at("files");
        bench.never("", format!("they would have {all} bytes together; {ALL} are allowed"));
    }
    bench.target("objects");
}

/// Judges what is in a file, and tells how many bytes that may become.
fn contents(file: &ProposedFile, bench: &mut Bench<'_>) -> usize {
    let mode = file.mode;
    if mode & !0o777 != 0 {
        bench.never("", format!("the mode {mode:o} is more than permissions: setuid, setgid and sticky are not given"));
    } else if mode & 0o002 != 0 {
        bench.never("", format!("with the mode {mode:o} anybody could change it"));
    } else if (file.secret || !file.fill.is_empty()) && mode & 0o007 != 0 {
        bench.never("", format!("it is a secret, and with the mode {mode:o} anybody could read it"));
    }
    if file.contents.len() > LARGEST {
        bench.never("", format!("it has {} bytes; {LARGEST} are allowed", file.contents.len()));
    }
    let mut size = file.contents.len();
    if file.fill.len() > FILLS {
        bench.never("", format!("{} values are filled in; {FILLS} are allowed", file.fill.len()));
    }
    for (i, random) in file.fill.iter().take(FILLS).enumerate() {
        // Two bytes for each is more than either way of writing takes.
        let filled =
            occurrences(&file.contents, random.placeholder.as_bytes()).saturating_mul(2 * random.length as usize);
        size = size.saturating_add(filled);
        if random.placeholder.len() < 8 {
            bench.never(&format!("fill[{i}]"), "a placeholder has at least 8 bytes");
        } else if filled == 0 && random.length > 0 {
            bench.never(&format!("fill[{i}]"), "its placeholder is not in the contents");
        } else if filled > LARGEST {
            bench.never(&format!("fill[{i}]"), format!("the file would be larger than {LARGEST} bytes"));
        }
        let clash = |other: &str| other.contains(&random.placeholder) || random.placeholder.contains(other);
        if file.fill[..i].iter().any(|other| clash(&other.placeholder)) {
            bench.never(&format!("fill[{i}]"), "its placeholder is part of another one");
        }
        if !(1..=1024).contains(&random.length) {
            bench.never(&format!("fill[{i}]"), format!("{} bytes are not between 1 and 1024", random.length));
        }
        if !matches!(&*random.encoding, "base64" | "hex") {
            bench.never(&format!("fill[{i}]"), format!("`{}` is neither base64 nor hex", shown(&random.encoding)));
        }
    }
    if is_below(&file.path, MANIFESTS) {
        bench.target("writes");
        manifest(file, bench);
    }
    size
}

fn occurrences(text: &[u8], part: &[u8]) -> usize {
    let mut count = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !part.is_empty() && rest.len() >= part.len()) {
        let hit = rest.starts_with(part);
        count += usize::from(hit);
        at += if hit { part.len() } else { 1 };
    }
    count
}

/// A file among the manifests of static pods.
fn manifest(file: &ProposedFile, bench: &mut Bench<'_>) {
    if file.contents.len() > LARGEST_MANIFEST {
        return bench.never(
            "",
            format!("a manifest of {} bytes is not read; {LARGEST_MANIFEST} are allowed", file.contents.len()),
        );
    }
    // What is filled in is not there yet: with a quote or the name of a field in its placeholder, the pod that is judged
    // here would be another one than what is written.
    if !file.fill.is_empty() {
        return bench.never("", "nothing is filled into a manifest");
    }
    let Ok(contents) = String::from_utf8(file.contents.clone()) else {
        return bench.never("", "a manifest is text");
    };
    // The kubelet's reader ends a line, and so a comment, at some of these, and ours does not.
    if let Some(c) = contents.chars().find(|c| *c != '\n' && is_hidden(*c)) {
        return bench.never("", format!("a manifest is plain text, without U+{:04X}", u32::from(c)));
    }
    let mut report = Report::default();
    let source = Arc::new(Source { name: String::new(), text: contents });
    let documents = yaml::documents(&source, &mut report);
    let [document] = documents.as_slice() else {
        return bench.never("", "a manifest is one document with a Pod");
    };
    if let Some(problem) = report.problems.first() {
        let line = problem.place.as_ref().map_or(0, |place| place.line);
        return bench.never("", format!("line {line}: {}", problem.message));
    }
    let pod = match encode(&Type::Object("Pod"), document.to_json()) {
        Ok(pod) => pod,
        Err(error) => return bench.never("", format!("it is no Pod: {error}")),
    };
    shape::static_pod(&pod, bench);
    let metadata = pod.get("metadata");
    let name = text(metadata, "name");
    if NATIVE.contains(&name) {
        bench.never("/metadata/name", format!("`{name}` is the name of another static pod"));
    }
    let namespace = match text(metadata, "namespace") {
        "" => "default",
        namespace => namespace,
    };
    let place = Place { namespace, changed: false, program: "", host_network: false };
    pod::judge(None, &pod, &place, "", bench);
    if let Value::Object(spec) = &pod["spec"]
        && let Some(node) = spec.get("nodeName").filter(|node| node.as_str().is_some_and(|node| !node.is_empty()))
    {
        bench.never(
            "/spec/nodeName",
            format!("a static pod runs where its file is, not on {}", shown(&node.to_string())),
        );
    }
}
