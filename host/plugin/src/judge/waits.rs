//! Waits: what is waited for must be known, seen and bounded.

use kubephase_model::names::{Url, is_dns1123_label};
use kubephase_model::plugin::Wait;
use kubephase_model::plugin::grants::{http_scope, is_normal_path, object_scope};

use super::bench::{Bench, shown};
use super::objects::is_name;

pub(super) fn judge(waits: &[Wait], bench: &mut Bench<'_>) {
    for (i, wait) in waits.iter().enumerate() {
        bench.at(format!("waits[{i}]"));
        if !(1..=3600).contains(&wait.timeout_seconds) {
            bench.never("", format!("{} seconds are not between 1 and 3600", wait.timeout_seconds));
        }
        match &*wait.kind {
            "object" => object(wait, bench),
            "url" => url(&wait.target, bench),
            "socket" if !is_normal_path(&wait.target) => {
                bench.never("", format!("`{}` is not an absolute path without `.` and `..`", shown(&wait.target)));
            }
            "socket" if !bench.grants.allows_file(&wait.target) => {
                bench.ungranted("", "files", &wait.target, format!("{} may not be looked at", shown(&wait.target)));
            }
            "socket" => {}
            kind => bench.never("", format!("`{}` is nothing that can be waited for", shown(kind))),
        }
        if wait.kind != "object" && !wait.condition.is_empty() {
            bench.never("", format!("a {} has no condition", shown(&wait.kind)));
        }
    }
}

fn object(wait: &Wait, bench: &mut Bench<'_>) {
    let words: Vec<&str> = wait.target.split(' ').collect();
    let [api_version, kind, name] = words.as_slice() else {
        let form = "<apiVersion> <kind> [<namespace>/]<name>";
        return bench.never("", format!("`{}` is no `{form}`", shown(&wait.target)));
    };
    let (namespace, name) = name.split_once('/').map_or((None, *name), |(space, name)| (Some(space), name));
    if !is_name(name) || namespace.is_some_and(|namespace| !is_dns1123_label(namespace)) {
        return bench.never("", format!("`{}` is no name of an object", shown(&wait.target)));
    }
    let grants = bench.grants;
    if !grants.allows_object(api_version, kind, namespace, name)
        && !grants.allows_kube(api_version, kind, namespace, Some(name))
    {
        let scope = object_scope(api_version, kind, namespace, Some(name));
        bench.ungranted("", "kube", &scope, format!("{} {} may not be looked at", shown(kind), shown(name)));
    }
    let is_condition = |text: &str| {
        text.len() <= 316
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'/' | b'_'))
    };
    match &*wait.condition {
        "exists" | "gone" => {}
        "rolled-out" if matches!(*kind, "Deployment" | "DaemonSet" | "StatefulSet") => {}
        "rolled-out" => bench.never("", format!("a {} is not rolled out", shown(kind))),
        condition if is_condition(condition) => {}
        condition => bench.never("", format!("`{}` is no condition", shown(condition))),
    }
}

fn url(target: &str, bench: &mut Bench<'_>) {
    match Url::parse(target) {
        Err(why) => bench.never("", format!("`{}` is no URL: {why}", shown(target))),
        Ok(url) if !matches!(&*url.scheme, "http" | "https") => {
            bench.never("", format!("`{}` is neither https nor http", shown(target)));
        }
        Ok(_) if target.split(['/', '?', '#']).nth(2).is_some_and(|authority| authority.contains('@')) => {
            bench.never("", "a URL with a user in it is not asked");
        }
        Ok(url) => {
            let port = url.port.unwrap_or(if url.scheme == "http" { 80 } else { 443 });
            if !bench.grants.allows_http(&url.scheme, &url.host, port) {
                let scope = http_scope(&url.scheme, &url.host, port);
                bench.ungranted("", "http", &scope, format!("{} may not be asked", shown(&url.host)));
            }
        }
    }
}
