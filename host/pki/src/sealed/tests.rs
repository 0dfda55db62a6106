use super::*;

const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";

fn key() -> CertificateKey {
    DIGITS.parse().unwrap()
}

#[test]
fn keys_are_read_in_both_cases_and_revealed_in_lower() {
    assert_eq!(key().0[..3], [0, 1, 2]);
    assert_eq!(key().reveal(), DIGITS);
    assert_eq!(DIGITS.to_uppercase().parse::<CertificateKey>().unwrap(), key());
    assert_eq!(CertificateKey::from_random([0xab; 32]).reveal(), "ab".repeat(32));
}

#[test]
fn keys_do_not_show_themselves() {
    let shown = format!("{} {:?}", key(), key());
    assert!(!shown.contains("0102") && !shown.contains("ff"), "{shown}");
}

#[test]
fn what_is_no_key_is_refused_without_being_quoted() {
    let refused = |text: &str| text.parse::<CertificateKey>().unwrap_err();
    assert_eq!(refused(""), CertificateKeyError::Length { length: 0 });
    assert_eq!(refused(&DIGITS[1..]), CertificateKeyError::Length { length: 63 });
    assert_eq!(refused(&format!("{DIGITS}00")), CertificateKeyError::Length { length: 66 });
    assert_eq!(refused(&format!("{DIGITS} ")), CertificateKeyError::Digit { position: 65, length: 65 });
    assert_eq!(refused(&format!("ä{}", &DIGITS[1..])), CertificateKeyError::Digit { position: 1, length: 64 });
    assert!(!refused(&DIGITS[2..]).to_string().contains("0102"));
}

#[test]
fn what_is_sealed_opens_with_its_key_only() {
    for plaintext in [&b""[..], b"x", &[7; 5000]] {
        let sealed = seal(&key(), [9; 12], plaintext);
        assert_eq!(sealed.len(), 12 + plaintext.len() + 16);
        assert_eq!(sealed[..12], [9; 12]);
        assert_eq!(open(&key(), &sealed).unwrap(), plaintext);
        assert_eq!(open(&CertificateKey::from_random([1; 32]), &sealed), Err(OpenError::Key));
        for place in [0, 12, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(open(&key(), &damaged), Err(OpenError::Key), "byte {place}");
        }
    }
    for length in [0, 11, 12, 27] {
        assert_eq!(open(&key(), &vec![0; length]), Err(OpenError::TooShort { length }));
    }
}

/// Test case 14 of the GCM specification (McGrew and Viega): a key, a nonce and a block of zeros.
#[test]
fn the_cipher_is_the_one_of_the_specification() {
    let sealed = seal(&CertificateKey::from_random([0; 32]), [0; 12], &[0; 16]);
    let hex: String = sealed[12..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}
