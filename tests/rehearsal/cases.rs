//! Every configuration that was recorded with kubeadm can be rehearsed: other ports and paths, dual stack, an external
//! etcd, users of their own for components, patches.

use std::fs;

use crate::place::Place;
use crate::support::fixtures;

#[test]
fn every_recorded_configuration_comes_up() {
    let mut rehearsed = 0;
    for entry in fs::read_dir(fixtures().join("golden/v1.36")).expect("recordings") {
        let case = entry.expect("an entry").path();
        let Ok(config) = fs::read_to_string(case.join("config.yaml")) else { continue };
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let place = Place::with(&config.replace("CASE", &case.display().to_string()));
        // Whoever may not read the repository cannot bring its patches.
        let outcome = place.rehearse_as_we_are(&[]);
        assert_eq!(outcome.code, Some(0), "{name}\n{outcome}");
        assert_eq!(place.left(), Vec::<String>::new(), "{name}");
        rehearsed += 1;
    }
    assert!(rehearsed > 12, "{rehearsed}");
}
