//! Credentials from a program, as kubeconfig files name them (client-go's exec plugins, KEP-541). It is run once, without
//! a terminal; what it says is a secret and told to nobody.

use kubephase_node::{Command, ExecError, Node};
use serde_json::{Value, json};

/// What a program gave.
#[derive(Default)]
pub(super) struct Given {
    /// Bearer token.
    pub token: Option<String>,
    /// Client certificate and its key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// There are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum ExecCredentialError {
    /// The program does not run.
    #[error("getting credentials from {command}")]
    Run {
        /// The program.
        command: String,
        /// Why.
        #[source]
        source: ExecError,
    },
    /// It failed, or what it says is no credentials.
    #[error("getting credentials from {command}: {why}")]
    Useless {
        /// The program.
        command: String,
        /// What is wrong.
        why: String,
    },
}

impl ExecCredentialError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Run { source, .. } => source.hint(),
            Self::Useless { .. } => None,
        }
        .unwrap_or_else(|| "run the program by hand, or use a token or a certificate instead".to_owned())
    }
}

/// Runs the program of `exec`, which stands in a file of `directory`: its relative path begins there.
pub(super) async fn ask(node: &Node, exec: &Value, directory: &str) -> Result<Given, ExecCredentialError> {
    let text = |field: &str| exec[field].as_str().unwrap_or_default().to_owned();
    let command = text("command");
    let useless = |why: &str| ExecCredentialError::Useless { command: command.clone(), why: why.to_owned() };
    if command.is_empty() {
        return Err(useless("no program is named"));
    }
    if text("interactiveMode") == "Always" {
        return Err(useless("it wants a terminal (interactiveMode: Always)"));
    }
    let program = match command.contains('/') && !command.starts_with('/') {
        true => format!("{directory}/{command}"),
        false => command.clone(),
    };
    let api_version = text("apiVersion");
    let info = json!({ "apiVersion": api_version, "kind": "ExecCredential", "spec": { "interactive": false } });
    let list = |field: &str| exec[field].as_array().cloned().unwrap_or_default();
    let args = list("args").iter().filter_map(|arg| arg.as_str().map(str::to_owned)).collect::<Vec<_>>();
    let mut look = Command::look(&program, args);
    look.env = list("env")
        .iter()
        .filter_map(|pair| Some((pair["name"].as_str()?.to_owned(), pair["value"].as_str()?.to_owned())))
        .chain([("KUBERNETES_EXEC_INFO".to_owned(), info.to_string())])
        .collect();
    let run = |source| ExecCredentialError::Run { command: command.clone(), source };
    let output = node.run(&look).await.map_err(run)?;
    if !output.success() {
        // Only what it complains of: its output may hold what it was to hand over.
        let said = output.stderr.trim().lines().next_back().unwrap_or("it says nothing").to_owned();
        let status = output.status.map_or_else(|| "a signal".to_owned(), |status| format!("status {status}"));
        return Err(useless(&format!("it failed with {status}: {said}")));
    }
    let answer: Value = serde_json::from_str(&output.stdout).map_err(|_| useless("what it says is no JSON"))?;
    if answer["kind"] != "ExecCredential" || answer["apiVersion"] != api_version.as_str() {
        return Err(useless(&format!("what it says is no ExecCredential of {api_version}")));
    }
    let given = |field: &str| answer["status"][field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let pem = |field: &str| given(field).map(String::into_bytes);
    let found = Given { token: given("token"), identity: pem("clientCertificateData").zip(pem("clientKeyData")) };
    match found.token.is_some() || found.identity.is_some() {
        true => Ok(found),
        false => Err(useless("there is neither a token nor a certificate with its key in what it says")),
    }
}
