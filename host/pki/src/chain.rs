//! Whether a certificate is signed by an authority, directly or through others, and valid now. Path building,
//! signatures, name and length constraints are rustls-webpki's work; what it leaves to trust stores, the judgement of
//! the roots themselves, is done here, since Go does both.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::{TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::cert::{Cert, Period};

/// A certificate does not lead to a trusted authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The certificate or an authority above it is too old.
    #[error("`{0}` has expired")]
    Expired(String),
    /// The certificate or an authority above it is not valid yet.
    #[error("`{0}` is not valid yet")]
    NotYetValid(String),
    /// None of the authorities is one.
    #[error("`{0}` must not sign certificates")]
    NotCa(String),
    /// Issued by somebody else.
    #[error("its issuer `{issuer}` is not the authority `{authority}`")]
    OtherIssuer {
        /// Who issued it.
        issuer: String,
        /// Who should have.
        authority: String,
    },
    /// Issued under the authority's name by another key.
    #[error("its signature was not made with the key of `{0}`")]
    Signature(String),
    /// Everything else that path validation refuses.
    #[error("it does not lead to the authority `{authority}`")]
    Refused {
        /// Who should have issued it.
        authority: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },
}

impl ChainError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Expired(_) => "renew it, or move it and its key away to have new ones made",
            Self::NotYetValid(_) => "check the clock of this machine, or of the one where it was made",
            Self::NotCa(_) => "use a certificate with the CA flag and the key usage `Certificate Sign`",
            Self::OtherIssuer { .. } | Self::Signature(_) | Self::Refused { .. } => {
                "it belongs to another cluster or to an authority that has been replaced: move it and its key away to \
                 have new ones made, or bring back the authority that issued it"
            }
        }
    }
}

/// Any extended key usage will do, as kubeadm has it.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        usages.into_iter().try_for_each(|usage| usage.map(|_| ()))
    }
}

/// Checks that `leaf` leads to one of `roots` at `now`: signatures, CA flags, key usages, constraints and validity of
/// every certificate on the way, the root included. `intermediates` may help (kubeadm: the other certificates in the
/// leaf's file). What the certificate is for is not looked at (kubeadm's `pkiutil.VerifyCertChain`).
pub fn verify_chain(leaf: &Cert, intermediates: &[Cert], roots: &[Cert], now: SystemTime) -> Result<(), ChainError> {
    within(leaf, now)?;
    let mut refused = None;
    let mut anchors: Vec<TrustAnchor<'_>> = Vec::new();
    for root in roots {
        let anchor = usable(root, now).and_then(|()| {
            webpki::anchor_from_trusted_cert(root.certificate_der()).map_err(|source| refusal(root, source))
        });
        match anchor {
            Ok(anchor) => anchors.push(anchor),
            Err(error) => refused = Some(error),
        }
    }
    if anchors.is_empty() {
        let none = || ChainError::OtherIssuer { issuer: leaf.issuer.clone(), authority: String::new() };
        return Err(refused.unwrap_or_else(none));
    }
    if roots.contains(leaf) {
        return Ok(());
    }
    // Go uses only intermediates that are CAs, and so does webpki.
    let others: Vec<_> = intermediates.iter().map(|cert| cert.certificate_der().clone()).collect();
    let time = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    let authority = &roots[0];
    EndEntityCert::try_from(leaf.certificate_der())
        .and_then(|end| {
            end.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &others, time, AnyUsage, None, None).map(|_| ())
        })
        .map_err(|error| match error {
            Error::UnknownIssuer => {
                ChainError::OtherIssuer { issuer: leaf.issuer.clone(), authority: authority.subject.clone() }
            }
            Error::InvalidSignatureForPublicKey => ChainError::Signature(leaf.issuer.clone()),
            source => match intermediates.iter().find_map(|cert| within(cert, now).err()) {
                Some(error) if matches!(source, Error::CertExpired { .. } | Error::CertNotValidYet { .. }) => error,
                _ => refusal(authority, source),
            },
        })
}

fn usable(root: &Cert, now: SystemTime) -> Result<(), ChainError> {
    if !root.may_sign() {
        return Err(ChainError::NotCa(root.subject.clone()));
    }
    within(root, now)
}

fn within(cert: &Cert, now: SystemTime) -> Result<(), ChainError> {
    match cert.period(now) {
        Period::Valid => Ok(()),
        Period::NotYet => Err(ChainError::NotYetValid(cert.subject.clone())),
        Period::Over => Err(ChainError::Expired(cert.subject.clone())),
    }
}

fn refusal(authority: &Cert, source: Error) -> ChainError {
    ChainError::Refused { authority: authority.subject.clone(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kubephase_model::KeyAlgorithm;
    use kubephase_model::config::duration::GoDuration;

    use super::*;
    use crate::cert::Ca;
    use crate::issue::{Request, Serial, Usage, Validity, issue, self_signed};
    use crate::key::generate_key;
    use crate::names::AltNames;

    const HOUR: Duration = Duration::from_secs(3600);

    fn start() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_393_287)
    }

    fn request(common_name: &str, hours: i64) -> Request {
        Request {
            common_name: common_name.into(),
            organizations: Vec::new(),
            usages: vec![Usage::ServerAuth],
            names: AltNames::default(),
            validity: Validity::backdated(start(), GoDuration::hours(hours)).unwrap(),
            serial: Serial::from_random([5; 8]),
            marked: true,
        }
    }

    fn ca(common_name: &str, hours: i64) -> Ca {
        self_signed(&request(common_name, hours), generate_key(KeyAlgorithm::EcdsaP256).unwrap()).unwrap()
    }

    fn leaf(ca: &Ca, hours: i64) -> Cert {
        issue(&request("leaf", hours), &generate_key(KeyAlgorithm::EcdsaP384).unwrap(), ca).unwrap()
    }

    #[test]
    fn validity_of_all_is_looked_at() {
        let ca = ca("ca", 24);
        let leaf = leaf(&ca, 48);
        let at = |now| verify_chain(&leaf, &[], std::slice::from_ref(ca.cert()), now);
        assert_eq!(at(start()), Ok(()));
        assert_eq!(at(start() - HOUR), Err(ChainError::NotYetValid("CN=leaf".into())));
        assert_eq!(at(start() + 24 * HOUR), Ok(()), "the last second counts");
        assert_eq!(at(start() + 25 * HOUR), Err(ChainError::Expired("CN=ca".into())));
        assert_eq!(at(start() + 49 * HOUR), Err(ChainError::Expired("CN=leaf".into())));
    }

    #[test]
    fn any_of_the_authorities_will_do() {
        let (old, new, dead) = (ca("ca", 24), ca("ca", 24), ca("dead", 1));
        let bundle = [old.cert().clone(), new.cert().clone(), dead.cert().clone()];
        let now = start() + 2 * HOUR;
        assert_eq!(verify_chain(&leaf(&old, 24), &[], &bundle, now), Ok(()));
        assert_eq!(verify_chain(&leaf(&new, 24), &[], &bundle, now), Ok(()));
        assert!(verify_chain(&leaf(&dead, 24), &[], &bundle, now).is_err());
        assert_eq!(verify_chain(old.cert(), &[], &bundle, now), Ok(()), "a trusted certificate itself");
    }

    #[test]
    fn who_may_not_sign() {
        let ca = ca("ca", 24);
        let (one, two) = (leaf(&ca, 24), leaf(&ca, 24));
        let roots = std::slice::from_ref(&two);
        assert_eq!(verify_chain(&one, &[], roots, start()), Err(ChainError::NotCa("CN=leaf".into())));
        assert!(matches!(verify_chain(&one, &[], &[], start()), Err(ChainError::OtherIssuer { .. })));
        // A certificate that is no CA does not become one by standing in the file.
        let key = generate_key(KeyAlgorithm::EcdsaP256).unwrap();
        let middle = issue(&request("middle", 24), &key, &ca).unwrap();
        let end = leaf(&Ca::of_own_making(middle.clone(), key), 24);
        let refused = verify_chain(&end, &[middle], std::slice::from_ref(ca.cert()), start()).unwrap_err();
        assert_eq!(refused, refusal(ca.cert(), Error::EndEntityUsedAsCa));
    }
}
