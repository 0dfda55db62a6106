//! One key for all control-plane nodes: only the first node makes one, every other one must have it already.
//!
//! Two keys in one cluster would be a disaster that shows late: each API server stores what the others cannot read.

use kubephase_sdk::prelude::*;

use crate::Settings;

/// What this node is to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first node, which makes it.
    Maker,
    /// A further control-plane node, or one that is there already.
    Holder,
    /// A node without an API server.
    None,
}

/// Asks the facts. Without them nothing can be done safely, so they are needed.
pub fn part() -> Result<Part, Failure> {
    let cluster = facts::cluster()?;
    Ok(part_of(&cluster.workflow, &cluster.role))
}

fn part_of(workflow: &str, role: &str) -> Part {
    match (workflow, role) {
        ("init", _) => Part::Maker,
        (_, "control-plane") => Part::Holder,
        _ => Part::None,
    }
}

/// Whether a node that must hold the key has it, as far as that may be seen.
pub fn check(settings: &Settings) -> Result<Vec<Finding>, Failure> {
    if part()? != Part::Holder {
        return Ok(Vec::new());
    }
    let directory = settings.directory()?;
    let copy = format!("copy {} from a control-plane node, with mode 0600 and owned by root", settings.file);
    let finding = match files::look(directory) {
        Ok(Some(_)) => return Ok(Vec::new()),
        Ok(None) => Finding::error("KeyMissing", format!("{directory} does not exist"))
            .expected("the EncryptionConfiguration of the cluster's first node"),
        Err(failure) => {
            Finding::warning("KeyUnseen", format!("cannot see whether {directory} exists: {}", failure.message))
                .expected("the EncryptionConfiguration of the cluster's first node")
        }
    };
    Ok(vec![finding.remedy(copy)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_init_makes_a_key() {
        assert_eq!(part_of("init", "control-plane"), Part::Maker);
        assert_eq!(part_of("join", "control-plane"), Part::Holder);
        assert_eq!(part_of("upgrade", "control-plane"), Part::Holder);
        assert_eq!(part_of("join", "worker"), Part::None);
    }
}
