//! Problems and errors as text for people (with the lines of the file they are about) or as JSON, and exit codes.

use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use kubephase_model::report::Place;
use kubephase_model::{Problem, Severity};
use serde_json::{Value, json};

use crate::args::{Global, Output};
use crate::failure::Failure;
use crate::printer::{err, out};

/// A line longer than this is cut around the place.
const WINDOW: usize = 100;
/// More problems than this are counted, not told: nobody reads them, and a file that is no configuration has thousands.
const TOLD: usize = 50;
/// Fields whose lines are not shown: a token with a typing error is almost the token.
const SECRET: [&str; 4] = ["token", "tlsBootstrapToken", "certificateKey", "discoveryToken"];

/// What clap says about a command line: help goes to standard output and is no error.
pub fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;

    // `kubephase` alone asks for help; `kubephase init phase` has forgotten something.
    let alone = std::env::args_os().len() == 1;
    if alone && error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        out(&error.render().to_string());
        return ExitCode::SUCCESS;
    }
    // Nothing can be done about a closed standard error.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}

/// Data that did not reach its reader: a full disk behind `>`.
pub fn lost(error: &std::io::Error) -> ExitCode {
    let global = Global::default();
    error_text("cannot write to standard output", &[error.to_string()], None, &global);
    ExitCode::from(1)
}

/// Tells a failure and gives its exit code.
pub fn failure(failure: &Failure, global: &Global) -> ExitCode {
    match failure {
        Failure::Input(report) | Failure::Fault(report) => problems(&report.problems, global),
        Failure::Machine { told: true, .. } => {}
        Failure::Machine { error, hint, .. } => {
            let mut causes = Vec::new();
            let mut cause = error.source();
            while let Some(next) = cause {
                causes.push(next.to_string());
                cause = next.source();
            }
            error_text(&error.to_string(), &causes, hint.as_deref(), global);
        }
        Failure::Bug(message) => error_text(
            &format!("this should not happen: {message}"),
            &[],
            Some("please report it, with the command line and, if it has no secrets, the configuration"),
            global,
        ),
    }
    ExitCode::from(failure.code())
}

/// One error with its causes.
pub fn error_text(error: &str, causes: &[String], hint: Option<&str>, global: &Global) {
    if global.output == Output::Json {
        return out(&format!("{}\n", json!({ "event": "error", "error": error, "causes": causes, "hint": hint })));
    }
    let mut groups = vec![
        Group::with_title(Level::ERROR.primary_title(error))
            .elements(causes.iter().map(|cause| Level::NOTE.with_name("caused by").message(cause.as_str()))),
    ];
    if let Some(hint) = hint {
        groups[0] = std::mem::replace(&mut groups[0], Group::with_title(Level::ERROR.primary_title(error)))
            .element(Level::HELP.with_name("hint").message(hint));
    }
    err(&format!("{}\n", renderer().render(&groups)));
}

/// Every problem, with its place, and a count of the errors.
pub fn problems(problems: &[Problem], global: &Global) {
    let json = global.output == Output::Json;
    // Errors before warnings if not all are told.
    let mut told: Vec<&Problem> = problems.iter().collect();
    if told.len() > TOLD && !json {
        told.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
        told.truncate(TOLD);
    }
    for problem in &told {
        if json {
            out(&format!("{}\n", as_json(problem)));
        } else {
            err(&format!("{}\n", text(problem, &renderer())));
        }
    }
    if told.len() < problems.len() {
        err(&format!("… and {} more\n", problems.len() - told.len()));
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    if errors > 1 && global.output != Output::Json {
        err(&format!("{errors} errors\n"));
    }
}

fn as_json(problem: &Problem) -> Value {
    let place = problem.place.as_ref();
    json!({
        "event": "problem",
        "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
        "file": place.map(|place| &place.source.name),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
    })
}

fn renderer() -> Renderer {
    if crate::printer::colours(&std::io::stderr()) { Renderer::styled() } else { Renderer::plain() }
}

fn text(problem: &Problem, renderer: &Renderer) -> String {
    let level = if problem.severity == Severity::Error { Level::ERROR } else { Level::WARNING };
    let title = match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("{path}: {}", problem.message),
    };
    let mut group = Group::with_title(level.primary_title(title));
    let field = problem.path.rsplit('.').next().unwrap_or_default();
    let excerpt = problem.place.as_ref().filter(|_| !SECRET.contains(&field)).and_then(Excerpt::of);
    if let (Some(place), Some(excerpt)) = (&problem.place, &excerpt) {
        // Columns are counted in what is shown: of a line that is cut at its start, the place is told below.
        let path = (!excerpt.cut).then_some(place.source.name.as_str());
        let snippet = Snippet::source(excerpt.text.as_str()).line_start(place.line).path(path);
        group = group.element(snippet.annotation(AnnotationKind::Primary.span(excerpt.start..excerpt.end)));
    }
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    let mut text = renderer.render(&[group]);
    if let Some(place) = problem.place.as_ref().filter(|_| excerpt.as_ref().is_none_or(|excerpt| excerpt.cut)) {
        text.push_str(&format!("\n --> {}:{}:{}", place.source.name, place.line, place.column));
    }
    text
}

/// The line with stars in the place of secrets, which may stand beside what a problem is about.
fn without_secrets(line: &str) -> String {
    let mut line = line.to_owned();
    for field in SECRET {
        let mut at = 0;
        while let Some(found) = line[at..].find(field) {
            at += found + field.len();
            let Some(value) = line[at..].trim_start_matches(['"', '\'', ' ']).strip_prefix(':') else { continue };
            let value = value.trim_start_matches(['"', '\'', ' ']);
            let start = line.len() - value.len();
            let end = start + value.find([',', '{', '}', '[', ']', '"', '\'', ' ', '#']).unwrap_or(value.len());
            let stars = "*".repeat(line[start..end].chars().count());
            line.replace_range(start..end, &stars);
        }
    }
    line
}

/// The part of a line that a problem is about, in bytes of `text`.
struct Excerpt {
    text: String,
    /// It begins in the middle of the line.
    cut: bool,
    start: usize,
    end: usize,
}

impl Excerpt {
    fn of(place: &Place) -> Option<Self> {
        let line = place.source.text.lines().nth(place.line.checked_sub(1)?)?;
        let line = &without_secrets(line.trim_start_matches('\u{feff}'));
        let column = place.column.saturating_sub(1);
        let skip = column.saturating_sub(WINDOW / 2);
        // Control characters would play with the terminal; tabs have a width of their own.
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = line.chars().skip(skip).take(WINDOW).map(clean).collect();
        let byte = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
        let (start, end) = (byte(column - skip), byte(column - skip + place.len.max(1)));
        Some(Self { start, end: end.max(start), cut: skip > 0, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_beside_a_problem_are_not_shown() {
        for (line, shown) in [
            (
                "discovery: {tlsBootstrapToken: abcdef.0123456789abcdef}",
                "discovery: {tlsBootstrapToken: ***********************}",
            ),
            ("- token: \"abc.d\" # mine", "- token: \"*****\" # mine"),
            (
                "{\"token\":\"abc\",\"ttl\":\"1h\",\"certificateKey\": \"00\"}",
                "{\"token\":\"***\",\"ttl\":\"1h\",\"certificateKey\": \"**\"}",
            ),
            (
                "bootstrapToken: {token: ä, apiServerEndpoint: 'h:1'}",
                "bootstrapToken: {token: *, apiServerEndpoint: 'h:1'}",
            ),
            ("description: the token of w9", "description: the token of w9"),
            ("token:", "token:"),
        ] {
            assert_eq!(without_secrets(line), shown);
        }
    }
}
