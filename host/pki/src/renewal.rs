//! A new certificate in the place of an old one: the same identity and purpose, a new key, a new period (kubeadm's
//! `certs/renewal`). What the old one says counts, not what the configuration would say today.

use std::time::SystemTime;

use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Sequence};
use kubephase_model::{Cluster, KeyAlgorithm};
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::cert::Cert;
use crate::issue::{COMMON_NAME, IssueError, ORGANIZATION, Request, Serial, Usage, Validity};
use crate::names::AltNames;

/// The certificate that takes the place of `old` in a run that began at `start`, signed by `ca` and numbered from eight
/// random bytes: its CN, Os, DNS names, IP addresses and usages. `usages` are for an old one that has none of them. See
/// [`unkept`] for what is lost. One that would never be valid is refused.
pub fn renewal(
    old: &Cert,
    usages: &[Usage],
    cluster: &Cluster,
    ca: &Cert,
    start: SystemTime,
    random: [u8; 8],
) -> Result<Request, IssueError> {
    let period = cluster.certificate_validity();
    let validity = match cluster.release.backdated {
        true => Validity::backdated(start, period),
        false => Validity::from_ca(ca, start, period),
    };
    let validity = validity.ok_or_else(|| IssueError::endless(&old.common_name))?;
    // It would take the place of one that may be good.
    if validity.not_before >= validity.not_after {
        return Err(IssueError::NeverValid(old.common_name.clone()));
    }
    Ok(Request {
        common_name: old.common_name.clone(),
        organizations: old.organizations.clone(),
        usages: if old.usages.is_empty() { usages.to_vec() } else { old.usages.clone() },
        names: AltNames::new(old.dns.iter().cloned(), old.ips.iter().copied()),
        validity,
        serial: Serial::from_random(random),
        marked: cluster.release.leaf_constraints,
    })
}

/// What of a certificate its renewal will not have, in words: Kubernetes asks for none of it, but whoever made the
/// certificate by hand may have had a reason.
pub fn unkept(old: &Cert) -> Vec<String> {
    let Ok(parsed) = Certificate::from_der(old.der()) else { return Vec::new() };
    let body = parsed.tbs_certificate();
    let kept = |oid: ObjectIdentifier| oid == COMMON_NAME || oid == ORGANIZATION;
    let subject = body.subject().iter().filter(|attribute| !kept(attribute.oid));
    let subject = subject.map(|attribute| format!("subject attribute {}", attribute.oid));
    let usages = body.get_extension::<ExtendedKeyUsage>().ok().flatten().map_or_else(Vec::new, |(_, usages)| usages.0);
    let usages = usages.into_iter().filter(|oid| Usage::from_oid(oid).is_none());
    let names = body.get_extension::<SubjectAltName>().ok().flatten().map_or_else(Vec::new, |(_, names)| names.0);
    let other = |name: &GeneralName| !matches!(name, GeneralName::DnsName(_) | GeneralName::IpAddress(_));
    let names = names.iter().any(other).then(|| "alternative names other than DNS names and addresses".to_owned());
    subject.chain(usages.map(|oid| format!("extended key usage {oid}"))).chain(names).collect()
}

/// The kind of a certificate's key, if it is one that we make.
pub fn key_algorithm(cert: &Cert) -> Option<KeyAlgorithm> {
    /// RFC 8017, A.1.1.
    #[derive(Sequence)]
    struct RsaPublicKey<'a> {
        modulus: UintRef<'a>,
        exponent: UintRef<'a>,
    }
    let spki = SubjectPublicKeyInfoOwned::from_der(cert.public_der()).ok()?;
    let curve = || spki.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok();
    match spki.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => {
            let key = RsaPublicKey::from_der(spki.subject_public_key.raw_bytes()).ok()?;
            match key.modulus.as_bytes().len() {
                256 => Some(KeyAlgorithm::Rsa2048),
                384 => Some(KeyAlgorithm::Rsa3072),
                512 => Some(KeyAlgorithm::Rsa4096),
                _ => None,
            }
        }
        "1.2.840.10045.2.1" => match curve()?.to_string().as_str() {
            "1.2.840.10045.3.1.7" => Some(KeyAlgorithm::EcdsaP256),
            "1.3.132.0.34" => Some(KeyAlgorithm::EcdsaP384),
            _ => None,
        },
        _ => None,
    }
}
