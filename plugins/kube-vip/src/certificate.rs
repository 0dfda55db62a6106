//! Whether the API server's certificate is valid for the virtual address: what controlPlaneEndpoint and certSANs come to.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_sdk::facts::ClusterFacts;
use kubephase_sdk::prelude::*;

use crate::addresses::endpoint;
use crate::settings::Settings;

/// OBJECT IDENTIFIER 2.5.29.17, subjectAltName (RFC 5280, section 4.2.1.6), in DER.
const SUBJECT_ALT_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
/// Tag of an iPAddress among GeneralNames.
const IP_ADDRESS: u8 = 0x87;

/// Looks into the certificate, if that is granted and it is there.
pub fn check(settings: &Settings, cluster: &ClusterFacts) -> Option<Finding> {
    let path = format!("{}/apiserver.crt", cluster.certificates_dir);
    let address = settings.address;
    let names = match files::read_text(&path) {
        Ok(pem) => addresses(&pem),
        Err(failure) => {
            let message =
                format!("cannot see whether the API server's certificate is valid for {address}: {}", failure.message);
            return Some(Finding::info("CertificateUnseen", message));
        }
    };
    let Some(names) = names else {
        return Some(Finding::info("CertificateUnseen", format!("{path} cannot be understood")));
    };
    if names.contains(&address) {
        return None;
    }
    // Clients that ask by a name want the certificate to be valid for that.
    let host = endpoint(&cluster.control_plane_endpoint).0;
    let is_name = !host.is_empty() && host.parse::<IpAddr>().is_err();
    let severity = if is_name { Severity::Info } else { Severity::Error };
    let message = format!("the API server's certificate is not valid for {address}");
    let remedy = format!(
        "set controlPlaneEndpoint to {address}, or add {address} to apiServer.certSANs, and make the certificate anew"
    );
    Some(Finding::new(severity, "Certificate", message).expected(format!("{address} among its names")).remedy(remedy))
}

/// The addresses that a certificate is valid for; nothing if it cannot be read.
fn addresses(pem: &str) -> Option<Vec<IpAddr>> {
    let der = der(pem)?;
    let at = der.windows(SUBJECT_ALT_NAME.len()).position(|window| window == SUBJECT_ALT_NAME)?;
    let mut rest = &der[at + SUBJECT_ALT_NAME.len()..];
    let (mut tag, mut value, _) = element(rest)?;
    if tag == 0x01 {
        // `critical`.
        rest = element(rest)?.2;
        (tag, value, _) = element(rest)?;
    }
    let (0x30, mut names, _) = element((tag == 0x04).then_some(value)?)? else { return None };
    let mut found = Vec::new();
    while !names.is_empty() {
        let (tag, value, rest) = element(names)?;
        match (tag, <[u8; 4]>::try_from(value), <[u8; 16]>::try_from(value)) {
            (IP_ADDRESS, Ok(four), _) => found.push(four.into()),
            (IP_ADDRESS, _, Ok(sixteen)) => found.push(sixteen.into()),
            _ => {}
        }
        names = rest;
    }
    Some(found)
}

/// Tag, contents and what comes after the first element of DER (X.690) with a tag of one byte.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 3 {
            return None;
        }
        length = bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
        rest = after;
    }
    let (value, after) = rest.split_at_checked(length)?;
    Some((tag, value, after))
}

/// What is between the lines of the first certificate (RFC 7468).
fn der(pem: &str) -> Option<Vec<u8>> {
    let text = pem.split("-----BEGIN CERTIFICATE-----").nth(1)?.split("-----END CERTIFICATE-----").next()?;
    STANDARD.decode(text.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by kubeadm v1.36.2.
    const CERTIFICATE: &str =
        include_str!("../../../tests/fixtures/golden/v1.36/01-defaults/files/etc/kubernetes/pki/apiserver.crt");

    #[test]
    fn addresses_of_a_real_certificate_are_read() {
        let expected: Vec<IpAddr> = ["10.96.0.1", "10.77.0.13"].map(|it| it.parse().expect("an address")).into();
        assert_eq!(addresses(CERTIFICATE), Some(expected));
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        assert_eq!(addresses(""), None);
        assert_eq!(addresses("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"), None);
        let cut: String = CERTIFICATE.lines().take(12).collect::<Vec<_>>().join("\n");
        assert_eq!(addresses(&cut), None);
    }
}
