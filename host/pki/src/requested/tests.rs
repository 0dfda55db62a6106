use der::asn1::{Any, Ia5String, OctetString, SetOfVec};
use kubephase_model::KeyAlgorithm;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::request::Version;

use super::*;
use crate::issue::{signed, subject};
use crate::key::{PrivateKey, generate_key, pem};
use crate::names::AltNames;
use crate::signing_request;

fn recorded(name: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/signing-requests");
    #[expect(clippy::disallowed_methods, reason = "tests read their fixtures")]
    std::fs::read(format!("{root}/{name}.pem")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(name: &str) -> Result<SigningRequest, SigningRequestError> {
    SigningRequest::from_pem(&recorded(name))
}

fn key() -> PrivateKey {
    generate_key(KeyAlgorithm::EcdsaP256).unwrap()
}

fn good() -> String {
    let names = AltNames::new(["cp1".to_owned()], ["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()]);
    signing_request("system:node:cp1", &["system:nodes".to_owned()], &names, &key()).unwrap()
}

/// A request with these attributes for `key`, signed by `signer`.
fn made(attributes: Vec<Attribute>, key: &PrivateKey, signer: &PrivateKey) -> String {
    let info = CertReqInfo {
        version: Version::V1,
        subject: Decode::from_der(&subject("system:node:cp1", &["system:nodes".to_owned()]).unwrap()).unwrap(),
        public_key: Decode::from_der(key.public_der()).unwrap(),
        attributes: Attributes::try_from(attributes).unwrap(),
    };
    pem(LABEL, &signed("x", &info.to_der().unwrap(), signer).unwrap()).unwrap()
}

fn dns(name: &str) -> Extension {
    let names = SubjectAltName(vec![GeneralName::DnsName(Ia5String::new(name).unwrap())]);
    Extension {
        extn_id: SUBJECT_ALT_NAME,
        critical: false,
        extn_value: OctetString::new(names.to_der().unwrap()).unwrap(),
    }
}

fn asking(values: &[Vec<Extension>]) -> Attribute {
    let mut set = SetOfVec::new();
    for value in values {
        set.insert(Any::encode_from(value).unwrap()).unwrap();
    }
    Attribute { oid: EXTENSION_REQUEST, values: set }
}

#[test]
fn what_is_asked_for_is_read() {
    let request = SigningRequest::from_pem(good().as_bytes()).unwrap();
    assert_eq!(request.common_names, ["system:node:cp1"]);
    assert_eq!(request.organizations, ["system:nodes"]);
    assert_eq!((request.attributes, &*request.dns), (2, &["cp1".to_owned()][..]));
    assert_eq!(request.ips, ["10.0.0.5", "fd00::5"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    assert_eq!((request.others.len(), request.extras.len()), (0, 0));
}

#[test]
fn a_kubelets_own_request() {
    let request = read("kubelet-client").unwrap();
    assert_eq!(request.subject, "CN=system:node:cp1,O=system:nodes");
    assert_eq!((request.dns.len(), request.ips.len(), request.extras.len()), (0, 0, 0));
}

#[test]
fn other_keys_that_serve() {
    for name in ["rsa-2048", "p384", "p521"] {
        let request = read(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((&*request.dns, request.ips.len()), (&["cp1".to_owned()][..], 1), "{name}");
    }
}

#[test]
fn keys_that_do_not() {
    for (name, what) in [
        ("rsa-1024", "RSA with 1024 bits"),
        ("p224", "on the elliptic curve 1.3.132.0.33"),
        ("secp256k1", "on the elliptic curve 1.3.132.0.10"),
        ("ed25519", "of the kind 1.3.101.112"),
    ] {
        assert_eq!(read(name), Err(SigningRequestError::Key(what.into())), "{name}");
    }
}

#[test]
fn signatures_that_prove_nothing() {
    assert_eq!(read("sha1"), Err(SigningRequestError::Signature));
    let (own, other) = (key(), key());
    let attributes = || vec![asking(&[vec![dns("cp1")]])];
    SigningRequest::from_pem(made(attributes(), &own, &own).as_bytes()).expect("its own signature");
    let stolen = made(attributes(), &own, &other);
    assert_eq!(SigningRequest::from_pem(stolen.as_bytes()), Err(SigningRequestError::Signature));
    // Another name of the same length under the same signature.
    let der = der::pem::decode_vec(good().as_bytes()).unwrap().1;
    let at = der.windows(3).rposition(|window| window == b"cp1").unwrap();
    let changed = [&der[..at], b"cp2", &der[at + 3..]].concat();
    let changed = pem(LABEL, &changed).unwrap();
    assert_eq!(SigningRequest::from_pem(changed.as_bytes()), Err(SigningRequestError::Signature));
}

#[test]
fn names_of_every_kind_are_seen() {
    let request = read("names").unwrap();
    assert_eq!((&*request.dns, request.ips.len()), (&["cp1".to_owned()][..], 1));
    assert_eq!(
        request.others,
        [
            "email address root@cp1",
            "URI https://cp1/x",
            "a name that is neither DNS name nor address",
            "a name that is neither DNS name nor address",
            "directory name CN=x",
        ]
    );
}

#[test]
fn what_is_asked_for_beside_names_is_seen() {
    assert_eq!(read("ca").unwrap().extras, ["extension 2.5.29.19", "extension 2.5.29.15"]);
    assert_eq!(read("challenge").unwrap().extras, ["attribute 1.2.840.113549.1.9.7"]);
}

#[test]
fn nothing_comes_twice() {
    let key = key();
    let twice = |attributes| match SigningRequest::from_pem(made(attributes, &key, &key).as_bytes()) {
        Err(SigningRequestError::Twice(what)) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(twice(vec![asking(&[vec![dns("cp1"), dns("evil")]])]), "the extension 2.5.29.17");
    assert_eq!(
        twice(vec![asking(&[vec![dns("cp1")]]), asking(&[vec![dns("evil")]])]),
        "the attribute 1.2.840.113549.1.9.14"
    );
    assert_eq!(
        twice(vec![asking(&[vec![dns("cp1")], vec![dns("evil")]])]),
        "several values of the attribute 1.2.840.113549.1.9.14"
    );
}

#[test]
fn only_one_block_and_nothing_around_it() {
    let good = good();
    for text in [
        String::new(),
        format!("{good}{good}"),
        format!("text\n{good}"),
        format!("{good}text\n"),
        good.replace("-----BEGIN CERTIFICATE REQUEST-----\n", "-----BEGIN CERTIFICATE REQUEST-----\nA: b\n\n"),
        good.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        good.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        good.replacen("-----END", "-----BEGIN", 1),
        good.replace('M', "-"),
    ] {
        assert_eq!(SigningRequest::from_pem(text.as_bytes()), Err(SigningRequestError::NotOneBlock), "{text}");
    }
    SigningRequest::from_pem(format!("\n{good}\n").as_bytes()).expect("white space is nothing");
    SigningRequest::from_pem(good.replace('\n', "\r\n").as_bytes()).expect("other line ends");
}

#[test]
fn what_is_no_request() {
    let der = der::pem::decode_vec(good().as_bytes()).unwrap().1;
    let read = |der: &[u8]| SigningRequest::from_pem(pem(LABEL, der).unwrap().as_bytes());
    assert_eq!(read(b"nothing"), Err(SigningRequestError::Damaged));
    assert_eq!(read(&der[..der.len() - 1]), Err(SigningRequestError::Damaged));
    assert_eq!(read(&[&der[..], b"more"].concat()), Err(SigningRequestError::Damaged));
    let huge = vec![b'A'; MAX_BYTES + 1];
    assert_eq!(SigningRequest::from_pem(&huge), Err(SigningRequestError::TooLong(MAX_BYTES + 1)));
}

#[test]
fn no_byte_can_be_changed_unseen() {
    let der = der::pem::decode_vec(good().as_bytes()).unwrap().1;
    let original = SigningRequest::from_pem(pem(LABEL, &der).unwrap().as_bytes()).unwrap();
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        if let Ok(read) = SigningRequest::from_pem(pem(LABEL, &changed).unwrap().as_bytes()) {
            panic!("byte {at} of {}: {read:?} instead of {original:?}", der.len());
        }
    }
}
