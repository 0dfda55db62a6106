//! Every state that a kill can leave, made by hand: kills of a clock hit few of them. Files get into place one by one
//! in a known order, after the journal that lists them.

use crate::sandbox::{CONFIG, Sandbox};

#[test]
fn every_first_part_is_completed() {
    const TEST: &str = "cut_off::every_first_part_is_completed";
    let Some(sandbox) = Sandbox::new(TEST, CONFIG) else { return };
    let order: Vec<String> =
        sandbox.complete().into_iter().map(|(_, path)| path.trim_start_matches('/').to_owned()).collect();
    let files = sandbox.files();
    let written: Vec<&String> =
        order.iter().filter(|path| files.get(*path).is_some_and(|(_, _, c)| c.is_some())).collect();
    assert!(written.len() > 30, "{written:?}");
    for done in 0..=written.len() {
        let part = &written[..done];
        let there = |path: &str| path == "var/lib/kubephase/journal.json" || part.iter().any(|done| *done == path);
        let Some(cut_off) = sandbox.with(TEST, &files, there) else { return };
        let changes = cut_off.complete();
        let after = cut_off.files();
        assert_eq!(after.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>(), "after {part:?}");
        for path in part {
            assert!(after[*path] == files[*path], "{path} was written again after {done} files");
        }
        let created: Vec<_> =
            changes.iter().filter(|(kind, _)| kind == "created").map(|(_, path)| &path[1..]).collect();
        for path in &written[done..] {
            assert!(created.contains(&path.as_str()), "{path} was not told after {done} files");
        }
    }
}
