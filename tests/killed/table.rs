//! The test: which kills there are, which of them are tried, and what became of them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::time::Instant;

use crate::ground::{Ground, Kill, Ran, Workflow};
use crate::state::{self, State, is_leftover};
use crate::trace::Cut;
use crate::whole;

/// Set to try every kill. Otherwise as many of each kind are, spread evenly, and joins at every boundary.
const ALL: &str = "KUBEPHASE_EVERY_KILL";

/// The table's rows for a workflow, with how many are tried on an ordinary day.
const KINDS: [(&str, usize); 5] = [
    ("as a phase begins or has ended", 6),
    ("before a call that changes a file", 8),
    ("with half of a file's contents written", 3),
    ("before a request is carried out", 4),
    ("before a request's answer is read", 4),
];

/// Kinds of kills, in the order of the rows.
fn kills(kind: usize, undisturbed: &Undisturbed) -> Vec<Kill> {
    let writes = undisturbed.files.calls.iter().filter(|call| call.writes).count();
    match kind {
        0 => (0..undisturbed.watched.boundaries).map(Kill::Boundary).collect(),
        1 => (0..undisturbed.files.calls.len()).map(|n| Kill::File(Cut::Before(n))).collect(),
        2 => (0..writes).map(|n| Kill::File(Cut::Half(n))).collect(),
        3 => (0..undisturbed.watched.requests).map(|n| Kill::Request(n, false)).collect(),
        _ => (0..undisturbed.watched.requests).map(|n| Kill::Request(n, true)).collect(),
    }
}

/// Runs that nobody has killed.
struct Undisturbed {
    watched: Ran,
    files: Ran,
    state: State,
}

impl Undisturbed {
    fn of(workflow: Workflow) -> Self {
        let (first, second) = (Ground::new(workflow), Ground::new(workflow));
        let watched = first.run(Kill::Never);
        assert!(watched.succeeded, "{}", watched.said);
        let files = second.run(Kill::File(Cut::Never));
        assert!(files.succeeded, "{}", files.said);
        let state = state::of(&first);
        let differences = state::differences(&state, &state::of(&second));
        assert!(differences.is_empty(), "two undisturbed runs differ: {}", differences.join("\n"));
        assert!(files.calls.len() > 20 && watched.boundaries > 4, "nothing was seen: {watched:?}");
        Self { watched, files, state }
    }
}

/// Kills one run and runs it again. Where it was killed, or what is wrong.
fn tried(workflow: Workflow, kill: Kill, wanted: &State) -> Result<Option<String>, String> {
    let ground = Ground::new(workflow);
    let root = ground.machine().root();
    let killed = ground.run(kill);
    let Some(at) = killed.killed_at else {
        return if killed.succeeded {
            Ok(None)
        } else {
            Err(format!("{kill:?}: it failed by itself\n{}", killed.said))
        };
    };
    let wrong = |what: &str| Err(format!("{} killed {at}: {what}", workflow.name()));
    let left = state::bytes(root);
    for (path, (mode, contents)) in left.iter().filter(|(path, _)| !is_leftover(path)) {
        if path.starts_with("etc/kubernetes/") || path == "var/lib/kubephase/journal.json" {
            let text = String::from_utf8_lossy(contents);
            if path.ends_with(".conf") && !text.contains("client-certificate-data") {
                // The kubelet's, with a token or with the names of files.
                serde_yaml::from_str::<serde_json::Value>(&text).expect("a whole kubeconfig");
                assert!(text.ends_with('\n'), "{path}: no end");
            } else {
                whole::check(path, contents);
            }
            // The pretended kubelet is not as careful with its own.
            let is_kubeconfig = path.ends_with(".conf") && !path.ends_with("/kubelet.conf");
            let is_private = path.ends_with(".key") || is_kubeconfig || path.contains("/manifests/");
            if is_private && *mode != 0o600 {
                return wrong(&format!("{path} has mode {mode:o}"));
            }
        }
    }
    let again = ground.run(Kill::Never);
    if !again.succeeded {
        return wrong(&format!("running it again fails\n{}\n{}", again.said, ground.kubelet_log()));
    }
    let now = state::bytes(root);
    if let Some(path) = now.keys().find(|path| is_leftover(path)) {
        return wrong(&format!("{path} is left over"));
    }
    for (path, (_, contents)) in left.iter().filter(|(path, _)| path.contains("kubernetes/pki/") && !is_leftover(path))
    {
        if now.get(path).is_none_or(|(_, now)| now != contents) {
            return wrong(&format!("{path} was made anew"));
        }
    }
    let differences = state::differences(wanted, &state::of(&ground));
    if !differences.is_empty() {
        return wrong(&format!("it is not what an undisturbed run leaves\n{}", differences.join("\n")));
    }
    Ok(Some(at))
}

/// A row of the table.
#[derive(Clone, Default)]
struct Row {
    points: usize,
    tried: usize,
    killed: usize,
    recovered: usize,
}

#[test]
fn every_kill_is_recovered_from() {
    let begun = Instant::now();
    let all = std::env::var_os(ALL).is_some();
    let workflows = Workflow::ALL;
    let mut rows = vec![vec![Row::default(); KINDS.len()]; workflows.len()];
    let (mut failures, mut places) = (Vec::new(), Vec::new());
    for (row, workflow) in rows.iter_mut().zip(workflows) {
        let undisturbed = Undisturbed::of(workflow);
        let mut chosen = Vec::new();
        for (kind, (_, usual)) in KINDS.iter().enumerate() {
            let kills = kills(kind, &undisturbed);
            // Whoever joins is killed at every boundary: there are few, and the cluster is shared.
            let is_every = all || (kind == 0 && !matches!(workflow, Workflow::Init));
            let count = if is_every { kills.len() } else { kills.len().min(*usual) };
            row[kind].points = kills.len();
            // With the last one, and the first if there are two.
            let at = |n: usize| if count > 1 { n * (kills.len() - 1) / (count - 1) } else { kills.len() - 1 };
            chosen.extend((0..count).map(|n| (kind, kills[at(n)])));
        }
        chosen.reverse();
        let (queue, results) = (Mutex::new(chosen), Mutex::new(Vec::new()));
        let work = || {
            loop {
                let Some((kind, kill)) = queue.lock().expect("not poisoned").pop() else { return };
                let result = catch_unwind(|| tried(workflow, kill, &undisturbed.state));
                let result = result.unwrap_or_else(|_| Err(format!("{} {kill:?}: the test panicked", workflow.name())));
                results.lock().expect("not poisoned").push((kind, result));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
            work();
        });
        for (kind, result) in results.into_inner().expect("not poisoned") {
            row[kind].tried += 1;
            row[kind].killed += usize::from(!matches!(result, Ok(None)));
            match result {
                Ok(Some(at)) => {
                    row[kind].recovered += 1;
                    places.push(format!("{} {at}", workflow.name()));
                }
                Ok(None) => {}
                Err(what) => failures.push(what),
            }
        }
        if all {
            let (tried, recovered): (usize, usize) =
                (row.iter().map(|row| row.tried).sum(), row.iter().map(|row| row.recovered).sum());
            let _ = writeln!(std::io::stderr(), "{}: recovered from {recovered} of {tried}", workflow.name());
        }
    }
    let table = table(&workflows, &rows);
    let note =
        if all { String::new() } else { format!("joins at every boundary, else some of each; all with {ALL}=1\n") };
    // Past the harness, which hides the output of tests that pass.
    let _ = writeln!(std::io::stderr(), "{table}{note}in {:?}", begun.elapsed());
    if std::env::var_os("KUBEPHASE_KILLED_WHERE").is_some() {
        let _ = writeln!(std::io::stderr(), "{}", places.join("\n"));
    }
    assert!(failures.is_empty(), "{} kills were not recovered from:\n{}", failures.len(), failures.join("\n\n"));
    for (workflow, row) in workflows.iter().zip(&rows) {
        // A run may ask a little less often than the one that was counted, when it waits for something.
        let (tried, killed): (usize, usize) =
            (row.iter().map(|row| row.tried).sum(), row.iter().map(|row| row.killed).sum());
        assert!(killed * 10 >= tried * 9, "{}: of {tried} runs {killed} were killed", workflow.name());
    }
}

fn table(workflows: &[Workflow], rows: &[Vec<Row>]) -> String {
    let mut text = format!(
        "{:<20} {:<40} {:>6} {:>6} {:>6} {:>9}\n",
        "workflow", "killed", "points", "tried", "killed", "recovered"
    );
    for (workflow, row) in workflows.iter().zip(rows) {
        for (row, (name, _)) in row.iter().zip(KINDS) {
            // One that ended before its moment came was not killed.
            let (workflow, Row { points, tried, killed, recovered }) = (workflow.name(), row);
            let _ = writeln!(text, "{workflow:<20} {name:<40} {points:>6} {tried:>6} {killed:>6} {recovered:>9}");
        }
    }
    text
}
