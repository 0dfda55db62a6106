//! `completion`: made from the grammar.

use clap::ArgMatches;
use clap_complete::Shell;

use crate::args;
use crate::failure::{Failure, Outcome};
use crate::printer::out;

pub fn run(matches: &ArgMatches) -> Outcome {
    let shell = match matches.get_one::<String>("shell").map(String::as_str) {
        Some("bash") => Shell::Bash,
        Some("zsh") => Shell::Zsh,
        Some("fish") => Shell::Fish,
        _ => return Err(Failure::Bug("a shell of the grammar has no generator".into())),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "kubephase", &mut script);
    out(&String::from_utf8_lossy(&script));
    Ok(())
}
