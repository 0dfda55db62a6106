//! The programs that container runtimes call for a pod network.

use kubephase_sdk::{Failure, files};

/// Those of the programs that the directory does not have.
///
/// # Errors
///
/// What [`files::look`] fails with: the programs' paths must be granted as `files`.
pub fn missing_programs<'a>(directory: &str, programs: &[&'a str]) -> Result<Vec<&'a str>, Failure> {
    let mut missing = Vec::new();
    for program in programs {
        if files::look(&format!("{directory}/{program}"))?.is_none() {
            missing.push(*program);
        }
    }
    Ok(missing)
}
