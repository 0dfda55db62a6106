//! Keys and certificates judged by the `openssl` command, a reader that shares no code with ours. Skipped, saying so,
//! where there is none.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{cases, golden, issue_all, start};
use kubephase_model::KeyAlgorithm;
use kubephase_pki::{
    AltNames, Ca, Cert, KeyError, PrivateKey, Request, Serial, Usage, Validity, generate_key, issue, key_algorithm,
    renewal, signing_request, unkept, verify_chain,
};

/// A directory for one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    /// None, with a word, if there is no openssl.
    fn new(test: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            #[expect(clippy::print_stderr, reason = "a skip says so")]
            let () = eprintln!("SKIPPED {test}: there is no openssl command");
            return None;
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pki-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Some(Self(path))
    }

    fn write(&self, name: &str, contents: &str) {
        std::fs::write(self.0.join(name), contents).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    /// What openssl prints; it must succeed.
    fn openssl(&self, args: &str) -> String {
        let output = Command::new("openssl").args(args.split_whitespace()).current_dir(&self.0).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "openssl {args}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The part of `certs.txt` about one file.
fn recorded(case: &str, base: &str) -> Vec<String> {
    let text = String::from_utf8(golden(case, "certs.txt")).unwrap();
    let heading = format!("=== /etc/kubernetes/pki/{base}.crt");
    let block = text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("==="));
    let block: Vec<String> = block.map(|line| line.trim().to_owned()).collect();
    assert!(!block.is_empty(), "{heading}");
    block
}

#[test]
fn text_form_and_chain() {
    let Some(dir) = Dir::new("text") else { return };
    for case in cases() {
        issue_all(&case.cluster, |spec, cert, key, ca| {
            dir.write("ca.crt", &ca.cert().pem().unwrap());
            dir.write("it.crt", &cert.pem().unwrap());
            dir.write("it.key", &key.to_pem().unwrap());
            let at = start().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            assert_eq!(dir.openssl(&format!("verify -attime {at} -CAfile ca.crt it.crt")), "it.crt: OK\n");
            let public = dir.openssl("pkey -in it.key -pubout");
            assert_eq!(dir.openssl("x509 -in it.crt -noout -pubkey"), public, "{}", spec.name);
            assert_eq!(key.public_pem().unwrap(), public);

            let text = dir.openssl(
                "x509 -in it.crt -noout -subject -issuer -ext \
                 keyUsage,extendedKeyUsage,basicConstraints,authorityKeyIdentifier,subjectAltName",
            );
            let is_key_id = |line: &str| line.len() == 59 && line.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            let ours: Vec<&str> =
                text.lines().map(str::trim).map(|line| if is_key_id(line) { "<keyid>" } else { line }).collect();
            let theirs = recorded(case.name, spec.base);
            assert_eq!(ours, theirs[..ours.len()], "{} {}", case.name, spec.name);

            let text = dir.openssl("x509 -in it.crt -noout -text");
            for line in &theirs[ours.len()..] {
                let told_by_text =
                    ["Public-Key:", "Public Key Algorithm:", "Signature Algorithm:", "Version:", "ASN1 OID:"];
                if told_by_text.iter().any(|start| line.starts_with(start)) {
                    assert!(
                        text.lines().any(|ours| ours.trim() == line),
                        "{} {}: {line}\n{text}",
                        case.name,
                        spec.name
                    );
                } else if line.starts_with("-----BEGIN ") {
                    assert!(key.to_pem().unwrap().starts_with(line.as_str()));
                }
            }
            let id = dir.openssl("x509 -in it.crt -noout -ext subjectKeyIdentifier");
            assert_eq!(id.contains("Subject Key Identifier"), spec.is_ca(), "{}", spec.name);
        });
    }
}

#[test]
fn dates_are_kubeadms() {
    let Some(dir) = Dir::new("dates") else { return };
    let case = &cases()[0];
    issue_all(&case.cluster, |spec, cert, _, _| {
        dir.write("it.crt", &cert.pem().unwrap());
        let end = if spec.is_ca() { "Nov 20 00:21:27 2036" } else { "Nov 23 00:21:27 2027" };
        let expected = format!("notBefore=Nov 23 00:16:27 2026 GMT\nnotAfter={end} GMT\n");
        assert_eq!(dir.openssl("x509 -in it.crt -noout -startdate -enddate"), expected, "{}", spec.name);
    });
}

#[test]
fn keys_are_written_as_openssl_writes_them_and_read_in_every_form() {
    let Some(dir) = Dir::new("keys") else { return };
    for algorithm in KeyAlgorithm::ALL {
        let key = generate_key(algorithm).unwrap();
        let pem = key.to_pem().unwrap();
        dir.write("it.key", &pem);
        assert!(dir.openssl("pkey -in it.key -noout -check").contains("is valid"), "{algorithm}");
        assert_eq!(dir.openssl("pkey -in it.key -traditional"), pem, "{algorithm}");
        assert_eq!(dir.openssl("pkey -in it.key -pubout"), key.public_pem().unwrap(), "{algorithm}");
        for (form, text) in [("traditional", pem), ("PKCS#8", dir.openssl("pkcs8 -topk8 -nocrypt -in it.key"))] {
            let read = PrivateKey::from_pem("it.key", text.as_bytes()).unwrap();
            assert_eq!(read.public_der(), key.public_der(), "{algorithm} {form}");
            assert_eq!(read.to_pem().unwrap(), key.to_pem().unwrap(), "{algorithm} {form}");
        }
        dir.openssl("pkcs8 -topk8 -in it.key -out secret.key -passout pass:secret");
        let refused = PrivateKey::from_pem("secret.key", &dir.read("secret.key")).unwrap_err();
        assert_eq!(refused, KeyError::Encrypted { name: "secret.key".into() }, "{algorithm}");
        dir.openssl("pkey -in it.key -traditional -aes128 -passout pass:secret -out secret.key");
        let refused = PrivateKey::from_pem("secret.key", &dir.read("secret.key")).unwrap_err();
        assert_eq!(refused, KeyError::Encrypted { name: "secret.key".into() }, "{algorithm}");
    }
}

#[test]
fn keys_made_by_openssl() {
    let Some(dir) = Dir::new("foreign-keys") else { return };
    for (args, readable) in [
        // Parameters stand before the key.
        ("ecparam -name prime256v1 -genkey", true),
        ("ecparam -name secp521r1 -genkey -noout", true),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072", true),
        ("genpkey -algorithm ED25519", false),
        ("ecparam -name secp256k1 -genkey -noout", false),
        ("genrsa 1024", false),
    ] {
        let pem = dir.openssl(args);
        let key = PrivateKey::from_pem("it.key", pem.as_bytes());
        let refused = || Some(KeyError::Unusable { name: "it.key".into() });
        assert_eq!(key.as_ref().err().cloned(), if readable { None } else { refused() }, "{args}");
        if let Ok(key) = key {
            dir.write("it.key", &pem);
            assert_eq!(key.public_pem().unwrap(), dir.openssl("pkey -in it.key -pubout"), "{args}");
        }
    }
}

/// Companies' authorities have names with several parts of one type, in strings of several types, and extensions of
/// their own; they sign through others.
#[test]
fn authorities_made_by_openssl() {
    let Some(dir) = Dir::new("foreign-ca") else { return };
    for (number, key) in
        ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-384", "ec -pkeyopt ec_paramgen_curve:P-521"].iter().enumerate()
    {
        // kubeadm's own authorities had the serial number 0 for years.
        dir.openssl(&format!(
            "req -x509 -nodes -set_serial 0 -newkey {key} -keyout root.key -out root.crt -days 36500 -utf8 \
             -subj /DC=com/DC=example/O=Ünion/OU=a/OU=b/emailAddress=ca@example.com/CN=Example_CA"
        ));
        let root = Cert::from_pem("root.crt", &dir.read("root.crt")).unwrap();
        let now = root.not_before + std::time::Duration::from_secs(60);
        let ca =
            Ca::new("root", root.clone(), PrivateKey::from_pem("root.key", &dir.read("root.key")).unwrap()).unwrap();
        let request = Request {
            common_name: "Ünter*".into(),
            organizations: vec!["z".into(), "a".into(), "system:masters".into()],
            usages: vec![Usage::ClientAuth],
            names: AltNames::default(),
            validity: Validity::from_ca(&root, now, kubephase_model::config::duration::GoDuration::hours(1)).unwrap(),
            serial: Serial::from_random([number as u8; 8]),
            marked: true,
        };
        let cert = issue(&request, &generate_key(KeyAlgorithm::EcdsaP256).unwrap(), &ca).unwrap();
        dir.write("it.crt", &cert.pem().unwrap());
        dir.openssl("verify -no_check_time -CAfile root.crt it.crt");
        assert_eq!(verify_chain(&cert, &[], std::slice::from_ref(&root), now), Ok(()));
        assert_eq!(cert.common_name, "Ünter*");
        // One set, whose members DER sorts.
        assert_eq!(cert.organizations, ["a", "z", "system:masters"]);

        // An authority below it, and what it signs.
        dir.write("ext.cnf", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n");
        dir.openssl("req -nodes -newkey rsa:2048 -keyout sub.key -out sub.csr -subj /CN=sub");
        dir.openssl("x509 -req -in sub.csr -CA root.crt -CAkey root.key -out sub.crt -days 3650 -extfile ext.cnf");
        let sub = Cert::from_pem("sub.crt", &dir.read("sub.crt")).unwrap();
        let ca = Ca::new("sub", sub.clone(), PrivateKey::from_pem("sub.key", &dir.read("sub.key")).unwrap()).unwrap();
        let cert = issue(&request, &generate_key(KeyAlgorithm::EcdsaP256).unwrap(), &ca).unwrap();
        let now = sub.not_before + std::time::Duration::from_secs(60);
        assert_eq!(verify_chain(&cert, std::slice::from_ref(&sub), std::slice::from_ref(&root), now), Ok(()));
        assert!(verify_chain(&cert, &[], std::slice::from_ref(&root), now).is_err());
        // Go, too, accepts an authority that is trusted by itself.
        assert_eq!(verify_chain(&cert, &[], &[sub], now), Ok(()));
    }
}

#[test]
fn signing_requests() {
    let Some(dir) = Dir::new("requests") else { return };
    let names =
        AltNames::new(["b".to_owned(), "*.a".to_owned()], ["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()]);
    for algorithm in KeyAlgorithm::ALL {
        let key = generate_key(algorithm).unwrap();
        let organizations = ["system:nodes".to_owned()];
        dir.write("it.csr", &signing_request("system:node:x", &organizations, &names, &key).unwrap());
        let subject = dir.openssl("req -in it.csr -noout -verify -subject -nameopt RFC2253");
        assert!(subject.ends_with("subject=CN=system:node:x,O=system:nodes\n"), "{subject}");
        assert_eq!(dir.openssl("req -in it.csr -noout -pubkey"), key.public_pem().unwrap(), "{algorithm}");
        let text = dir.openssl("req -in it.csr -noout -text");
        let wanted = "DNS:*.a, DNS:b, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1";
        assert!(text.contains("Version: 1 (0x0)") && text.contains(wanted), "{text}");

        dir.write("it.csr", &signing_request("x", &[], &AltNames::default(), &key).unwrap());
        let text = dir.openssl("req -in it.csr -noout -verify -text");
        assert!(text.contains("(none)") && !text.contains("Alternative Name"), "{text}");
    }
}

#[test]
fn a_renewed_certificate_keeps_what_kubernetes_asks_for() {
    let Some(dir) = Dir::new("renewal") else { return };
    let cluster = &cases()[0].cluster;
    let mut ca = None;
    issue_all(cluster, |spec, _, _, of| {
        if spec.name == "ca" {
            dir.write("ca.crt", &of.cert().pem().unwrap());
            dir.write("ca.key", &of.key().to_pem().unwrap());
            ca = Some(of.cert().clone());
        }
    });
    let ca = Ca::new("ca", ca.unwrap(), PrivateKey::from_pem("ca.key", &dir.read("ca.key")).unwrap()).unwrap();
    dir.write(
        "ext.cnf",
        "extendedKeyUsage=serverAuth,codeSigning\nsubjectAltName=DNS:a,DNS:*.b,IP:10.0.0.1,IP:::1,email:a@example.com\n",
    );
    dir.openssl("req -nodes -newkey rsa:3072 -keyout old.key -out old.csr -subj /O=one/O=two/OU=three/CN=four");
    dir.openssl("x509 -req -in old.csr -CA ca.crt -CAkey ca.key -out old.crt -days 1 -extfile ext.cnf");
    let old = Cert::from_pem("old.crt", &dir.read("old.crt")).unwrap();
    assert_eq!(
        unkept(&old),
        [
            "subject attribute 2.5.4.11",
            "extended key usage 1.3.6.1.5.5.7.3.3",
            "alternative names other than DNS names and addresses"
        ]
    );
    assert_eq!(key_algorithm(&old), Some(KeyAlgorithm::Rsa3072));
    let request = renewal(&old, &[Usage::ClientAuth], cluster, ca.cert(), start(), [1; 8]).unwrap();
    assert_eq!(request.validity, Validity::backdated(start(), cluster.certificate_validity()).unwrap());
    for algorithm in KeyAlgorithm::ALL {
        let new = issue(&request, &generate_key(algorithm).unwrap(), &ca).unwrap();
        assert_eq!(key_algorithm(&new), Some(algorithm));
        assert_eq!((&new.common_name, &new.organizations), (&old.common_name, &old.organizations));
        // In the order in which kubeadm has them.
        assert_eq!(new.dns, ["*.b", "a"]);
        assert_eq!((&new.ips, &new.usages), (&old.ips, &vec![Usage::ServerAuth]));
        assert_eq!(unkept(&new), [""; 0]);
        dir.write("new.crt", &new.pem().unwrap());
        let at = start().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(dir.openssl(&format!("verify -attime {at} -CAfile ca.crt new.crt")), "new.crt: OK\n");
    }
    let mut none = old;
    none.usages.clear();
    let request = renewal(&none, &[Usage::ClientAuth], cluster, ca.cert(), start(), [1; 8]).unwrap();
    assert_eq!(request.usages, [Usage::ClientAuth]);
}
