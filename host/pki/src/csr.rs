//! Certificate signing requests (PKCS#10, RFC 2986): asking an authority whose key is elsewhere for a certificate. They
//! are kubeadm's (Go's `x509.CreateCertificateRequest` as `pkiutil.NewCSR` calls it): subject and alternative names,
//! no usages, which the signer adds.

use der::asn1::{Any, ObjectIdentifier, SetOfVec};
use der::{Decode, Encode, Sequence};
use x509_cert::attr::{Attribute, Attributes};

use crate::issue::{IssueError, alt_names, extension, signed, subject};
use crate::key::{PrivateKey, pem};
use crate::names::AltNames;

/// extensionRequest (RFC 2985, 5.4.2).
const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");

/// CertificationRequestInfo (RFC 2986, 4.1).
#[derive(Sequence)]
struct Body {
    version: u8,
    subject: Any,
    public_key: Any,
    /// There even if it is empty.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true")]
    attributes: Attributes,
}

/// A request for a certificate for `key`, as PEM `CERTIFICATE REQUEST`.
pub fn signing_request(
    common_name: &str,
    organizations: &[String],
    names: &AltNames,
    key: &PrivateKey,
) -> Result<String, IssueError> {
    let unencodable = |part| move |_: der::Error| IssueError::Unencodable { common_name: common_name.to_owned(), part };
    let structure = unencodable("structure");
    let mut attributes = Attributes::new();
    if !names.is_empty() {
        let names = alt_names(names).map_err(unencodable("subject alternative names"))?;
        let extensions = vec![extension(false, &names).map_err(&structure)?];
        let mut values = SetOfVec::new();
        values.insert(Any::encode_from(&extensions).map_err(&structure)?).map_err(&structure)?;
        attributes.insert(Attribute { oid: EXTENSION_REQUEST, values }).map_err(&structure)?;
    }
    let body = Body {
        version: 0,
        subject: Any::from_der(&subject(common_name, organizations)?).map_err(&structure)?,
        public_key: Any::from_der(key.public_der()).map_err(&structure)?,
        attributes,
    };
    let der = signed(common_name, &body.to_der().map_err(&structure)?, key)?;
    pem("CERTIFICATE REQUEST", &der).map_err(|source| IssueError::Key { common_name: common_name.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use kubephase_model::KeyAlgorithm;

    use super::*;
    use crate::key::generate_key;

    #[test]
    fn what_cannot_be_asked_for() {
        let key = generate_key(KeyAlgorithm::EcdsaP256).unwrap();
        let none = AltNames::default();
        assert_eq!(signing_request("", &[], &none, &key), Err(IssueError::NoCommonName));
        let names = AltNames::new(["ä".to_owned()], []);
        let refused = signing_request("x", &[], &names, &key).unwrap_err();
        assert!(refused.to_string().contains("subject alternative names"), "{refused}");
    }
}
