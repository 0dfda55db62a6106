//! kubephase: parse, run, report, exit code; nothing else. This crate is the composition root: the only code that sees
//! everything, and the only code that prints.

mod args;
mod commands;
mod failure;
mod input;
mod plugins;
mod printer;
mod report;
mod runs;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    let argv = args::normalise(std::env::args_os());
    let matches = match args::command().try_get_matches_from(argv) {
        Ok(matches) => matches,
        Err(error) => return report::usage(&error),
    };
    let global = args::Global::of(&matches);
    match commands::run(&matches, &global) {
        Ok(()) => match printer::lost() {
            None => ExitCode::SUCCESS,
            Some(error) => report::lost(error),
        },
        Err(failure) => report::failure(&failure, &global),
    }
}
