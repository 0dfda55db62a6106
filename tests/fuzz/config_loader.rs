//! Reads any bytes as a configuration file, for every command, resolves and validates what is in it, and checks what
//! must hold of every report.

use kubephase_model::config::load::{self, Command};
use kubephase_model::config::resolve;
use kubephase_model::{Facts, Report};

/// Every way in which a configuration is read.
const COMMANDS: [Command; 6] =
    [Command::Init, Command::Join, Command::Reset, Command::Upgrade, Command::Validate, Command::Migrate];

/// Panics if one of these does, or if one of its problems cannot be shown.
pub fn run(bytes: &[u8]) {
    for command in COMMANDS {
        let mut report = Report::default();
        match load::source("fuzz.yaml", bytes.to_vec(), &mut report) {
            Some(source) => {
                let documents = load::load(&source, command, &mut report);
                let lookup = |_: &str| Err("no network".to_string());
                let facts = Facts { hostname: "node".to_string(), ..Facts::default() };
                resolve::check_all(&documents, &facts, &lookup, &mut |bytes| bytes.fill(7), &mut report);
            }
            None => assert!(report.has_errors(), "no text and no reason"),
        }
        check(&report);
    }
}

fn check(report: &Report) {
    for problem in &report.problems {
        let shown = problem.to_string();
        assert!(!problem.message.is_empty(), "a problem without a message");
        let Some(place) = &problem.place else { continue };
        assert!(place.line >= 1 && place.column >= 1 && place.len >= 1, "{shown}: places count from 1");
        let text = place.source.text.strip_prefix('\u{feff}').unwrap_or(&place.source.text);
        // One more than there are: where the text ends too early.
        // YAML also breaks lines at a lone carriage return.
        let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count() + 1;
        assert!(place.line <= lines, "{shown}: the file has {lines} lines");
    }
}
