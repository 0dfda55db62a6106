//! Command lines of static pods, as far as the pretended components look at them.

use serde_json::Value;

/// A component's command, as its manifest has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// Of the pod's first container: `command` and `args`.
    pub fn of(pod: &Value) -> Self {
        let container = &pod["spec"]["containers"][0];
        let words = |field: &str| container[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self(words("command").chain(words("args")).map(str::to_owned).collect())
    }

    /// All words.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// The last value of a flag, given as `--flag=value` or `--flag value`; `name` is without dashes.
    pub fn flag(&self, name: &str) -> Option<&str> {
        let mut value = None;
        for (at, word) in self.0.iter().enumerate() {
            match word.trim_start_matches('-').strip_prefix(name) {
                Some("") => value = self.0.get(at + 1).map(String::as_str),
                Some(rest) => value = rest.strip_prefix('=').or(value),
                None => {}
            }
        }
        value.filter(|value| !value.is_empty())
    }

    /// Files that flags name, with the flag: what must be there for the program to start. Flags that name what the
    /// program makes itself are left out.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let flags = self.0.iter().filter_map(|word| word.strip_prefix("--")?.split_once('='));
        flags.filter(|(name, value)| {
            let names_file = name.ends_with("-file") || name.ends_with("kubeconfig") || name.ends_with("certfile");
            let named = names_file || name.ends_with("keyfile") || *name == "etcd-cafile";
            named && value.starts_with('/') && !name.contains("log")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flags_and_files() {
        let pod = json!({ "spec": { "containers": [{
            "command": ["kube-apiserver", "--a=1", "--etcd-certfile=/x.crt", "--audit-log-file=/l", "--a", "2", "--empty="],
            "args": ["--client-ca-file=/ca.crt", "--b=c=d"],
        }] } });
        let line = CommandLine::of(&pod);
        assert_eq!(
            (line.flag("a"), line.flag("b"), line.flag("empty"), line.flag("none")),
            (Some("2"), Some("c=d"), None, None)
        );
        assert_eq!(line.files().collect::<Vec<_>>(), [("etcd-certfile", "/x.crt"), ("client-ca-file", "/ca.crt")]);
    }
}
