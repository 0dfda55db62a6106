//! Checks that the disk for etcd is fast, large and local: a slow one makes leaders change and the API server time out,
//! days after the node has joined.
//!
//! `latency` measures, `place` looks at file systems and disks; what judges in them is pure.

mod amount;
mod latency;
mod place;
mod settings;

use kubephase_sdk::prelude::*;

use settings::Settings;

/// etcd's advice on hardware.
const LINK: &str = "https://etcd.io/docs/v3.6/op-guide/hardware/";

struct EtcdDisk;

impl Plugin for EtcdDisk {
    type Settings = Settings;

    fn describe() -> Description {
        let about = "Checks that the disk for etcd is fast, large and local";
        Description::new("etcd-disk", env!("CARGO_PKG_VERSION"), about)
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["cluster"], "learn where etcd keeps its data")
            .wants("facts", ["mounts", "block-devices"], "see which file system and which disk that is")
            .wants(
                "probe",
                // The directory is made later, so the one above it is measured.
                ["fdatasync:/var/lib/etcd", "fdatasync:/var/lib"],
                "measure how long it takes until a write is on the disk",
            )
    }
}

impl Preflight for EtcdDisk {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        let data = match facts::cluster() {
            Ok(cluster) => cluster.etcd_data_dir,
            Err(failure) => {
                return Ok(vec![Finding::cannot_tell("DataDirectory", "where etcd keeps its data", &failure)]);
            }
        };
        if data.is_empty() {
            // A worker, or etcd is elsewhere.
            return Ok(Vec::new());
        }
        let log = if settings.wal_directory.is_empty() { &data } else { &settings.wal_directory };
        let measured = latency::measure(log, settings.writes);
        let mut findings = latency::judge(&settings, &measured);
        let is_fast = latency::is_fast(&settings, &measured);
        findings.extend(place::judge(&settings, &data, log, is_fast, &place::look()));
        Ok(findings)
    }
}

kubephase_sdk::export!(EtcdDisk: preflight);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_to_paste() {
        let readme = include_str!("../README.md");
        for scope in EtcdDisk::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
    }
}
