//! etcd, ours or somebody else's.

use super::Check;
use super::args::{args, cert_sans, envs};
use super::component::{image_repository, image_tag};
use crate::config::v1beta4::{Etcd, ExternalEtcd, LocalEtcd};
use crate::names::Url;

pub(super) fn etcd(etcd: &Etcd, check: &mut Check<'_>) {
    match (&etcd.local, &etcd.external) {
        (Some(_), Some(_)) => {
            check.error("etcd", "local and external are both given", "keep the one that you want to use");
        }
        (None, None) => check.error("etcd", "neither local nor external is given", "`local: {}` has us run it"),
        (Some(local), None) => local_etcd(local, check),
        (None, Some(external)) => external_etcd(external, check),
    }
}

fn local_etcd(local: &LocalEtcd, check: &mut Check<'_>) {
    check.absolute("etcd.local.dataDir", &local.data_dir.0);
    cert_sans(&local.server_cert_sans, "etcd.local.serverCertSANs", check);
    cert_sans(&local.peer_cert_sans, "etcd.local.peerCertSANs", check);
    image_repository(&local.image_repository, "etcd.local.imageRepository", check);
    image_tag(&local.image_tag, "etcd.local.imageTag", check);
    args(&local.extra_args, "etcd.local.extraArgs", "etcd", None, check);
    envs(&local.extra_envs, "etcd.local.extraEnvs", check);
}

fn external_etcd(external: &ExternalEtcd, check: &mut Check<'_>) {
    let files = [
        ("etcd.external.caFile", external.ca_file.0.as_str()),
        ("etcd.external.certFile", external.cert_file.0.as_str()),
        ("etcd.external.keyFile", external.key_file.0.as_str()),
    ];
    let [(_, ca), (_, cert), (_, key)] = files;
    if cert.is_empty() != key.is_empty() {
        check.error("etcd.external", "certFile and keyFile must be given together", "give both or none");
    }
    if !cert.is_empty() && !key.is_empty() && ca.is_empty() {
        check.error("etcd.external", "certFile and keyFile need caFile", "give the CA that signed etcd's certificates");
    }
    for (path, file) in files {
        if !file.is_empty() {
            check.absolute(path, file);
        }
    }
    if external.endpoints.0.is_empty() {
        check.error("etcd.external.endpoints", "no endpoint", "name at least one, such as https://192.0.2.5:2379");
    }
    let secure = files.iter().any(|(_, file)| !file.is_empty());
    urls(&external.endpoints.0, "etcd.external.endpoints", secure, check);
    // What was copied from the endpoints has been checked with them.
    if external.http_endpoints != external.endpoints.0 {
        urls(&external.http_endpoints, "etcd.external.httpEndpoints", false, check);
    }
}

fn urls(urls: &[String], path: &str, secure: bool, check: &mut Check<'_>) {
    for (i, text) in urls.iter().enumerate() {
        let path = format!("{path}[{i}]");
        const HINT: &str = "write it like https://192.0.2.5:2379 or https://[2001:db8::5]:2379";
        match Url::parse(text) {
            Err(reason) => check.error(path, format!("`{text}` is not a URL: {reason}"), HINT),
            Ok(url) if secure && url.scheme != "https" => check.error(
                path,
                format!("`{text}` is not secure, though certificate files are given"),
                "write https://, or leave the files out",
            ),
            Ok(url) if !matches!(url.scheme.as_str(), "http" | "https") => {
                check.error(path, format!("`{text}` is neither http nor https"), HINT);
            }
            Ok(_) => {}
        }
    }
}
