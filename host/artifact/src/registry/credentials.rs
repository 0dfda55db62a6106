//! Who we are to a registry, from where container tools keep it: Docker's configuration file, that of Podman and Skopeo
//! (containers-auth.json(5)), and programs that keep passwords. Nothing of it is ever shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_node::{Command, ExecError, FileError, Node};
use serde::Deserialize;

/// What is believed to be a configuration file.
const LIMIT: u64 = 1 << 20;
/// Helpers may ask a person or a cloud.
const PATIENCE: Duration = Duration::from_secs(30);
/// With this name a helper says that its secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// How to make oneself known.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Name and password.
    Password(String, String),
    /// A token that is exchanged for others.
    Identity(String),
    /// A token for the registry itself.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(..) => "Password(…)",
            Self::Identity(_) => "Identity(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// The credentials that there are cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not understood. Its contents are not repeated, for they are secret.
    #[error("cannot read {path}: line {line} is no JSON of the kind that `docker login` writes")]
    Unreadable {
        /// The file.
        path: String,
        /// Where.
        line: usize,
    },
    /// What stands for one registry is not understood.
    #[error("cannot read {path}: `auth` of `{key}` is no base64 of name and password")]
    Entry {
        /// The file.
        path: String,
        /// Which entry.
        key: String,
    },
    /// A program is named as no program can be.
    #[error("{path} names the credential helper `{name}`, which is no name of one")]
    HelperName {
        /// The file.
        path: String,
        /// The name.
        name: String,
    },
    /// A helper does not run.
    #[error("cannot ask the credential helper that {path} names")]
    Helper {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: ExecError,
    },
    /// A helper fails.
    #[error("{program}, which {path} names, does not give the credentials for {key}: {said}")]
    Refused {
        /// The program.
        program: String,
        /// The file.
        path: String,
        /// What it was asked for.
        key: String,
        /// Its words.
        said: String,
    },
}

impl CredentialsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint().map(Into::into),
            Self::Unreadable { .. } | Self::Entry { .. } => {
                Some("log in anew with `docker login`, `podman login` or `oras login`, or mend the file".into())
            }
            Self::HelperName { .. } => {
                Some("write what follows `docker-credential-` in the program's name, without a path".into())
            }
            Self::Helper { source, .. } => source.hint(),
            Self::Refused { program, .. } => {
                Some(format!("run `{program} get` with the registry's name as its input to see what it lacks"))
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// What there is for a repository; `None` if nothing is. The first file that has something counts.
pub async fn find(node: &Node, host: &str, repository: &str) -> Result<Option<Credentials>, CredentialsError> {
    for path in places(node) {
        let Some(file) = read(node, &path)? else { continue };
        if let Some(found) = ask(node, &path, &file, host, repository).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Where the files are. What the environment names comes before what is just there.
fn places(node: &Node) -> Vec<String> {
    let home = node.env("HOME");
    let below = |directory: Option<String>, rest: &str| directory.map(|directory| format!("{directory}/{rest}"));
    let config = node.env("XDG_CONFIG_HOME").or_else(|| below(home.clone(), ".config"));
    [
        node.env("REGISTRY_AUTH_FILE"),
        below(node.env("DOCKER_CONFIG"), "config.json"),
        below(node.env("XDG_RUNTIME_DIR"), "containers/auth.json"),
        below(config, "containers/auth.json"),
        below(home, ".docker/config.json"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn read(node: &Node, path: &str) -> Result<Option<File>, CredentialsError> {
    let Some(source) = node.open(path)? else { return Ok(None) };
    let unreadable = |line| CredentialsError::Unreadable { path: path.to_owned(), line };
    if source.length() > LIMIT {
        return Err(unreadable(1));
    }
    let mut bytes = vec![0; usize::try_from(source.length()).unwrap_or_default()];
    source.read_at(0, &mut bytes)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    // Not even the reader's own words: they may quote what it has read.
    serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(error.line()))
}

async fn ask(
    node: &Node,
    path: &str,
    file: &File,
    host: &str,
    repository: &str,
) -> Result<Option<Credentials>, CredentialsError> {
    let helper = best(&file.cred_helpers, host, repository).map(|(key, name)| (key.clone(), name.as_str()));
    let store = || (!file.creds_store.is_empty()).then(|| (server(host), file.creds_store.as_str()));
    if let Some((key, name)) = helper.or_else(store)
        && let Some(found) = helped(node, path, name, &key).await?
    {
        return Ok(Some(found));
    }
    let Some((key, entry)) = best(&file.auths, host, repository) else { return Ok(None) };
    credentials(entry).ok_or_else(|| CredentialsError::Entry { path: path.to_owned(), key: key.clone() })
}

/// The entry for a repository: the one with the longest path that it is below, or else that of its host.
fn best<'a, T>(entries: &'a BTreeMap<String, T>, host: &str, repository: &str) -> Option<(&'a String, &'a T)> {
    let full = format!("{host}/{repository}");
    let fits = |key: &str| {
        let key = plain(key);
        let is_docker = host == "docker.io" && matches!(key, "index.docker.io" | "registry-1.docker.io");
        let rest = full.strip_prefix(key).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        (is_docker || (rest.is_some() && !key.is_empty())).then_some(key.len())
    };
    entries.iter().filter_map(|entry| Some((fits(entry.0)?, entry))).max_by_key(|(length, _)| *length).map(|(_, e)| e)
}

/// A key without what older tools wrote around the host: `https://index.docker.io/v1/`.
fn plain(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key).trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

/// What a store that keeps all of them knows a registry by.
fn server(host: &str) -> String {
    if host == "docker.io" { "https://index.docker.io/v1/".to_owned() } else { host.to_owned() }
}

/// `Some(None)` if it says nothing, `None` if it is not understood.
fn credentials(entry: &Entry) -> Option<Option<Credentials>> {
    if !entry.identitytoken.is_empty() {
        return Some(Some(Credentials::Identity(entry.identitytoken.clone())));
    }
    if !entry.registrytoken.is_empty() {
        return Some(Some(Credentials::Token(entry.registrytoken.clone())));
    }
    if entry.auth.is_empty() {
        let some = !entry.username.is_empty() || !entry.password.is_empty();
        return Some(some.then(|| Credentials::Password(entry.username.clone(), entry.password.clone())));
    }
    let text = String::from_utf8(STANDARD.decode(entry.auth.trim()).ok()?).ok()?;
    // Some versions of Docker end it with zeros.
    let (name, password) = text.trim_end_matches('\0').split_once(':')?;
    Some(Some(Credentials::Password(name.to_owned(), password.to_owned())))
}

async fn helped(node: &Node, path: &str, name: &str, key: &str) -> Result<Option<Credentials>, CredentialsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(plain) {
        let name = name.chars().filter(|c| !c.is_control()).take(100).collect();
        return Err(CredentialsError::HelperName { path: path.to_owned(), name });
    }
    let program = format!("docker-credential-{name}");
    let command = Command::look(&program, ["get"]).input(key).timeout(PATIENCE);
    let output = node.run(&command).await;
    let output = output.map_err(|source| CredentialsError::Helper { path: path.to_owned(), source })?;
    let refused = |said: &str| CredentialsError::Refused {
        program: program.clone(),
        path: path.to_owned(),
        key: key.to_owned(),
        said: said.chars().filter(|c| !c.is_control()).take(200).collect(),
    };
    if !output.success() {
        // By their protocol, what is wrong is on standard output.
        let words = [output.stdout.trim(), output.stderr.trim()];
        let said = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
        let said = said.lines().next().unwrap_or("it failed without a word");
        return if said.contains("credentials not found") { Ok(None) } else { Err(refused(said)) };
    }
    let helped: Helped = serde_json::from_str(&output.stdout).map_err(|_| refused("its answer is no JSON"))?;
    Ok(match helped.username.as_str() {
        _ if helped.secret.is_empty() => None,
        TOKEN_USER => Some(Credentials::Identity(helped.secret)),
        _ => Some(Credentials::Password(helped.username, helped.secret)),
    })
}

#[cfg(test)]
mod tests;
