//! `plugin test`: a plugin's cases, without a machine or a cluster.

use kubephase_model::{File, Problem, Report};
use kubephase_node::Node;
use kubephase_plugin::Workbench;
use kubephase_plugin::case::{Case, Verdict};
use serde_json::json;
use similar::TextDiff;

use super::{Told, bench, broke};
use crate::args::plugin::TestArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::printer::{err, out};

pub fn run(args: &TestArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let component = component(args, &host)?;
    let files = cases(args, &host)?;
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let told = Told::new(global);
    runtime.block_on(async {
        let bench = bench(&host, &component, &told).await?;
        let mut bad = 0;
        for (path, text) in &files {
            let name = path.rsplit('/').next().unwrap_or(path);
            bad += usize::from(!one(&bench, &told, &host, path, name, text, args, global).await?);
        }
        let cases = if files.len() == 1 { "case" } else { "cases" };
        let counted = format!("{} {cases}, {bad} failed", files.len());
        match global.output {
            Output::Json => out(&format!("{}\n", json!({ "event": "ended", "cases": files.len(), "failed": bad }))),
            _ => out(&format!("{counted}\n")),
        }
        if bad == 0 {
            return Ok(());
        }
        let hint = "if the new answers are right: `kubephase plugin test --update`, then look at the difference";
        Err(Failure::Machine { error: counted.into(), hint: Some(hint.into()), told: false })
    })
}

/// Runs or updates one case. False if it is not as it should be.
#[expect(clippy::too_many_arguments, reason = "one call, of what one run has")]
async fn one(
    bench: &Workbench,
    told: &Told,
    host: &Node,
    path: &str,
    name: &str,
    text: &str,
    args: &TestArgs,
    global: &Global,
) -> Result<bool, Failure> {
    let case = match Case::parse(text) {
        Ok(case) => case,
        Err(error) => {
            let problem = Problem::error(path, error.to_string()).hint(error.hint());
            return Err(Report { problems: vec![problem] }.into());
        }
    };
    let tell = |verdict: &str, detail: String| match global.output {
        Output::Json => {
            let line = json!({ "event": "case", "file": path, "verdict": verdict, "detail": detail });
            out(&format!("{line}\n"));
        }
        _ => out(&format!("{verdict:8} {name}: {}\n{detail}", case.about)),
    };
    if args.update {
        let updated = case.updated(bench, told.ear()).await.map_err(|error| broke(&error))?;
        if updated != text {
            let path = std::path::absolute(path).map_err(|error| Failure::machine(error, None))?;
            let file = File::public(path.to_string_lossy(), updated);
            host.ensure(&file).map_err(|error| {
                let hint = error.hint().map(str::to_owned);
                Failure::machine(error, hint)
            })?;
            tell("updated", String::new());
        } else {
            tell("same", String::new());
        }
        return Ok(true);
    }
    let verdict = case.run(bench, told.ear()).await;
    let differ = |header: (&str, &str), before: &str, after: &str| {
        TextDiff::from_lines(before, after).unified_diff().header(header.0, header.1).to_string()
    };
    match &verdict {
        Verdict::Passed => tell("ok", String::new()),
        Verdict::Differs { expected, found } => tell("FAILED", differ(("expected", "answered"), expected, found)),
        Verdict::Undecided { first, second } => {
            err(&format!("! {name}: the same question was answered in two ways\n"));
            tell("FAILED", differ(("first answer", "second answer"), first, second));
        }
        Verdict::Broke(error) => tell("FAILED", super::failed(error)),
    }
    Ok(verdict == Verdict::Passed)
}

/// The cases: `*.yaml` in the directory's `cases`, or in the directory itself.
fn cases(args: &TestArgs, host: &Node) -> Result<Vec<(String, String)>, Failure> {
    let inner = format!("{}/cases", args.directory);
    let directory = if host.is_dir(&inner) { inner } else { args.directory.clone() };
    let fail = |error: kubephase_node::FileError| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    };
    let mut files = Vec::new();
    for name in host.list(&directory).map_err(fail)? {
        let wanted = args.only.as_deref().is_none_or(|only| name.contains(only));
        if !wanted || !(name.ends_with(".yaml") || name.ends_with(".yml")) {
            continue;
        }
        let path = format!("{directory}/{name}");
        let text = host.read_text(&path).map_err(fail)?.unwrap_or_default();
        files.push((path, text));
    }
    if !files.is_empty() {
        return Ok(files);
    }
    let problem = Problem::error("", format!("there are no cases (*.yaml) in `{directory}`"));
    let problem = problem.hint("name the plugin's directory; `kubephase plugin new` writes one with a case");
    Err(Report { problems: vec![problem] }.into())
}

/// The component: as named, or the one that was built here.
fn component(args: &TestArgs, host: &Node) -> Result<String, Failure> {
    if let Some(component) = &args.component {
        return Ok(component.clone());
    }
    let below = |directory: &str| -> Vec<String> {
        let names = host.list(directory).unwrap_or_default();
        names.into_iter().filter(|name| name.ends_with(".wasm")).map(|name| format!("{directory}/{name}")).collect()
    };
    let found: Vec<String> =
        below(&args.directory).into_iter().chain(below(&format!("{}/target", args.directory))).collect();
    if let [component] = found.as_slice() {
        return Ok(component.clone());
    }
    let problem = match found.as_slice() {
        [] => Problem::error("--component", format!("there is no *.wasm in `{}` or its target", args.directory))
            .hint("build the plugin first, or name its component"),
        several => Problem::error("--component", format!("there are several: {}", several.join(", ")))
            .hint("name the one that is meant"),
    };
    Err(Report { problems: vec![problem] }.into())
}
