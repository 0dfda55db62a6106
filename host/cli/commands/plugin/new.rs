//! `plugin new`: a project that builds and passes its test. Templates are embedded; a template for a language is the files of
//! its directory, of its `kinds/<kind>`, of what all languages share, and our WIT.

use include_dir::{Dir, include_dir};
use kubephase_model::names::is_dns1123_label;
use kubephase_model::{File, Problem, Report};
use kubephase_node::Node;

use crate::args::plugin::{KindArg, Lang, NewArgs};
use crate::failure::{Failure, Outcome};
use crate::printer::out;

static TEMPLATES: Dir = include_dir!("$CARGO_MANIFEST_DIR/plugins/templates");
static SDK: Dir = include_dir!("$CARGO_MANIFEST_DIR/plugins/sdk");
static WIT: Dir = include_dir!("$CARGO_MANIFEST_DIR/wit/v0.1");

/// Where the package of our interfaces lies in a project: where WIT tools look for what a world uses.
const PACKAGE: &str = "wit/deps/kubephase-plugin";

pub fn run(args: &NewArgs) -> Outcome {
    let host = Node::real();
    let mut problems = Report::default();
    let label = args.name.rsplit('/').next().unwrap_or(&args.name);
    if !is_dns1123_label(label) {
        let problem = Problem::error("NAME", format!("`{label}` is no name of a plugin"));
        problems.push(problem.hint("lower case letters, digits and `-`, at most 63, such as `disk-check`"));
    }
    let directory = std::path::absolute(&args.name).map_err(|error| Failure::machine(error, None))?;
    let directory = directory.to_string_lossy();
    if host.exists(&directory) {
        let problem = Problem::error("NAME", format!("{directory} is there already"));
        problems.push(problem.hint("choose another name, or move it away: nothing is written over"));
    }
    if problems.has_errors() {
        return Err(problems.into());
    }
    let files: Vec<File> = project(args.lang, args.kind, label)
        .into_iter()
        .map(|(path, contents)| File::public(format!("{directory}/{path}"), contents))
        .collect();
    host.ensure_all(&files).map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    })?;
    out(&format!(
        "{} files in {directory}\n\n  cd {}\n  make test\n  kubephase plugin inspect {label}.wasm\n\nREADME.md says what is where.\n",
        files.len(),
        args.name
    ));
    Ok(())
}

/// The files of a project: paths below its directory, and contents.
fn project(lang: Lang, kind: KindArg, name: &str) -> Vec<(String, Vec<u8>)> {
    let (lang, kind) = (lang_name(lang), kind_name(kind));
    let mut files = Vec::new();
    for part in [lang.to_owned(), format!("{lang}/kinds/{kind}"), "common".to_owned(), format!("common/kinds/{kind}")] {
        let Some(directory) = TEMPLATES.get_dir(&part) else { continue };
        let kinds = format!("{part}/kinds/");
        for file in all(directory).into_iter().filter(|file| !file.path().to_string_lossy().starts_with(&kinds)) {
            let path = file.path().strip_prefix(&part).unwrap_or(file.path());
            let text = String::from_utf8_lossy(file.contents()).replace("{{name}}", name).replace("{{kind}}", kind);
            files.push((renamed(&path.to_string_lossy()), text.into_bytes()));
        }
    }
    let copied = |directory: &'static Dir<'static>, below: &str| -> Vec<(String, Vec<u8>)> {
        let file = |file: &include_dir::File| (format!("{below}/{}", file.path().display()), file.contents().to_vec());
        all(directory).into_iter().map(file).collect()
    };
    files.extend(copied(&WIT, PACKAGE));
    if lang == "rust" {
        let sources = copied(&SDK, "sdk").into_iter();
        files.extend(sources.filter(|(path, _)| path == "sdk/Cargo.toml" || path.starts_with("sdk/src/")));
    }
    files
}

fn all<'a>(directory: &'a Dir<'a>) -> Vec<&'a include_dir::File<'a>> {
    let below = directory.dirs().flat_map(all);
    directory.files().chain(below).collect()
}

/// `.in` keeps tools from reading a template as what it will be; `dot-` keeps git from following it.
fn renamed(path: &str) -> String {
    let path = path.strip_suffix(".in").unwrap_or(path);
    path.split('/')
        .map(|part| part.strip_prefix("dot-").map_or(part.to_owned(), |rest| format!(".{rest}")))
        .collect::<Vec<_>>()
        .join("/")
}

fn lang_name(lang: Lang) -> &'static str {
    match lang {
        Lang::Rust => "rust",
        Lang::C => "c",
        Lang::Js => "js",
        Lang::Python => "python",
        Lang::Go => "go",
    }
}

fn kind_name(kind: KindArg) -> &'static str {
    match kind {
        KindArg::Preflight => "preflight",
        KindArg::Addon => "addon",
        KindArg::Mutator => "mutator",
        KindArg::Phase => "phase",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_whole_and_has_no_placeholder_left() {
        for lang in [Lang::Rust, Lang::C, Lang::Js, Lang::Python, Lang::Go] {
            for kind in [KindArg::Preflight, KindArg::Addon, KindArg::Mutator, KindArg::Phase] {
                let files = project(lang, kind, "disk-check");
                let names: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
                for needed in
                    ["README.md", "Makefile", ".gitignore", "cases/example.yaml", "wit/deps/kubephase-plugin/types.wit"]
                {
                    assert!(names.contains(&needed), "{lang:?} {kind:?}: no {needed} in {names:?}");
                }
                let mut once = names.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), names.len(), "{lang:?} {kind:?}: a file twice");
                for (path, contents) in &files {
                    let text = String::from_utf8_lossy(contents);
                    assert!(!text.contains("{{name}}") && !text.contains("{{kind}}"), "{lang:?} {kind:?}: {path}");
                    assert!(!path.ends_with(".in") && !path.contains("dot-"), "{path}");
                }
            }
        }
    }
}
