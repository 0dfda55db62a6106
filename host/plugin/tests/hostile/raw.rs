//! Components that no compiler would make, and what must become of each: most are stopped while they are loaded.

use std::time::{Duration, Instant};

use kubephase_plugin::{CompiledCache, Export, LoadError, Question, Workbench};
use kubephase_workflow::extension::ExtensionFailure::{Invalid, Memory, Timeout, TooLarge, Trap};
use serde_json::{Value, json};

use super::bench::{Attack, Bench, component, is_plain, world};
use super::expect::Expect::{self, Fault, Harmless};

/// A row.
pub struct Row {
    /// Its source below `raw/`, without `.wat`.
    pub component: &'static str,
    stopped: Stopped,
}

enum Stopped {
    /// While it is loaded: by an error of this kind, which says this.
    Loading(fn(&LoadError) -> bool, &'static [&'static str]),
    /// When it is called.
    Calling(Expect),
}

use Stopped::{Calling, Loading};

const fn row(component: &'static str, stopped: Stopped) -> Row {
    Row { component, stopped }
}

const FINE: Stopped = Calling(Harmless(|outcome, _| outcome.proposal.findings.is_empty()));
const LATE: Stopped = Calling(Fault(Timeout, "it took longer than 300 ms"));
const MEMORY: Stopped = Calling(Fault(Memory, "it wanted more than the 64 MiB of memory that it may have"));

fn is_described(error: &LoadError) -> bool {
    matches!(error, LoadError::Describe { .. }) && error.is_fault()
}

fn is_wrong(error: &LoadError) -> bool {
    matches!(error, LoadError::Description(_)) && error.is_fault()
}

fn is_unknown(error: &LoadError) -> bool {
    matches!(error, LoadError::Unknown(_)) && !error.is_fault()
}

pub const ROWS: &[Row] = &[
    row("spin-start", Loading(is_described, &["it cannot describe itself: it took longer than 1 s"])),
    row("spin-describe", Loading(is_described, &["it cannot describe itself: it took longer than 1 s"])),
    row("spin-realloc", LATE),
    row("spin-post-return", LATE),
    row("fill-forever", LATE),
    row("panic-everywhere", Loading(is_described, &["it cannot describe itself: it gave up"])),
    row("core-module", Loading(|error| matches!(error, LoadError::NotAComponent(_)), &["a core module"])),
    row("no-metadata", Loading(is_unknown, &["it does not export `kubephase:plugin/metadata`"])),
    row("no-kind", Loading(is_unknown, &["it exports none of `preflight`"])),
    row("newer-version", Loading(is_unknown, &["`kubephase:plugin/metadata@0.2.0`", "version 0.1 of"])),
    row("unknown-import", Loading(is_unknown, &["`hostile:raw/shell@0.1.0`, which no plugin is given"])),
    row("unknown-export", FINE),
    row("lie-name", FINE),
    row("bad-name", Loading(is_wrong, &["its name `../../etc/\u{fffd}]0;x\u{fffd}` is not lower case letters"])),
    row("lie-schema", Loading(is_wrong, &["the schema of its settings is not valid"])),
    row("schema-text", Loading(is_wrong, &["settings-schema is not JSON"])),
    row("schema-reference", Loading(is_wrong, &["`$ref: file:///etc/passwd` leads out of it"])),
    row("schema-pattern", Loading(is_wrong, &["the schema of its settings is not valid"])),
    row("schema-backtrack", Loading(is_wrong, &["the schema of its settings is not valid"])),
    row("lie-wants", FINE),
    row("claim-gigabyte", Calling(Fault(Invalid, "out of bounds"))),
    row("claim-findings", Calling(Fault(Invalid, "out of bounds"))),
    row("bad-pointer", Calling(Fault(Invalid, "out of bounds"))),
    row("lie-realloc", Calling(Fault(Trap, "realloc return: beyond end of memory"))),
    row("shared-strings", Calling(Fault(TooLarge, "it handed over more than the 4096 KiB that it may"))),
    row("not-utf8", Calling(Fault(Invalid, "it handed over text that is not UTF-8"))),
    row("bad-severity", Calling(Fault(Invalid, "unexpected discriminant"))),
    row("memory-declared", Loading(is_described, &["it wanted more than the 64 MiB of memory"])),
    row("memory-many", Loading(is_described, &["it wanted more than the 64 MiB of memory"])),
    row("memory-grow", MEMORY),
    row("table-bomb", Calling(Fault(Memory, "it wanted more than the 20000 table elements that it may have"))),
];

fn attack(row: &Row) -> Attack {
    let mut attack = Attack::raw(&format!("hostile-{}", row.component));
    if let Calling(Fault(Timeout, _)) = row.stopped {
        attack.timeout = Duration::from_millis(300);
    }
    attack
}

#[tokio::test]
async fn every_component_is_stopped() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let mut faults = Vec::new();
    for row in ROWS {
        let attack = attack(row);
        let found = match &row.stopped {
            Calling(expect) => {
                let seen = bench.attack(&attack).await;
                seen.faults(&attack).into_iter().chain(expect.faults(&seen, "")).collect()
            }
            Loading(is, says) => loading(bench, &attack, *is, says).await,
        };
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", row.component)));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

async fn loading(bench: &Bench, attack: &Attack, is: fn(&LoadError) -> bool, says: &[&str]) -> Vec<String> {
    let start = Instant::now();
    let refused = match bench.load(attack, world(), std::sync::Arc::new(|_, _| ())).await {
        Ok(_) => return vec!["is loaded".to_owned()],
        Err(refused) => refused,
    };
    let mut faults = Vec::new();
    if start.elapsed() > Duration::from_secs(10) {
        faults.push(format!("took {:?}", start.elapsed()));
    }
    // It alone is refused, by the operator's name for it.
    let [only] = refused.as_slice() else { return vec![format!("{refused:?}")] };
    if (only.index, &*only.plugin) != (0, &*attack.component) {
        faults.push(format!("blames {} ({})", only.plugin, only.index));
    }
    let (message, hint) = (only.error.to_string(), only.error.hint());
    if !is(&only.error) {
        faults.push(format!("is {:?}", only.error));
    }
    faults.extend(says.iter().filter(|says| !message.contains(**says)).map(|says| format!("not `{says}`: {message}")));
    faults.extend(
        [&message, &hint].iter().filter(|text| !is_plain(text) || text.is_empty()).map(|text| format!("{text:?}")),
    );
    faults
}

/// What it wants without saying so is asked for all the same, before any of it runs.
#[tokio::test]
async fn what_is_imported_is_asked_for_whatever_is_said() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let mut attack = Attack::raw("hostile-lie-wants");
    attack.grants = json!({});
    let refused = bench.load(&attack, world(), std::sync::Arc::new(|_, _| ())).await.expect_err("not granted");
    let [only] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!(only.error.to_string(), "it needs `files`, `probe`, which are not granted");
    assert!(!only.error.is_fault());
    assert_eq!(only.error.hint(), "if that is what you want, add to `grants` of its entry: files: […]; probe: […]");
}

/// Settings that a pattern would choke on are refused as quickly as others.
#[tokio::test]
async fn no_pattern_takes_long() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    for name in ["hostile-schema-pattern", "hostile-schema-backtrack"] {
        let start = Instant::now();
        let bytes = component(name).expect("a component");
        let ear: kubephase_plugin::Ear = std::sync::Arc::new(|_, _| ());
        if let Ok(plugin) = Workbench::load(bytes, &CompiledCache::none(), ear.clone()).await {
            let question = Question {
                export: Export::Check,
                target: String::new(),
                document: Value::Null,
                settings: json!({ "text": "a".repeat(60) }),
                grants: None,
                entry: kubephase_model::plugin::PluginEntry::default(),
            };
            drop(plugin.ask(&question, world(), ear).await);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{name} took {:?}", start.elapsed());
    }
}
