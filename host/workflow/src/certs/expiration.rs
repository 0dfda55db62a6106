//! When certificates end (kubeadm's `certs check-expiration`).

use std::time::{SystemTime, UNIX_EPOCH};

use kubephase_model::Cluster;
use kubephase_model::time::rfc3339;
use kubephase_node::Node;
use kubephase_pki::{CERTS, Cert, CertSpec, PrivateKey};
use serde_json::{Map, Value, json};

use super::{CertsError, Renewable};
use crate::error::PhaseError;

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Its name: `apiserver`, `admin.conf`, `etcd-ca`.
    pub name: &'static str,
    /// When it ends; `None` if it is not there or cannot be read.
    pub not_after: Option<SystemTime>,
    /// Whether the key that signs it is kept elsewhere; of an authority, whether its own is.
    pub externally_managed: bool,
    /// The authority that signs it; `None` for an authority.
    pub authority: Option<&'static str>,
    /// Whether nothing is there.
    pub missing: bool,
}

/// All certificates of a node.
#[derive(Debug, Default)]
pub struct Expirations {
    /// Those that can be renewed, by name.
    pub certificates: Vec<Expiry>,
    /// The authorities, by name.
    pub authorities: Vec<Expiry>,
    /// Why some cannot be read.
    pub unreadable: Vec<CertsError>,
    /// What is odd: keys that do not belong to their certificates.
    pub warnings: Vec<String>,
}

/// Looks at every certificate that the cluster has.
pub fn expirations(cluster: &Cluster, node: &Node) -> Expirations {
    let mut found = Expirations::default();
    let mut authorities: Vec<&CertSpec> = CERTS.iter().copied().filter(|spec| spec.is_ca()).collect();
    authorities.sort_by_key(|spec| spec.name);
    for spec in authorities.into_iter().filter(|spec| spec.is_needed(cluster)) {
        let cert = found.readable(authority(spec, cluster, node));
        found.authorities.push(Expiry {
            name: spec.name,
            not_after: cert.as_ref().and_then(|cert| cert.as_ref()).map(|cert| cert.not_after),
            externally_managed: is_external(spec, cluster, node),
            authority: None,
            missing: matches!(cert, Some(None)),
        });
    }
    for one in Renewable::all().into_iter().filter(|one| one.is_needed(cluster)) {
        let existing = found.readable(one.read(cluster, node));
        let cert = existing.as_ref().and_then(|existing| existing.as_ref()).map(|existing| &existing.cert);
        found.warnings.extend(cert.and_then(|cert| other_key(one, cert, cluster, node)));
        found.certificates.push(Expiry {
            name: one.name(),
            not_after: cert.map(|cert| cert.not_after),
            externally_managed: is_external(one.issuer(), cluster, node),
            authority: Some(one.issuer().name),
            missing: matches!(existing, Some(None)),
        });
    }
    found
}

fn authority(spec: &CertSpec, cluster: &Cluster, node: &Node) -> Result<Option<Cert>, CertsError> {
    let path = spec.crt_path(cluster);
    let bytes = node.read(&path).map_err(PhaseError::from)?;
    let cert = bytes.map(|bytes| Cert::from_pem(&path, &bytes)).transpose().map_err(PhaseError::from)?;
    Ok(cert)
}

/// Whether an authority's key is kept elsewhere: its certificate is here and its key is not. Unlike kubeadm's, this
/// answer does not depend on what the authority has signed: just when that is over, it is asked for.
pub(super) fn is_external(spec: &CertSpec, cluster: &Cluster, node: &Node) -> bool {
    node.exists(&spec.crt_path(cluster)) && !node.exists(&spec.key_path(cluster))
}

/// A renewal that was killed between its two files leaves a new key beside the old certificate.
fn other_key(one: Renewable, cert: &Cert, cluster: &Cluster, node: &Node) -> Option<String> {
    let Renewable::File(spec) = one else { return None };
    let path = spec.key_path(cluster);
    // A key that cannot be read is not what was asked about.
    let key = PrivateKey::from_pem(&path, &node.read(&path).ok()??).ok()?;
    (!cert.matches(&key)).then(|| {
        let name = one.name();
        format!("{path} does not belong to {}: renew both with `kubephase certs renew {name}`", one.path(cluster))
    })
}

impl Expirations {
    fn readable<T>(&mut self, result: Result<T, CertsError>) -> Option<T> {
        result.map_err(|error| self.unreadable.push(error)).ok()
    }

    /// kubeadm's CertificateExpirationInfo.
    pub fn object(&self, now: SystemTime) -> Value {
        let list = |rows: &[Expiry]| rows.iter().map(|row| row.object(now)).collect::<Vec<_>>();
        json!({
            "kind": "CertificateExpirationInfo",
            "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
            "certificates": list(&self.certificates),
            "certificateAuthorities": list(&self.authorities),
        })
    }
}

impl Expiry {
    /// Seconds left at `now`, less than zero when it is over; 0 for what has no end.
    pub fn residual(&self, now: SystemTime) -> i64 {
        let seconds = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::try_from(since.as_millis()).unwrap_or(i128::MAX),
            Err(before) => -i128::try_from(before.duration().as_millis()).unwrap_or(i128::MAX),
        };
        let left = self.not_after.map_or(0, |end| (seconds(end) - seconds(now)) / 1000);
        i64::try_from(left).unwrap_or_default()
    }

    fn object(&self, now: SystemTime) -> Value {
        let mut object = Map::new();
        object.insert("name".into(), self.name.into());
        object.insert("expirationDate".into(), self.not_after.map_or(Value::Null, |time| rfc3339(time).into()));
        object.insert("residualTime".into(), self.residual(now).into());
        object.insert("externallyManaged".into(), self.externally_managed.into());
        if let Some(authority) = self.authority {
            object.insert("caName".into(), authority.into());
        }
        object.insert("missing".into(), self.missing.into());
        Value::Object(object)
    }
}
