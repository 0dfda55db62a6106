//! The API server as an administrator sees it: curl inside a node, with what a kubeconfig says. Not the client of the
//! product, so that a mistake there is not shared.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::command::{cmd, tail, write};
use super::node::Node;

/// Credentials of one kubeconfig, laid out for curl in the node.
pub struct Client<'a> {
    node: &'a Node,
    server: String,
    /// Prefix of the files with certificate and key.
    files: String,
}

impl<'a> Client<'a> {
    /// Takes server and credentials out of a kubeconfig of the node that holds its certificates itself.
    pub fn read(node: &'a Node, path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(node.path(path)).with_context(|| format!("no {path} in the node"))?;
        let value = |key: &str| {
            let line =
                text.lines().find_map(|l| l.trim().trim_start_matches("- ").strip_prefix(key)?.strip_prefix(": "));
            line.map(|v| v.trim().trim_matches('"').to_owned()).with_context(|| format!("{path} has no {key}"))
        };
        let files = format!("/root/{}", path.rsplit('/').next().unwrap_or(path));
        let keys =
            [("certificate-authority-data", "ca"), ("client-certificate-data", "crt"), ("client-key-data", "key")];
        for (key, file) in keys {
            let decoded = cmd("base64").arg("-d").stdin(value(key)?).run()?;
            write(&node.path(&format!("{files}.{file}")), decoded)?;
        }
        Ok(Self { node, server: value("server")?, files })
    }

    /// As the cluster's administrator. From 1.29 on, admin.conf may do nothing until a phase says so; super-admin.conf
    /// may from the start.
    pub fn admin(node: &'a Node) -> Result<Self> {
        let all_powerful = "/etc/kubernetes/super-admin.conf";
        let path = if node.path(all_powerful).exists() { all_powerful } else { "/etc/kubernetes/admin.conf" };
        Self::read(node, path)
    }

    /// The node's command line for a GET of one or more paths; what is answered to each follows the other.
    pub fn line(&self, paths: &[impl AsRef<str>]) -> Vec<String> {
        let mut words = self.curl();
        words.extend(paths.iter().map(|path| format!("{}{}", self.server, path.as_ref())));
        words
    }

    /// What is at each path. A refusal is a value too: of kind `Status`.
    pub fn get_all(&self, paths: &[impl AsRef<str>]) -> Result<Vec<Value>> {
        let said = self.node.exec(self.line(paths)).run()?;
        let values: Vec<Value> = serde_json::Deserializer::from_str(&said)
            .into_iter()
            .collect::<Result<_, _>>()
            .with_context(|| format!("the API server answers {}", tail(&said, 12)))?;
        if values.len() != paths.len() {
            bail!("{} answers to {} questions: {}", values.len(), paths.len(), tail(&said, 12));
        }
        Ok(values)
    }

    /// The object at `path`, which must be there.
    pub fn get(&self, path: &str) -> Result<Value> {
        let value = self.get_all(&[path])?.remove(0);
        if value["kind"] == "Status" {
            bail!("GET {path}: {}", value["message"]);
        }
        Ok(value)
    }

    /// Sends `body` by `method`; what the server stored.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut words = self.curl();
        words.extend(["-X", method, "-H", &format!("Content-Type: {kind}"), "--data-binary", "@-"].map(str::to_owned));
        words.push(format!("{}{path}", self.server));
        let said = self.node.exec(words).stdin(serde_json::to_vec(body)?).run()?;
        let value: Value = serde_json::from_str(&said).with_context(|| tail(&said, 12))?;
        if value["kind"] == "Status" && value["status"] != "Success" {
            bail!("{method} {path}: {}", value["message"]);
        }
        Ok(value)
    }

    /// Deletes the object at `path`, if nobody else has.
    pub fn delete(&self, path: &str) -> Result<()> {
        let deleted = self.send("DELETE", path, &serde_json::json!({}));
        deleted.map(drop).or_else(|error| if error.to_string().contains("not found") { Ok(()) } else { Err(error) })
    }

    /// A shell's command for a merge patch of the object at `path`, less the patch.
    pub fn patch_line(&self, path: &str) -> String {
        let line = self.curl().join(" ");
        format!("{line} -X PATCH -H 'Content-Type: application/merge-patch+json' {}{path}", self.server)
    }

    fn curl(&self) -> Vec<String> {
        let files = &self.files;
        let files =
            [("--cacert", "ca"), ("--cert", "crt"), ("--key", "key")].map(|(o, f)| [o.into(), format!("{files}.{f}")]);
        let fixed = ["curl", "-sS", "--max-time", "20"].map(str::to_owned);
        fixed.into_iter().chain(files.into_iter().flatten()).collect()
    }
}
