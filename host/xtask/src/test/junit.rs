//! Reads the part of nextest's JUnit record that the summary needs: counts, and what tests said about skipping.
//! Not a reader of XML: it knows the lines that nextest writes.

use std::collections::BTreeMap;

/// What a run of the tests left.
#[derive(Debug, Default, PartialEq)]
pub struct Record {
    /// Tests that ran.
    pub tests: usize,
    /// Those that failed.
    pub failed: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Tests that said they could not test anything, or not everything, and why.
    pub skipped: Vec<(String, String)>,
}

impl Record {
    /// Tests by reason.
    pub fn skipped_by_reason(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (test, why) in &self.skipped {
            reasons.entry(why).or_default().push(test);
        }
        reasons
    }
}

/// Reads it.
pub fn read(text: &str) -> Record {
    let mut record = Record::default();
    let mut test = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("<testsuites ") {
            record.tests = number(line, "tests") as usize;
            record.failed = (number(line, "failures") + number(line, "errors")) as usize;
            record.seconds = number(line, "time");
        } else if line.starts_with("<testcase ") {
            test = format!("{} {}", attribute(line, "classname"), attribute(line, "name"));
        }
        // The first line of what a test wrote stands behind its tag.
        let said = line.rsplit_once("<system-err>").or_else(|| line.rsplit_once("<system-out>"));
        let said = said.map_or(line, |(_, said)| said);
        if said.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("skipped")) {
            // `SKIPPED <test>: <why>` or `skipped: <why>`.
            let why = said.split_once(": ").map_or(said, |(_, why)| why);
            let why = why.split("</system-").next().unwrap_or(why);
            if record.skipped.last().is_none_or(|(last, _)| *last != test) {
                record.skipped.push((test.clone(), unescape(why)));
            }
        }
    }
    record
}

fn attribute<'a>(line: &'a str, name: &str) -> &'a str {
    let start = format!(" {name}=\"");
    line.split_once(&start).and_then(|(_, rest)| rest.split_once('"')).map_or("", |(value, _)| value)
}

fn number(line: &str, name: &str) -> f64 {
    attribute(line, name).parse().unwrap_or(0.0)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_reasons_are_read() {
        let record = read(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="4" failures="1" errors="0" uuid="0" timestamp="2026-01-01T00:00:00Z" time="12.345">
    <testsuite name="kubephase::conformance" tests="4" disabled="0" errors="0" failures="1">
        <testcase name="live::a" classname="kubephase::conformance" time="0.1">
            <system-out>
running 1 test
</system-out>
            <system-err>SKIPPED live::a: set KUBEADM to a &quot;kubeadm&quot;
SKIPPED live::a: a second reason of the same test
</system-err>
        </testcase>
        <testcase name="b" classname="kubephase::conformance" time="0.1">
            <system-err>skipped: only root may</system-err>
        </testcase>
        <testcase name="c" classname="kubephase::conformance" time="0.1"/>
        <testcase name="d" classname="kubephase::conformance" time="0.1">
            <failure type="test failure">thread panicked</failure>
        </testcase>
    </testsuite>
</testsuites>"#,
        );
        assert_eq!((record.tests, record.failed, record.seconds), (4, 1, 12.345));
        assert_eq!(
            record.skipped,
            [
                ("kubephase::conformance live::a".into(), "set KUBEADM to a \"kubeadm\"".into()),
                ("kubephase::conformance b".into(), "only root may".into()),
            ]
        );
    }
}
