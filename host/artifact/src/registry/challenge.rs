//! What a registry answers to those whom it does not know: `WWW-Authenticate` (RFC 9110, 11.6.1), which says how to make
//! oneself known.

use std::collections::BTreeMap;

/// One way to make oneself known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub scheme: String,
    /// By name, in lower case.
    pub parameters: BTreeMap<String, String>,
}

impl Challenge {
    /// All of one header. What is not understood ends it.
    pub fn read(header: &str) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        let mut rest = header.trim_start_matches([' ', '\t', ',']);
        while !rest.is_empty() {
            let (word, after) = token(rest);
            if word.is_empty() {
                break;
            }
            let after = after.trim_start();
            match (after.strip_prefix('='), challenges.last_mut()) {
                (Some(value), Some(challenge)) => {
                    let (value, after) = self::value(value.trim_start());
                    challenge.parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                    rest = after;
                }
                (Some(_), None) => break,
                (None, _) => {
                    challenges.push(Self { scheme: word.to_ascii_lowercase(), parameters: BTreeMap::new() });
                    rest = after;
                }
            }
            rest = rest.trim_start_matches([' ', '\t', ',']);
        }
        challenges
    }

    /// One parameter that says something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)));
    text.split_at(end.unwrap_or(text.len()))
}

/// A token, or a quoted string.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        // Some leave the quotes out where they belong: a URL has more than a token's characters.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(String, Vec<(String, String)>)> {
        let challenges = Challenge::read(header).into_iter();
        challenges.map(|challenge| (challenge.scheme, challenge.parameters.into_iter().collect())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn as_registries_write_them() {
        assert_eq!(
            read(
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#
            ),
            [(
                "bearer".to_owned(),
                vec![
                    pair("realm", "https://auth.example/token"),
                    pair("scope", "repository:a/b:pull,push"),
                    pair("service", "registry.example"),
                ]
            )]
        );
        assert_eq!(read("Basic realm=\"a \\\"b\\\"\""), [("basic".to_owned(), vec![pair("realm", "a \"b\"")])]);
        assert_eq!(
            read("Negotiate, BASIC realm=x , Bearer realm=https://x/y, service=z"),
            [
                ("negotiate".to_owned(), vec![]),
                ("basic".to_owned(), vec![pair("realm", "x")]),
                ("bearer".to_owned(), vec![pair("realm", "https://x/y"), pair("service", "z")]),
            ]
        );
    }

    #[test]
    fn nonsense_ends_it() {
        for header in
            ["", "=", "\"", ",,,", "realm=\"x\"", "Bearer realm=\"unclosed", "Bearer realm=", "Bearer ((", "ä"]
        {
            let challenges = Challenge::read(header);
            assert!(challenges.len() <= 1, "{header}: {challenges:?}");
        }
        // The first of two is the one that counts.
        assert_eq!(Challenge::read("Bearer realm=a, realm=b")[0].get("realm"), Some("a"));
    }
}
