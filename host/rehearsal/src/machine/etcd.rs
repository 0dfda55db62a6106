//! An external etcd that is only pretended: it says its version, with certificates of an authority that is made up. Those
//! take the places of the files that the configuration names.

use std::io;
use std::net::IpAddr;
use std::time::SystemTime;

use kubephase_model::KeyAlgorithm;
use kubephase_model::config::duration::GoDuration;
use kubephase_model::config::v1beta4::ExternalEtcd;
use kubephase_pki::{AltNames, Request, Serial, Usage, Validity, generate_key, issue, self_signed};

use super::Machine;
use super::health::{self, Health};
use crate::front::Front;

/// As new as any release wants it.
const VERSION: &str = "{\"etcdserver\":\"3.6.0\",\"etcdcluster\":\"3.6.0\"}";

/// Members that answer until this goes.
#[derive(Debug, Default)]
pub struct Members(#[expect(dead_code, reason = "held for as long as they are to answer")] Vec<Health>);

/// Has every endpoint answer, and puts the certificates with which they are asked where they are looked for. `None` if
/// they answer already, for this machine or for another one of the cluster, which hands those certificates on as in a
/// real one.
pub async fn pretend(machine: Machine, front: Front, etcd: ExternalEtcd) -> io::Result<Option<Members>> {
    let failed = || io::Error::other("cannot make certificates for the pretended etcd");
    let places: Vec<(bool, String)> =
        etcd.endpoints.0.iter().chain(&etcd.http_endpoints).map(|url| place(url)).collect();
    if places.iter().all(|(_, place)| front.target(place).is_some()) {
        return Ok(None);
    }
    let hosts = places.iter().map(|(_, place)| place.rsplit_once(':').map_or(place.as_str(), |(host, _)| host));
    let (mut dns, mut ips) = (Vec::new(), Vec::new());
    for host in hosts {
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => ips.push(ip),
            Err(_) => dns.push(host.to_owned()),
        }
    }
    let now = SystemTime::now();
    let request = |name: &str, usage: Usage, names: AltNames| -> Option<Request> {
        Some(Request {
            common_name: name.to_owned(),
            organizations: Vec::new(),
            usages: vec![usage],
            names,
            validity: Validity::backdated(now, GoDuration::hours(24 * 365))?,
            serial: Serial::from_random([2; 8]),
            marked: true,
        })
    };
    let made = || {
        let key = || generate_key(KeyAlgorithm::EcdsaP256).ok();
        let ca = self_signed(&request("etcd-ca", Usage::ServerAuth, AltNames::default())?, key()?).ok()?;
        let (server_key, client_key) = (key()?, key()?);
        let server = issue(&request("etcd", Usage::ServerAuth, AltNames::new(dns, ips))?, &server_key, &ca).ok()?;
        let client = request("kube-apiserver-etcd-client", Usage::ClientAuth, AltNames::default())?;
        let client = issue(&client, &client_key, &ca).ok()?;
        let files = [
            (etcd.ca_file.0.as_str(), ca.cert().pem().ok()?),
            (etcd.cert_file.0.as_str(), client.pem().ok()?),
            (etcd.key_file.0.as_str(), client_key.to_pem().ok()?),
        ];
        Some((files, health::acceptor(&server, &server_key)?))
    };
    let (files, tls) = made().ok_or_else(failed)?;
    for (path, pem) in files.into_iter().filter(|(path, _)| !path.is_empty()) {
        let target = machine.place(path);
        let put = || {
            target.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(&target, &pem)?;
            std::fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        };
        put().map_err(|error| io::Error::new(error.kind(), format!("cannot put a certificate at {path}: {error}")))?;
    }
    let mut members = Vec::new();
    for (secure, place) in places {
        let member = health::say(VERSION, secure.then(|| tls.clone())).await?;
        front.publish(&place, member.address);
        members.push(member);
    }
    Ok(Some(Members(members)))
}

/// `https://etcd.example:2379` as whether it speaks TLS, and `host:port`.
fn place(url: &str) -> (bool, String) {
    let (secure, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme == "https", rest),
        None => (false, url),
    };
    let rest = rest.split('/').next().unwrap_or_default();
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = if secure { 443 } else { 80 };
    (secure, if has_port { rest.to_owned() } else { format!("{rest}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        assert_eq!(place("https://a:2379/"), (true, "a:2379".to_owned()));
        assert_eq!(place("http://[::1]:2379"), (false, "[::1]:2379".to_owned()));
        assert_eq!(place("https://a"), (true, "a:443".to_owned()));
    }
}
