//! What a container runs: its program, what stands beside it, and its environment.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bench::{Bench, field, items, shown, text, texts};
use super::flags;

/// A command line, taken apart as flags are read: `_` is `-` in a name, one dash or two are the same, what has no value is
/// `true`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    /// The program; none if the image says it.
    program: Option<String>,
    flags: BTreeMap<String, Vec<String>>,
    /// What is no flag.
    words: Vec<String>,
}

fn line(container: &Value) -> Line {
    let (command, args) = (texts(Some(container), "command"), texts(Some(container), "args"));
    let mut words = command.into_iter();
    let mut line = Line { program: words.next(), ..Line::default() };
    let mut over = false;
    for word in words.chain(args) {
        let name = word.trim_start_matches('-');
        if over || name.is_empty() || name.len() == word.len() {
            over |= word == "--";
            line.words.push(word);
            continue;
        }
        let (name, value) = name.split_once('=').unwrap_or((name, "true"));
        line.flags.entry(name.replace('_', "-")).or_default().push(value.to_owned());
    }
    line
}

/// How a variable in a command line begins, which the kubelet fills in.
const EXPANDED: &str = "$(";

/// Judges what a container runs that was there before.
pub(super) fn change(before: &Value, after: &Value, program: &str, pointer: &str, bench: &mut Bench<'_>) {
    let (was, is) = (line(before), line(after));
    if was.program != is.program || was.words != is.words {
        let named = is.program.as_deref().unwrap_or("the image's own program");
        bench.needs(
            "command",
            &format!("{pointer}/command"),
            format!("it would run something else than before, or in another way: `{}`", shown(named)),
        );
    }
    let empty = Vec::new();
    let names = was.flags.keys().chain(is.flags.keys().filter(|name| !was.flags.contains_key(*name)));
    for name in names {
        let (old, new) = (was.flags.get(name).unwrap_or(&empty), is.flags.get(name).unwrap_or(&empty));
        if let Some(flag) = flags::opened(program, name, old, new) {
            let what = match new.last() {
                // Its value may be a secret.
                Some(_) if old.is_empty() => "set",
                Some(_) => "changed",
                None => "taken away",
            };
            bench.needs("securityFlags", pointer, format!("the flag --{} is {what}: {}", shown(name), flag.why));
        } else if old != new && (name.contains(EXPANDED) || new.iter().any(|value| value.contains(EXPANDED))) {
            // The kubelet fills variables in: `--$(X)` may be any flag there is.
            bench.needs("securityFlags", pointer, format!("the flag --{} is made of variables", shown(name)));
        }
    }
    environment(before, after, pointer, bench);
}

/// Variables that change which code runs.
const CODE: &[&str] = &[
    "PATH",
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "NODE_OPTIONS",
    "PERL5LIB",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
];
/// Variables that change whom a program believes and reaches.
const TRUST: &[&str] = &[
    "GODEBUG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "HOSTALIASES",
    "RES_OPTIONS",
    "LOCALDOMAIN",
];

fn environment(before: &Value, after: &Value, pointer: &str, bench: &mut Bench<'_>) {
    let (old, new) = (items(Some(before), "env"), items(Some(after), "env"));
    let words = [texts(Some(after), "command"), texts(Some(after), "args")].concat();
    let changed =
        new.iter().filter(|entry| !old.contains(entry)).chain(old.iter().filter(|entry| !new.contains(entry)));
    for entry in changed {
        let name = text(Some(entry), "name");
        let upper = name.to_ascii_uppercase();
        let at = format!("{pointer}/env");
        if upper.starts_with("LD_") || CODE.contains(&&*upper) {
            bench.needs("command", &at, format!("the variable {} says which code runs", shown(name)));
        } else if upper.ends_with("_PROXY") || upper.starts_with("ETCD_") || TRUST.contains(&&*upper) {
            bench.needs("securityFlags", &at, format!("the variable {} says whom it believes or reaches", shown(name)));
        } else if words.iter().any(|word| word.contains(&format!("{EXPANDED}{name})"))) {
            bench.needs("securityFlags", &at, format!("the variable {} is a part of its flags", shown(name)));
        }
    }
    if field(Some(before), "envFrom") != field(Some(after), "envFrom") {
        bench.needs(
            "securityFlags",
            &format!("{pointer}/envFrom"),
            "variables that nobody sees here could say whom it believes or reaches",
        );
    }
    for name in ["workingDir", "stdin", "tty"] {
        if field(Some(before), name) != field(Some(after), name) {
            bench.needs("command", &format!("{pointer}/{name}"), "it would run in another way than before");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_read_as_flags_are() {
        let container = json!({
            "command": ["kube-apiserver", "--a_b=1", "-c=2"],
            "args": ["--a-b", "word", "-", "--d=x=y", "--", "--e=1"],
        });
        let line = line(&container);
        assert_eq!(line.program.as_deref(), Some("kube-apiserver"));
        assert_eq!(line.flags["a-b"], ["1", "true"]);
        assert_eq!((&*line.flags["c"], &*line.flags["d"]), (&["2".to_owned()][..], &["x=y".to_owned()][..]));
        assert_eq!(line.words, ["word", "-", "--", "--e=1"]);
    }
}
