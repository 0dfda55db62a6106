//! The secret `kubeadm-certs`: what of a control-plane node's keys the other nodes fetch, sealed with a certificate key
//! that is handed on by hand. Knows files and bytes; the Secret around them, and who may read it, is the callers'.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use kubephase_model::Cluster;

use crate::certs::{CA, ETCD_CA, FRONT_PROXY_CA};

/// The key that seals: 32 bytes, for people 64 hexadecimal digits. A secret: neither `Display` nor `Debug` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateKey([u8; CertificateKey::BYTES]);

/// A text is no certificate key. Never holds the text, which may be almost the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateKeyError {
    /// Something that is no hexadecimal digit.
    #[error("reading the certificate key: character {position} of {length} is not a hexadecimal digit")]
    Digit {
        /// Which, counted from 1.
        position: usize,
        /// Of how many.
        length: usize,
    },
    /// Too short or too long.
    #[error("reading the certificate key: it has {length} hexadecimal digits, a key has 64")]
    Length {
        /// How many it has.
        length: usize,
    },
}

/// What was sealed cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It cannot even hold the nonce and the tag.
    #[error("decrypting with the certificate key: {length} bytes are too few to be anything encrypted")]
    TooShort {
        /// How many bytes there are.
        length: usize,
    },
    /// AES-GCM cannot tell a wrong key from damaged data.
    #[error(
        "decrypting with the certificate key: it is not the key that this was encrypted with, or the data is damaged"
    )]
    Key,
}

impl CertificateKey {
    /// Its length.
    pub const BYTES: usize = 32;

    /// Of random bytes: a new key, if they come from the kernel.
    pub fn from_random(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The key as people get it: 64 lower-case hexadecimal digits. For standard output and join commands only.
    pub fn reveal(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FromStr for CertificateKey {
    type Err = CertificateKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if let Some(at) = text.chars().position(|c| !c.is_ascii_hexdigit()) {
            return Err(CertificateKeyError::Digit { position: at + 1, length });
        }
        let bytes = text.as_bytes().chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | nibble(*digit)));
        let bytes = if length == 2 * Self::BYTES {
            <[u8; Self::BYTES]>::try_from(bytes.collect::<Vec<u8>>()).ok()
        } else {
            None
        };
        bytes.map(Self).ok_or(CertificateKeyError::Length { length })
    }
}

/// The value of a digit that has been found to be one.
fn nibble(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

impl fmt::Display for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[certificate key]")
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateKey(…)")
    }
}

impl CertificateKeyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "copy it whole from the output of `init --upload-certs`, or make a new one with `kubephase certs certificate-key`"
    }
}

impl OpenError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "upload the certificates anew with `kubephase init phase upload-certs --upload-certs` on a control-plane node, \
         and use the key that it prints"
    }
}

/// Seals one value: the nonce, then AES-256-GCM's ciphertext and tag, without additional data (kubeadm's
/// `cryptoutil.EncryptBytes`). A nonce must never be used twice with one key: make every one of random bytes.
pub fn seal(key: &CertificateKey, nonce: [u8; NONCE_LEN], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = plaintext.to_vec();
    let done = cipher(key).seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed);
    // The library's only reason is a value of 64 GiB.
    assert!(done.is_ok(), "a file of {} bytes cannot be encrypted", plaintext.len());
    [&nonce[..], &sealed].concat()
}

/// Opens what [`seal`] or kubeadm sealed.
pub fn open(key: &CertificateKey, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let short = OpenError::TooShort { length: sealed.len() };
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(short)?;
    if rest.len() < AES_256_GCM.tag_len() {
        return Err(short);
    }
    let mut buffer = rest.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plaintext = cipher(key).open_in_place(nonce, Aad::empty(), &mut buffer).map_err(|_| OpenError::Key)?;
    Ok(plaintext.to_vec())
}

fn cipher(key: &CertificateKey) -> LessSafeKey {
    let Ok(key) = UnboundKey::new(&AES_256_GCM, &key.0) else { unreachable!("the key has the cipher's length") };
    LessSafeKey::new(key)
}

/// One file that all control-plane nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Its key in the Secret's data: `etcd-ca.crt`.
    pub name: String,
    /// Its path on the node.
    pub path: String,
}

/// The files that all control-plane nodes share (kubeadm's `copycerts.certsToTransfer`): the authorities, the service
/// accounts' key pair, and the credentials for an external etcd. One that does not exist is uploaded as an empty value,
/// not sealed.
pub fn uploaded_files(cluster: &Cluster) -> Vec<Uploaded> {
    let uploaded = |name: &str, path: String| Uploaded { name: name.to_owned(), path };
    let pki = cluster.pki().trim_end_matches('/');
    let mut files: Vec<Uploaded> = [&CA, &FRONT_PROXY_CA]
        .into_iter()
        .chain(cluster.external_etcd().is_none().then_some(&ETCD_CA))
        .flat_map(|spec| [(spec, "crt", spec.crt_path(cluster)), (spec, "key", spec.key_path(cluster))])
        .map(|(spec, suffix, path)| uploaded(&format!("{}.{suffix}", spec.name), path))
        .collect();
    files.extend(["sa.pub", "sa.key"].map(|name| uploaded(name, format!("{pki}/{name}"))));
    if let Some(etcd) = cluster.external_etcd() {
        files.extend([
            uploaded("external-etcd-ca.crt", etcd.ca_file.0.clone()),
            uploaded("external-etcd.crt", etcd.cert_file.0.clone()),
            uploaded("external-etcd.key", etcd.key_file.0.clone()),
        ]);
    }
    files
}

#[cfg(test)]
mod tests;
