//! Why images could not be pulled, bundled or loaded, with what to do about it.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use kubephase_node::{ContainerdError, CriError, FileError};

/// Something about images did not work.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The container runtime does not answer.
    #[error(transparent)]
    Cri(#[from] CriError),
    /// containerd does not do what it should.
    #[error(transparent)]
    Containerd(#[from] ContainerdError),
    /// Some images could not be pulled. Each has been told already.
    #[error("cannot pull {} of {total} images: {}", images.len(), images.join(", "))]
    Pull {
        /// Those.
        images: Vec<String>,
        /// How many were to be pulled.
        total: usize,
        /// What to do about the first.
        remedy: &'static str,
    },
    /// The store lacks images.
    #[error("containerd lacks {} of {total} images: {}", missing.len(), missing.join(", "))]
    Missing {
        /// Those.
        missing: Vec<String>,
        /// How many are needed.
        total: usize,
    },
    /// The store lacks parts of images, or has what is broken.
    #[error("containerd's store does not have all of these images")]
    Incomplete {
        /// Each part.
        #[source]
        problems: Problems,
    },
    /// The bundle is not there.
    #[error("the bundle {0} does not exist")]
    NoBundle(String),
    /// What is given is no bundle, or a broken one.
    #[error("cannot load {path}: nothing was loaded")]
    Broken {
        /// The file.
        path: String,
        /// Everything that is wrong with it.
        #[source]
        problems: Problems,
    },
    /// What containerd gave does not have the digest it is filed under.
    #[error(
        "containerd's content {digest} does not have this digest, or not the size of {size} bytes: its store is damaged"
    )]
    Damaged {
        /// The digest that it should have.
        digest: String,
        /// The size that it should have.
        size: u64,
    },
    /// The user has had enough.
    #[error("interrupted")]
    Interrupted {
        /// How things are now.
        state: &'static str,
    },
}

/// Several things that are wrong, each once and one a line. Whatever they are about may be hostile, so there are never
/// more of them, nor longer ones, than anybody would read.
#[derive(Debug, Default)]
pub struct Problems {
    told: Vec<String>,
    /// Of all that came, told or not.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Problems {
    /// The most that are told.
    const TOLD: usize = 50;
    /// The most characters of one.
    const LENGTH: usize = 1000;

    /// Adds one more, unless it is there.
    pub fn push(&mut self, problem: impl Into<String>) {
        let problem = problem.into();
        if !self.seen.insert(self.hasher.hash_one(&problem)) || self.told.len() >= Self::TOLD {
            return;
        }
        let cut = problem.char_indices().nth(Self::LENGTH).map(|(at, _)| &problem[..at]);
        self.told.push(cut.map_or_else(|| problem.clone(), |start| format!("{start}…")));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Those that are told.
    pub fn told(&self) -> &[String] {
        &self.told
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told.join("\n"))?;
        match self.seen.len() - self.told.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

impl ImagesError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint().map(Into::into),
            Self::Cri(error) => error.hint(),
            Self::Containerd(error) => error.hint(),
            Self::Pull { remedy, .. } => Some((*remedy).into()),
            Self::Missing { .. } => Some(
                "pull them with `kubephase config images pull`, with the same --config or --kubernetes-version".into(),
            ),
            Self::Incomplete { .. } => Some(
                "fetch them anew with `ctr -n k8s.io content fetch IMAGE` (for --all-platforms with the same flag); \
                 layers are missing if containerd is configured with discard_unpacked_layers"
                    .into(),
            ),
            Self::NoBundle(_) => Some("make it with `kubephase images bundle` on a machine that has the images".into()),
            Self::Broken { .. } => Some(
                "give a whole and unchanged file of `kubephase images bundle`, which has printed the file's digest, \
                     or of `ctr images export`"
                    .into(),
            ),
            Self::Damaged { .. } => Some("remove the image with `ctr -n k8s.io images rm` and pull it again".into()),
            Self::Interrupted { state } => Some((*state).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_told_than_anybody_reads() {
        let mut problems = Problems::default();
        for number in (0..100_000).chain(0..100_000) {
            problems.push(format!("problem {number}"));
        }
        let text = problems.to_string();
        assert_eq!(text.lines().count(), Problems::TOLD + 1);
        assert!(text.starts_with("problem 0\nproblem 1\n") && text.ends_with("\nand 99950 more"), "{text}");
        let mut problems = Problems::default();
        problems.push("ä".repeat(10_000_000));
        problems.push("short");
        assert_eq!(problems.to_string(), format!("{}…\nshort", "ä".repeat(Problems::LENGTH)));
    }
}
