//! That no attack is forgotten: the rows, the README and the components know the same ones.

use std::collections::BTreeSet;
use std::path::Path;

use kubephase_plugin::{CompiledCache, Workbench};

use super::bench::{Bench, component};
use super::{raw, table};

/// Names in the first columns of the README's tables: those of the component, and those of `raw/`.
fn readme() -> (BTreeSet<String>, BTreeSet<String>) {
    let text = include_str!("../../../../plugins/hostile/README.md");
    let (attacks, raw) = text.split_once("\n## raw/\n").expect("two parts");
    let names = |text: &str| {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let columns = rows.map(|(first, _)| first);
        columns.flat_map(|column| column.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    (names(attacks), names(raw))
}

#[test]
fn the_rows_are_those_of_the_readme() {
    let (attacks, components) = readme();
    let rows: BTreeSet<String> = table::ROWS.iter().map(|row| row.attack.to_owned()).collect();
    assert_eq!(rows, attacks);
    let rows: BTreeSet<String> = raw::ROWS.iter().map(|row| row.component.to_owned()).collect();
    assert_eq!(rows, components);
}

#[tokio::test]
async fn the_rows_are_what_the_component_can_do() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let bytes = component("hostile").expect("a component");
    let hostile = Workbench::load(bytes, &CompiledCache::none(), std::sync::Arc::new(|_, _| ())).await.expect("loads");
    let schema = hostile.description().settings_schema.as_ref().expect("a schema");
    let known = schema["properties"]["attack"]["enum"].as_array().expect("a list");
    let known: BTreeSet<&str> = known.iter().map(|name| name.as_str().expect("a name")).collect();
    let rows: BTreeSet<&str> = table::ROWS.iter().map(|row| row.attack).collect();
    assert_eq!(rows, known, "`cargo xtask plugins hostile` builds it anew");
}

#[test]
fn the_rows_are_the_sources_in_raw() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/hostile/raw");
    let files = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("readable").path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "wat"));
    let known: BTreeSet<String> =
        sources.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    let rows: BTreeSet<String> = raw::ROWS.iter().map(|row| row.component.to_owned()).collect();
    assert_eq!(rows, known);
}
