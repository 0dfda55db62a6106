//! Reading files of the node. Granted by path, as `files`: absolute paths, in which `*` stands for anything within one part
//! and `**` for any number of parts.

pub use crate::bindings::base::kubephase::plugin::files::Stat;

use crate::Failure;
use crate::bindings::base::kubephase::plugin::files as imported;
use crate::host::ask;

/// The whole contents: at most 1 MiB.
///
/// # Errors
/// `denied`, `not-found`, `too-large`, or `other` if it cannot be read.
pub fn read(path: &str) -> Result<Vec<u8>, Failure> {
    ask!(imported::read(path))
}

/// The same as text.
///
/// # Errors
/// As [`read`], and `invalid` if it is not UTF-8.
pub fn read_text(path: &str) -> Result<String, Failure> {
    ask!(imported::read_text(path))
}

/// The same as text; nothing if there is no such file.
///
/// # Errors
/// As [`read_text`], without `not-found`.
pub fn read_text_if_there(path: &str) -> Result<Option<String>, Failure> {
    match read_text(path) {
        Err(failure) if failure.code == "not-found" => Ok(None),
        other => other.map(Some),
    }
}

/// Names in a directory, sorted: at most 10 000. Only names whose path is granted, or lies above a granted one.
///
/// # Errors
/// `denied`, `not-found`, `too-large`, or `other` if it cannot be listed.
pub fn list_directory(path: &str) -> Result<Vec<String>, Failure> {
    ask!(imported::list_directory(path))
}

/// What is there; nothing if nothing is.
///
/// # Errors
/// `denied`, or `other` if it cannot be looked at.
pub fn look(path: &str) -> Result<Option<Stat>, Failure> {
    ask!(imported::look(path))
}
