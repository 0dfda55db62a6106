//! Ctrl-C.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::sandbox::{CONFIG, Sandbox, is_leftover};

/// Keys that take long enough to be interrupted.
fn slow() -> String {
    CONFIG.replace("ECDSA-P256", "RSA-4096")
}

#[test]
fn it_ends_at_a_safe_point_and_says_how_to_go_on() {
    const TEST: &str = "interrupted::it_ends_at_a_safe_point";
    let Some(sandbox) = Sandbox::new(TEST, &slow()) else { return };
    let mut child = sandbox.start(&[]);
    let deadline = Instant::now() + Duration::from_secs(60);
    // The lock is taken right before the first phase.
    while !sandbox.path().join("var/lib/kubephase/lock").exists() {
        assert!(Instant::now() < deadline && child.try_wait().expect("asked").is_none(), "it has ended too early");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(50));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("error: interrupted") && text.contains("run the same command again"), "{text}");
    assert!(!sandbox.files().keys().any(|path| is_leftover(path)), "{:?}", sandbox.files().keys());
    sandbox.configure(CONFIG);
    sandbox.complete();
}
