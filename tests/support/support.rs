//! What the tests share: trees of files and their meaning, recorded cases, the host's facts, running programs.
//!
//! Every test target includes this module by path and uses a part of it.
#![allow(dead_code, reason = "each test target uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests prepare files and start the program under test")]

pub mod case;
pub mod certificate;
pub mod difference;
pub mod host;
pub mod meaning;
pub mod program;
pub mod rootfs;
pub mod tree;

use std::io::Write as _;
use std::path::PathBuf;

/// `tests/fixtures`.
pub fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"))
}

/// Says that a test, or a part of it, did not run. Written to the terminal itself, past the harness, which hides the
/// output of tests that pass.
pub fn skipped(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {why}\n");
    if writeln!(std::io::stderr(), "{}", line.trim_end()).is_err() {
        // Nowhere to say it.
    }
}

/// True if the test runs as root.
pub fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("/proc is mounted")) == 0
}
