//! kill -9 while certificates are renewed: whatever the moment, every file is whole, at most one key does not fit its
//! certificate, and the same command mends that.

use std::time::{Duration, Instant};

use x509_parser::prelude::{FromDer as _, Pem, X509Certificate};

use crate::sandbox::{CONFIG, Files, Sandbox, is_leftover};
use crate::whole;

const RENEW: [&str; 5] = ["certs", "renew", "all", "--config", "/config.yaml"];

/// How many runs are killed, spread evenly over the time that a run takes and a bit more.
const KILLS: u32 = 40;

fn renew(sandbox: &Sandbox) {
    let output = sandbox.start_command(&RENEW).wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn spki(pem: &[u8]) -> Vec<u8> {
    let block = Pem::iter_from_buffer(pem).next().expect("a block").expect("PEM");
    X509Certificate::from_der(&block.contents).expect("a certificate").1.public_key().raw.to_vec()
}

/// Certificates whose key, asked of openssl, is another one; `None` where there is no openssl.
fn strangers(files: &Files) -> Option<Vec<String>> {
    let public = |key: &[u8]| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        std::fs::write(&path, key).expect("written");
        let args = ["pkey", "-pubout", "-outform", "DER", "-in"];
        std::process::Command::new("openssl").args(args).arg(&path).output().ok().map(|output| output.stdout)
    };
    let mut found = Vec::new();
    for (path, (_, _, contents)) in files {
        let Some(key) = files.get(&path.replace(".crt", ".key")) else { continue };
        if let (true, Some(crt), Some(key)) = (path.ends_with(".crt"), contents, &key.2)
            && public(key)? != spki(crt)
        {
            found.push(path.clone());
        }
    }
    Some(found)
}

#[test]
fn whatever_the_moment() {
    const TEST: &str = "renewed::whatever_the_moment";
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        return crate::support::skipped(TEST, "there is no openssl here");
    }
    let Some(sandbox) = Sandbox::new(TEST, CONFIG) else { return };
    sandbox.complete();
    let begun = Instant::now();
    renew(&sandbox);
    let full = begun.elapsed() + Duration::from_millis(1);
    let mut met = [0_u32; 2];
    let mut before = sandbox.files();
    let mut parted: Vec<String> = Vec::new();
    for kill in 0..KILLS {
        let mut child = sandbox.start_command(&RENEW);
        std::thread::sleep(full * kill / KILLS);
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
        let after = sandbox.files();
        for (path, (mode, _, contents)) in after.iter().filter(|(path, _)| !is_leftover(path)) {
            if let Some(contents) = contents {
                whole::check(path, contents);
                let was = before.get(path).unwrap_or_else(|| panic!("{path} is new"));
                assert_eq!(was.0, *mode, "{path}");
            }
        }
        // One that was killed earlier than the one before may leave that one's pair as it is.
        let now = strangers(&after).expect("openssl is here");
        let new: Vec<_> = now.iter().filter(|path| !parted.contains(path)).collect();
        assert!(new.len() <= 1, "{new:?}");
        parted = now;
        met[usize::from(after == before)] += 1;
        before = after;
        before.retain(|path, _| !is_leftover(path));
    }
    renew(&sandbox);
    let last = sandbox.files();
    assert_eq!(strangers(&last), Some(Vec::new()));
    assert!(!last.keys().any(|path| is_leftover(path)), "left over");
    assert!(met.iter().all(|count| *count > 0), "all kills met the same state, so they tell nothing: {met:?}");
}
