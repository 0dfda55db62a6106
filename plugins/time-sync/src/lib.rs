//! Checks that something keeps the clock right, and that it is right: certificates begin in the future where it is not,
//! tokens expire too soon, and members of etcd complain of each other.
//!
//! `daemon` judges what keeps the clock, `offset` by how much it is off. Both are pure; what is asked is asked here.

mod daemon;
mod duration;
mod offset;
mod settings;

use kubephase_sdk::prelude::*;

use offset::Answer;
use settings::Settings;

struct TimeSync;

impl Plugin for TimeSync {
    type Settings = Settings;

    fn describe() -> Description {
        let about = "Checks that something keeps the clock right, and that it is right";
        Description::new("time-sync", env!("CARGO_PKG_VERSION"), about)
            .settings_schema(include_str!("../settings.schema.json"))
            // Servers are the operator's, and so are their grants.
            .wants("probe", ["clock-state"], "see what keeps the clock and what the kernel believes of it")
    }
}

impl Preflight for TimeSync {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        let clock = probe::clock_state();
        let ask = |server: &String| Answer { server: server.clone(), offset: probe::clock_offset(server) };
        let answers: Vec<Answer> = settings.servers.iter().map(ask).collect();
        let mut findings = match &clock {
            Ok(clock) => daemon::judge(&settings, clock, offset::is_right(&settings, &answers)),
            Err(failure) => {
                vec![Finding::cannot_tell("Synchronised", "whether something keeps the clock right", failure)]
            }
        };
        findings.extend(offset::judge(&settings, clock.as_ref().ok(), &answers));
        Ok(findings)
    }
}

kubephase_sdk::export!(TimeSync: preflight);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_to_paste() {
        let readme = include_str!("../README.md");
        for scope in TimeSync::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
    }
}
