//! Making certificates. The profile is kubeadm's (Go's `x509.CreateCertificate` as `pkiutil.NewSignedCert` calls it),
//! down to the order of extensions and the kind of strings, so that the output differs from kubeadm's in keys, serial
//! numbers and times only.
//!
//! The structures are put together here, on x509-cert's types, rather than by rcgen: that crate holds a subject as one
//! value per attribute type, so it can name neither an issuer such as `DC=com, DC=example, CN=Example CA`, which
//! companies have, nor two organizations; and it orders extensions in its own way. The issuer's name is copied byte for
//! byte.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use der::asn1::{
    Any, BitString, Ia5String, ObjectIdentifier, OctetString, PrintableStringRef, SetOfVec, Utf8StringRef,
};
use der::oid::AssociatedOid;
use der::{Decode, Encode, Sequence};
use kubephase_model::config::duration::GoDuration;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::{Time, Validity as Period};

use crate::cert::{Ca, Cert};
use crate::key::{KeyError, PrivateKey, SignatureScheme};
use crate::names::AltNames;

pub(crate) const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
pub(crate) const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// What a certificate is for (RFC 5280, 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// TLS servers.
    ServerAuth,
    /// TLS clients.
    ClientAuth,
}

impl Usage {
    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::ServerAuth => ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
            Self::ClientAuth => ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
        }
    }

    pub(crate) fn from_oid(oid: &ObjectIdentifier) -> Option<Self> {
        [Self::ServerAuth, Self::ClientAuth].into_iter().find(|usage| usage.oid() == *oid)
    }
}

/// When a certificate is valid; certificates carry whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: SystemTime,
    /// Last second.
    pub not_after: SystemTime,
}

impl Validity {
    /// From five minutes before `start`, against clocks that differ, to `start` and `period`: files below
    /// `certificatesDir`. `start` is one time for the whole run. None beyond what the clock can count, here and below.
    pub fn backdated(start: SystemTime, period: GoDuration) -> Option<Self> {
        let start = whole_seconds(start);
        Some(Self { not_before: start.checked_sub(Duration::from_secs(300))?, not_after: add(start, period)? })
    }

    /// From `start` to `start` and `period`: authorities of older releases.
    pub fn from_start(start: SystemTime, period: GoDuration) -> Option<Self> {
        let start = whole_seconds(start);
        Some(Self { not_before: start, not_after: add(start, period)? })
    }

    /// From the start of the authority's validity to `start` and `period`: clients in kubeconfig files, and everything
    /// in older releases.
    pub fn from_ca(ca: &Cert, start: SystemTime, period: GoDuration) -> Option<Self> {
        Some(Self { not_before: ca.not_before, not_after: add(whole_seconds(start), period)? })
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UNIX_EPOCH + Duration::from_secs(since)
}

fn add(start: SystemTime, period: GoDuration) -> Option<SystemTime> {
    let length = Duration::from_secs(period.as_secs().unsigned_abs());
    if period.0 < 0 { start.checked_sub(length) } else { start.checked_add(length) }
}

/// A serial number in 1..2^63-1, as kubeadm draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial(u64);

impl Serial {
    /// From eight random bytes.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes) % (i64::MAX.unsigned_abs() - 1) + 1)
    }
}

/// A certificate to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// CN, not empty.
    pub common_name: String,
    /// Os.
    pub organizations: Vec<String>,
    /// Extended key usages; at least one, except for a CA.
    pub usages: Vec<Usage>,
    /// Subject alternative names.
    pub names: AltNames,
    /// When it is valid.
    pub validity: Validity,
    /// Its number.
    pub serial: Serial,
    /// Whether an authority has its CN as DNS name, and any other certificate says (by basic constraints) that it is no
    /// authority. Those of old releases do neither.
    pub marked: bool,
}

/// A certificate could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// There is nothing to identify.
    #[error("making a certificate without a common name")]
    NoCommonName,
    /// It would be good for nothing.
    #[error("making the certificate for `{0}` without an extended key usage")]
    NoUsage(String),
    /// It would never be valid.
    #[error("making the certificate for `{0}`: it would end before it begins")]
    NeverValid(String),
    /// A name, subject or time that a certificate cannot hold.
    #[error("making the certificate for `{common_name}`: its {part} cannot be written into a certificate")]
    Unencodable {
        /// Its CN.
        common_name: String,
        /// Which part.
        part: &'static str,
    },
    /// The key does not work.
    #[error("making the certificate for `{common_name}`")]
    Key {
        /// Its CN.
        common_name: String,
        /// What failed.
        #[source]
        source: KeyError,
    },
}

impl IssueError {
    /// It would end beyond what the clock can count.
    pub(crate) fn endless(common_name: &str) -> Self {
        Self::Unencodable { common_name: common_name.to_owned(), part: "validity" }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unencodable { part: "validity", .. } => {
                "choose a shorter `certificateValidityPeriod` or `caCertificateValidityPeriod`: a certificate cannot \
                 hold years after 9999"
            }
            Self::Unencodable { .. } => "names in certificates are ASCII without control characters",
            Self::NoCommonName | Self::NoUsage(_) => "this is a bug",
            Self::NeverValid(_) => "choose a longer `certificateValidityPeriod`, and see whether the clock is right",
            Self::Key { source, .. } => source.hint(),
        }
    }
}

/// Makes a certificate for `key`, signed by `issuer`: digital signature and key encipherment, no CA.
pub fn issue(request: &Request, key: &PrivateKey, issuer: &Ca) -> Result<Cert, IssueError> {
    if request.usages.is_empty() {
        return Err(IssueError::NoUsage(request.common_name.clone()));
    }
    let usages = ExtendedKeyUsage(request.usages.iter().map(|usage| usage.oid()).collect());
    let mut extensions = vec![
        extension(true, &KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment)),
        extension(false, &usages),
    ];
    if request.marked {
        extensions.push(extension(true, &BasicConstraints { ca: false, path_len_constraint: None }));
    }
    if let Some(id) = issuer.cert().key_id() {
        let key_identifier = OctetString::new(id).ok();
        extensions.push(extension(false, &AuthorityKeyIdentifier { key_identifier, ..Default::default() }));
    }
    sign(request, extensions, key.public_der(), issuer.cert().subject_der(), issuer.key())
}

/// Makes a certificate for somebody else's key, as kube-controller-manager signs requests (client-go's
/// `pkg/controller/certificates/authority`): key encipherment only for RSA. `public_der` is a SubjectPublicKeyInfo.
pub fn issue_for(request: &Request, public_der: &[u8], issuer: &Ca) -> Result<Cert, IssueError> {
    if request.usages.is_empty() {
        return Err(IssueError::NoUsage(request.common_name.clone()));
    }
    let usages = ExtendedKeyUsage(request.usages.iter().map(|usage| usage.oid()).collect());
    let rsa = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    let is_rsa = x509_cert::spki::SubjectPublicKeyInfoOwned::from_der(public_der)
        .map_err(|_| unencodable(&request.common_name, "key"))?
        .algorithm
        .oid
        == rsa;
    let key_usage = match is_rsa {
        true => KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment),
        false => KeyUsage(KeyUsages::DigitalSignature.into()),
    };
    let mut extensions = vec![
        extension(true, &key_usage),
        extension(false, &usages),
        extension(true, &BasicConstraints { ca: false, path_len_constraint: None }),
    ];
    if let Some(id) = issuer.cert().key_id() {
        let key_identifier = OctetString::new(id).ok();
        extensions.push(extension(false, &AuthorityKeyIdentifier { key_identifier, ..Default::default() }));
    }
    sign(request, extensions, public_der, issuer.cert().subject_der(), issuer.key())
}

/// Makes a certificate authority: a certificate that `key` signs for itself. Usages and names of the request are not used.
pub fn self_signed(request: &Request, key: PrivateKey) -> Result<Ca, IssueError> {
    let id = digest(&SHA256, &public_bits(key.public_der()));
    // RFC 7093, 2, method 1: what Go does since 1.25.
    let id = OctetString::new(&id.as_ref()[..20]).map_err(|_| unencodable(&request.common_name, "key identifier"))?;
    let usages = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment | KeyUsages::KeyCertSign;
    let extensions = vec![
        extension(true, &KeyUsage(usages)),
        extension(true, &BasicConstraints { ca: true, path_len_constraint: None }),
        extension(false, &SubjectKeyIdentifier(id)),
    ];
    let own_name = AltNames::new(request.marked.then(|| request.common_name.clone()), []);
    let request = Request { names: own_name, ..request.clone() };
    let subject = subject(&request.common_name, &request.organizations)?;
    let cert = sign(&request, extensions, key.public_der(), &subject, &key)?;
    Ok(Ca::of_own_making(cert, key))
}

/// TBSCertificate (RFC 5280, 4.1), without the parts that we never write.
#[derive(Sequence)]
struct Body {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial: u64,
    signature: AlgorithmIdentifierOwned,
    issuer: Any,
    validity: Period,
    subject: Any,
    public_key: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

/// Certificate (RFC 5280, 4.1), and in the same form CertificationRequest (RFC 2986, 4.2).
#[derive(Sequence)]
struct Signed {
    body: Any,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

fn sign(
    request: &Request,
    mut extensions: Vec<Result<Extension, der::Error>>,
    public_der: &[u8],
    issuer: &[u8],
    signer: &PrivateKey,
) -> Result<Cert, IssueError> {
    if !request.names.is_empty() {
        let names =
            alt_names(&request.names).map_err(|_| unencodable(&request.common_name, "subject alternative names"))?;
        extensions.push(extension(false, &names));
    }
    let structure = |_: der::Error| unencodable(&request.common_name, "structure");
    let time = |time| Time::try_from(time).map_err(|_| unencodable(&request.common_name, "validity"));
    let body = Body {
        version: 2,
        serial: request.serial.0,
        signature: algorithm(signer.scheme()),
        issuer: Any::from_der(issuer).map_err(structure)?,
        validity: Period::new(time(request.validity.not_before)?, time(request.validity.not_after)?),
        subject: Any::from_der(&subject(&request.common_name, &request.organizations)?).map_err(structure)?,
        public_key: Any::from_der(public_der).map_err(structure)?,
        extensions: extensions.into_iter().collect::<Result<_, _>>().map_err(structure)?,
    };
    let signed = signed(&request.common_name, &body.to_der().map_err(structure)?, signer)?;
    Cert::from_der(signed).map_err(structure)
}

/// DER of `body` with a signature.
pub(crate) fn signed(common_name: &str, body: &[u8], signer: &PrivateKey) -> Result<Vec<u8>, IssueError> {
    let structure = |_: der::Error| unencodable(common_name, "structure");
    let signature =
        signer.sign(body).map_err(|source| IssueError::Key { common_name: common_name.to_owned(), source })?;
    let signature = BitString::from_bytes(&signature).map_err(structure)?;
    let body = Any::from_der(body).map_err(structure)?;
    Signed { body, algorithm: algorithm(signer.scheme()), signature }.to_der().map_err(structure)
}

/// The subject as Go writes it: first all organizations as one set, then the common name (`pkix.Name.ToRDNSequence`).
pub(crate) fn subject(common_name: &str, organizations: &[String]) -> Result<Vec<u8>, IssueError> {
    if common_name.is_empty() {
        return Err(IssueError::NoCommonName);
    }
    let set = |oid, values: &[&str]| -> der::Result<SetOfVec<AttributeTypeAndValue>> {
        let mut set = SetOfVec::new();
        for value in values {
            set.insert(AttributeTypeAndValue { oid, value: text(value)? })?;
        }
        Ok(set)
    };
    let encode = || {
        let mut sets = Vec::new();
        if !organizations.is_empty() {
            sets.push(set(ORGANIZATION, &organizations.iter().map(String::as_str).collect::<Vec<_>>())?);
        }
        sets.push(set(COMMON_NAME, &[common_name])?);
        sets.to_der()
    };
    encode().map_err(|_| unencodable(common_name, "subject"))
}

/// PrintableString where its characters suffice, else UTF8String, as Go chooses.
fn text(value: &str) -> der::Result<Any> {
    match PrintableStringRef::new(value) {
        Ok(printable) => Any::encode_from(&printable),
        Err(_) => Any::encode_from(&Utf8StringRef::new(value)?),
    }
}

pub(crate) fn alt_names(names: &AltNames) -> der::Result<SubjectAltName> {
    let dns = names.dns().iter().map(|name| Ia5String::new(name).map(GeneralName::DnsName));
    let ips = names.ips().iter().map(|ip| Ok(GeneralName::from(*ip)));
    dns.chain(ips).collect::<der::Result<_>>().map(SubjectAltName)
}

pub(crate) fn extension<T: AssociatedOid + Encode>(critical: bool, value: &T) -> der::Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// RFC 4055 and RFC 5758: RSA's has a NULL parameter, ECDSA's has none.
fn algorithm(scheme: SignatureScheme) -> AlgorithmIdentifierOwned {
    let (oid, parameters) = match scheme {
        SignatureScheme::RsaSha256 => ("1.2.840.113549.1.1.11", Some(Any::null())),
        SignatureScheme::EcdsaSha256 => ("1.2.840.10045.4.3.2", None),
        SignatureScheme::EcdsaSha384 => ("1.2.840.10045.4.3.3", None),
        SignatureScheme::EcdsaSha512 => ("1.2.840.10045.4.3.4", None),
    };
    AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap(oid), parameters }
}

/// The contents of the bit string in a SubjectPublicKeyInfo: what key identifiers are digests of.
fn public_bits(spki: &[u8]) -> Vec<u8> {
    x509_cert::spki::SubjectPublicKeyInfoOwned::from_der(spki)
        .map(|spki| spki.subject_public_key.raw_bytes().to_vec())
        .unwrap_or_default()
}

fn unencodable(common_name: &str, part: &'static str) -> IssueError {
    IssueError::Unencodable { common_name: common_name.to_owned(), part }
}

#[cfg(test)]
mod tests {
    use kubephase_model::KeyAlgorithm;

    use super::*;
    use crate::key::generate_key;

    fn request(common_name: &str, start: u64, hours: i64) -> Request {
        let start = UNIX_EPOCH + Duration::from_millis(start * 1000 + 999);
        Request {
            common_name: common_name.into(),
            organizations: Vec::new(),
            usages: vec![Usage::ClientAuth],
            names: AltNames::default(),
            validity: Validity::backdated(start, GoDuration::hours(hours)).unwrap(),
            serial: Serial::from_random([0xff; 8]),
            marked: true,
        }
    }

    fn ca() -> Ca {
        self_signed(&request("ca", 1_795_393_287, 24), generate_key(KeyAlgorithm::EcdsaP256).unwrap()).unwrap()
    }

    #[test]
    fn serial_numbers_are_positive_and_fit_63_bits() {
        for (bytes, serial) in [
            ([0; 8], 1),
            ([0xff; 8], 4),
            (i64::MAX.to_be_bytes(), 2),
            ((i64::MAX - 1).to_be_bytes(), 1),
            ((i64::MAX - 2).to_be_bytes(), i64::MAX as u64 - 1),
        ] {
            assert_eq!(Serial::from_random(bytes), Serial(serial), "{bytes:?}");
        }
    }

    #[test]
    fn times_are_whole_seconds_in_every_century() {
        // 2026, 2049 to 2050 (where the encoding changes), 2100.
        for start in [1_795_393_287, 2_524_607_000, 4_102_444_800] {
            let request = request("x", start, 1);
            let cert = issue(&request, &generate_key(KeyAlgorithm::EcdsaP384).unwrap(), &ca()).unwrap();
            assert_eq!(cert.not_before, UNIX_EPOCH + Duration::from_secs(start - 300));
            assert_eq!(cert.not_after, UNIX_EPOCH + Duration::from_secs(start + 3600));
        }
    }

    #[test]
    fn what_cannot_be_made() {
        let (ca, key) = (ca(), generate_key(KeyAlgorithm::EcdsaP256).unwrap());
        let good = request("x", 1_795_393_287, 1);
        let fails = |request: &Request| issue(request, &key, &ca).unwrap_err();
        assert_eq!(fails(&Request { common_name: String::new(), ..good.clone() }), IssueError::NoCommonName);
        assert_eq!(fails(&Request { usages: vec![], ..good.clone() }), IssueError::NoUsage("x".into()));
        let names = AltNames::new(["ä".to_owned()], []);
        assert_eq!(
            fails(&Request { names, ..good.clone() }),
            unencodable(&good.common_name, "subject alternative names")
        );
        let far = Validity { not_after: UNIX_EPOCH + Duration::from_secs(253_402_300_800), ..good.validity };
        assert_eq!(fails(&Request { validity: far, ..good.clone() }), unencodable(&good.common_name, "validity"));
        assert!(Validity::backdated(UNIX_EPOCH, GoDuration(i64::MAX)).is_some());
    }

    #[test]
    fn a_leaf_of_an_authority_without_key_identifier_names_none() {
        let (with, key) = (ca(), generate_key(KeyAlgorithm::EcdsaP256).unwrap());
        let good = request("x", 1_795_393_287, 1);
        let authority_id = [0x55, 0x1d, 0x23];
        let has = |cert: &Cert| cert.der().windows(3).any(|window| window == authority_id);
        assert!(has(&issue(&good, &key, &with).unwrap()));
        // An authority whose certificate has no subject key identifier: here, one whose own is a leaf's.
        let without =
            Ca::of_own_making(issue(&good, &key, &with).unwrap(), generate_key(KeyAlgorithm::Rsa2048).unwrap());
        assert!(!has(&issue(&good, &key, &without).unwrap()));
    }

    #[test]
    fn a_request_is_signed_without_its_key() {
        use crate::{SigningRequest, signing_request, verify_chain};

        let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut request = Request {
            common_name: "kubernetes".into(),
            organizations: Vec::new(),
            usages: vec![Usage::ClientAuth],
            names: AltNames::default(),
            validity: Validity::backdated(start, GoDuration::hours(24 * 365)).unwrap(),
            serial: Serial::from_random([1; 8]),
            marked: true,
        };
        let ca = self_signed(&request, generate_key(KeyAlgorithm::EcdsaP256).unwrap()).unwrap();
        request.common_name = "system:node:cp1".into();
        for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa2048] {
            let key = generate_key(algorithm).unwrap();
            let asked = signing_request("system:node:cp1", &[], &AltNames::default(), &key).unwrap();
            let asked = SigningRequest::from_pem(asked.as_bytes()).unwrap();
            let cert = issue_for(&request, &asked.public_der, &ca).unwrap();
            assert!(cert.matches(&key) && !cert.is_ca);
            verify_chain(&cert, &[], std::slice::from_ref(ca.cert()), start).unwrap();
        }
    }
}
