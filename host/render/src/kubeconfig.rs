//! Kubeconfig files: making them, reading them, and deciding whether one that exists already will do. Knows nothing of
//! who gets which file; certificates are text here. Keys and tokens never show in `Debug`.

mod bootstrap;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::File;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

/// How a user proves who it is.
#[derive(Clone, Copy)]
pub enum Auth<'a> {
    /// With a certificate.
    ClientCert {
        /// The certificate, PEM.
        cert_pem: &'a str,
        /// Its key, PEM.
        key_pem: &'a str,
    },
    /// With a bearer token.
    Token(&'a str),
}

impl fmt::Debug for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientCert { .. } => "ClientCert(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// Something that stands in the file or is named by it.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// Its contents.
    Inline(Vec<u8>),
    /// Its path: absolute, or relative to the kubeconfig file's directory.
    Path(String),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "Inline({} bytes)", bytes.len()),
            Self::Path(path) => write!(f, "Path({path:?})"),
        }
    }
}

/// A kubeconfig file (v1 Config).
#[derive(Clone, PartialEq)]
pub struct Kubeconfig(Value);

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubeconfig")
            .field("context", &self.current_context())
            .field("server", &self.server().ok())
            .field("user", &self.user_name().ok())
            .finish_non_exhaustive()
    }
}

/// What is wrong with a kubeconfig file. Never shows its contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// It is no YAML.
    #[error("the kubeconfig is not valid YAML{}", .line.map(|line| format!(" (line {line})")).unwrap_or_default())]
    Syntax {
        /// Where, from 1.
        line: Option<usize>,
    },
    /// It is something else.
    #[error("the file is no kubeconfig: {0}")]
    Shape(&'static str),
    /// The current context, its cluster or its user is missing.
    #[error("the kubeconfig has no {kind} named `{name}`")]
    Missing {
        /// `context`, `cluster` or `user`.
        kind: &'static str,
        /// Its name; empty if none is named.
        name: String,
    },
    /// A `…-data` field is no base64.
    #[error("`{0}` in the kubeconfig is not valid base64")]
    Base64(&'static str),
    /// No CA certificate is named, or its file cannot be read.
    #[error("the kubeconfig's cluster `{0}` has no CA certificate")]
    NoCa(String),
    /// What should be a CA certificate is none.
    #[error("the CA certificate of the kubeconfig's cluster `{0}` is not a PEM certificate")]
    BadCa(String),
    /// It trusts another cluster.
    #[error("the kubeconfig trusts another CA than this cluster's")]
    Untrusted,
}

impl KubeconfigError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Untrusted => {
                "it belongs to another cluster, or the CA has been made anew: remove the file to have it written again"
            }
            Self::Syntax { .. } | Self::Shape(_) | Self::Base64(_) => {
                "correct the file, or remove it to have it written again"
            }
            Self::Missing { .. } => "set `current-context` to a context whose cluster and user are in the file",
            Self::NoCa(_) | Self::BadCa(_) => {
                "put the cluster's CA certificate into `certificate-authority-data`, or remove the file to have it \
                 written again"
            }
        }
    }
}

/// An existing file's server is not the expected one: worth a warning, no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMismatch {
    /// What stands in the file.
    pub found: String,
    /// What we would have written.
    pub expected: String,
}

impl Kubeconfig {
    /// A file with one cluster, one user and the context `user@cluster_name`. `ca_pem` is the CA certificate: of a
    /// bundle only the first one is taken.
    pub fn new(server: &str, ca_pem: &str, cluster_name: &str, user: &str, auth: Auth<'_>) -> Self {
        let data = |text: &str| STANDARD.encode(text);
        let credentials = match auth {
            Auth::ClientCert { cert_pem, key_pem } => {
                json!({ "client-certificate-data": data(cert_pem), "client-key-data": data(key_pem) })
            }
            Auth::Token(token) => json!({ "token": token }),
        };
        let context = format!("{user}@{cluster_name}");
        Self(json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": cluster_name,
                "cluster": { "server": server, "certificate-authority-data": data(&first_certificate(ca_pem)) },
            }],
            "contexts": [{ "name": context, "context": { "cluster": cluster_name, "user": user } }],
            "current-context": context,
            "users": [{ "name": user, "user": credentials }],
        }))
    }

    /// A file that lacks the certificates, which an authority elsewhere is yet to bring: only the user's key.
    pub fn awaiting(server: &str, cluster_name: &str, user: &str, key_pem: &str) -> Self {
        let mut file = Self::new(server, "", cluster_name, user, Auth::ClientCert { cert_pem: "", key_pem });
        for (pointer, missing) in
            [("/clusters/0/cluster", "certificate-authority-data"), ("/users/0/user", "client-certificate-data")]
        {
            if let Some(Value::Object(fields)) = file.0.pointer_mut(pointer) {
                fields.remove(missing);
            }
        }
        file
    }

    /// With the empty `preferences` that old releases write.
    #[must_use]
    pub fn with_preferences(mut self) -> Self {
        self.0["preferences"] = json!({});
        self
    }

    /// Only the current context's cluster, without a name: nobody's kubeconfig, from which others learn where the
    /// cluster is (`CreateBootstrapConfigMapIfNotExists` in kubeadm). `read` gets the contents of a CA file.
    pub fn cluster_only(&self, read: impl FnOnce(&str) -> Option<Vec<u8>>) -> Result<Self, KubeconfigError> {
        let mut cluster = self.cluster()?.clone();
        if let (Some(Material::Path(path)), Value::Object(fields)) = (self.ca()?, &mut cluster) {
            let Some(pem) = read(&path) else { return Err(KubeconfigError::NoCa(self.cluster_name()?.to_owned())) };
            fields.remove("certificate-authority");
            fields.insert("certificate-authority-data".into(), STANDARD.encode(pem).into());
        }
        Ok(Self(json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "", "cluster": cluster }],
            "contexts": null,
            "current-context": "",
            "users": null,
        })))
    }

    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, KubeconfigError> {
        let syntax = |error: serde_yaml::Error| KubeconfigError::Syntax { line: error.location().map(|at| at.line()) };
        let value: Value = serde_yaml::from_slice(bytes).map_err(syntax)?;
        if !value.is_object() {
            return Err(KubeconfigError::Shape("it is no mapping"));
        }
        if value.get("kind").is_some_and(|kind| kind != "Config") {
            return Err(KubeconfigError::Shape("its kind is not Config"));
        }
        Ok(Self(value))
    }

    /// As text.
    pub fn to_yaml(&self) -> String {
        crate::yaml(&self.0)
    }

    /// As a file at `path`, mode 0600, its contents secret.
    pub fn to_file(&self, path: impl Into<String>) -> File {
        File::secret(path, self.to_yaml())
    }

    /// Name of the current context; empty if none is set.
    pub fn current_context(&self) -> &str {
        self.0.get("current-context").and_then(Value::as_str).unwrap_or_default()
    }

    /// Name of the current context's cluster.
    pub fn cluster_name(&self) -> Result<&str, KubeconfigError> {
        Ok(self.context()?.get("cluster").and_then(Value::as_str).unwrap_or_default())
    }

    /// Name of the current context's user.
    pub fn user_name(&self) -> Result<&str, KubeconfigError> {
        Ok(self.context()?.get("user").and_then(Value::as_str).unwrap_or_default())
    }

    /// URL of the current context's cluster; empty if it has none.
    pub fn server(&self) -> Result<&str, KubeconfigError> {
        Ok(self.cluster()?.get("server").and_then(Value::as_str).unwrap_or_default())
    }

    /// CA certificates of the current context's cluster, PEM, if there are any. Inline ones count before a path.
    pub fn ca(&self) -> Result<Option<Material>, KubeconfigError> {
        material(self.cluster()?, "certificate-authority-data", "certificate-authority")
    }

    /// The current user's certificate, PEM, if it has one.
    pub fn client_certificate(&self) -> Result<Option<Material>, KubeconfigError> {
        material(self.user()?, "client-certificate-data", "client-certificate")
    }

    /// The current user's key, PEM, if it has one.
    pub fn client_key(&self) -> Result<Option<Material>, KubeconfigError> {
        material(self.user()?, "client-key-data", "client-key")
    }

    /// The current user's token, if it has one.
    pub fn token(&self) -> Result<Option<&str>, KubeconfigError> {
        Ok(self.user()?.get("token").and_then(Value::as_str))
    }

    /// A file with the current user's token, if it names one.
    pub fn token_file(&self) -> Result<Option<&str>, KubeconfigError> {
        Ok(self.user()?.get("tokenFile").and_then(Value::as_str).filter(|path| !path.is_empty()))
    }

    /// How the current user would get credentials from somebody else (`exec`, `auth-provider`, `username`), if that is
    /// the only way.
    pub fn foreign_credentials(&self) -> Result<Option<&'static str>, KubeconfigError> {
        let user = self.user()?;
        let own = ["client-certificate", "client-certificate-data", "token", "tokenFile"];
        let has_own = own.iter().any(|field| user.get(field).is_some_and(|value| !value.is_null()));
        let foreign = ["exec", "auth-provider", "username"];
        Ok(foreign.into_iter().find(|field| !has_own && user.get(field).is_some_and(|value| !value.is_null())))
    }

    /// Name that the server's certificate is checked for, if it is not that of its URL.
    pub fn tls_server_name(&self) -> Result<Option<&str>, KubeconfigError> {
        Ok(self.cluster()?.get("tls-server-name").and_then(Value::as_str).filter(|name| !name.is_empty()))
    }

    /// URL of the proxy that leads to the server, if one is named.
    pub fn proxy(&self) -> Result<Option<&str>, KubeconfigError> {
        Ok(self.cluster()?.get("proxy-url").and_then(Value::as_str).filter(|url| !url.is_empty()))
    }

    /// Whether the server is to be believed without looking.
    pub fn is_insecure(&self) -> Result<bool, KubeconfigError> {
        Ok(self.cluster()?.get("insecure-skip-tls-verify").and_then(Value::as_bool).unwrap_or(false))
    }

    /// Makes the current user's certificate and key those in two files, instead of what stands in this one.
    pub fn set_client_files(&mut self, certificate: &str, key: &str) -> Result<(), KubeconfigError> {
        let name = self.user_name()?.to_owned();
        let missing = || KubeconfigError::Missing { kind: "user", name: name.clone() };
        let users = self.0.get_mut("users").and_then(Value::as_array_mut).ok_or_else(missing)?;
        let user = users.iter_mut().find(|entry| entry.get("name").is_some_and(|found| *found == name.as_str()));
        let user = user.and_then(|entry| entry.get_mut("user")?.as_object_mut()).ok_or_else(missing)?;
        user.retain(|field, _| !matches!(field.as_str(), "client-certificate-data" | "client-key-data"));
        user.insert("client-certificate".into(), certificate.into());
        user.insert("client-key".into(), key.into());
        Ok(())
    }

    /// Points every cluster at `server`.
    pub fn set_server(&mut self, server: &str) {
        for entry in self.0.get_mut("clusters").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(Value::Object(cluster)) = entry.get_mut("cluster") {
                cluster.insert("server".into(), server.into());
            }
        }
    }

    /// Gives the current user a new certificate and key, and its cluster the first certificate of `ca_pem` to trust.
    /// Everything else stays.
    pub fn renew(&mut self, ca_pem: &str, cert_pem: &str, key_pem: &str) -> Result<(), KubeconfigError> {
        let data = |text: &str| Value::from(STANDARD.encode(text));
        let (cluster, user) = (self.cluster_name()?.to_owned(), self.user_name()?.to_owned());
        let cluster = self.entry_mut("clusters", "cluster", &cluster)?;
        cluster.remove("certificate-authority");
        cluster.insert("certificate-authority-data".into(), data(&first_certificate(ca_pem)));
        let user = self.entry_mut("users", "user", &user)?;
        user.remove("client-certificate");
        user.remove("client-key");
        user.insert("client-certificate-data".into(), data(cert_pem));
        user.insert("client-key-data".into(), data(key_pem));
        Ok(())
    }

    /// Whether this file, found on the node, will do for a cluster whose CA certificates are `trusted_pem`: the first
    /// CA certificate it trusts must be one of them. `read` gets the contents of a CA file that it names. The user,
    /// its certificate and its expiry are not looked at (`validateKubeConfig` in kubeadm).
    pub fn check_existing(
        &self,
        server: &str,
        trusted_pem: &[u8],
        read: impl FnOnce(&str) -> Option<Vec<u8>>,
    ) -> Result<Option<ServerMismatch>, KubeconfigError> {
        let cluster = || self.cluster_name().map(str::to_owned);
        let pem = match self.ca()? {
            Some(Material::Inline(pem)) => pem,
            Some(Material::Path(path)) => match read(&path) {
                Some(pem) => pem,
                None => return Err(KubeconfigError::NoCa(cluster()?)),
            },
            None => return Err(KubeconfigError::NoCa(cluster()?)),
        };
        let Some(Ok(found)) = CertificateDer::pem_slice_iter(&pem).next() else {
            return Err(KubeconfigError::BadCa(cluster()?));
        };
        if !CertificateDer::pem_slice_iter(trusted_pem).flatten().any(|trusted| trusted == found) {
            return Err(KubeconfigError::Untrusted);
        }
        let found = self.server()?;
        Ok((found != server).then(|| ServerMismatch { found: found.to_owned(), expected: server.to_owned() }))
    }

    fn entry(&self, list: &str, kind: &'static str, name: &str) -> Result<&Value, KubeconfigError> {
        let entries = self.0.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let found = entries.iter().find(|entry| entry.get("name").is_some_and(|found| found == name));
        found.and_then(|entry| entry.get(kind)).ok_or_else(|| KubeconfigError::Missing { kind, name: name.to_owned() })
    }

    fn entry_mut(
        &mut self,
        list: &str,
        kind: &'static str,
        name: &str,
    ) -> Result<&mut Map<String, Value>, KubeconfigError> {
        let entries = self.0.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        let found = entries.into_iter().find(|entry| entry.get("name").is_some_and(|found| found == name));
        let found = found.and_then(|entry| entry.get_mut(kind)).and_then(Value::as_object_mut);
        found.ok_or_else(|| KubeconfigError::Missing { kind, name: name.to_owned() })
    }

    fn context(&self) -> Result<&Value, KubeconfigError> {
        self.entry("contexts", "context", self.current_context())
    }

    fn cluster(&self) -> Result<&Value, KubeconfigError> {
        self.entry("clusters", "cluster", self.cluster_name()?)
    }

    fn user(&self) -> Result<&Value, KubeconfigError> {
        self.entry("users", "user", self.user_name()?)
    }
}

fn material(entry: &Value, data: &'static str, path: &str) -> Result<Option<Material>, KubeconfigError> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text(data), text(path)) {
        (Some(data_text), _) => {
            let compact: String = data_text.split_whitespace().collect();
            STANDARD
                .decode(compact)
                .map(|bytes| Some(Material::Inline(bytes)))
                .map_err(|_| KubeconfigError::Base64(data))
        }
        (None, Some(path)) => Ok(Some(Material::Path(path.to_owned()))),
        (None, None) => Ok(None),
    }
}

/// The first certificate of a bundle, as it stands there; everything, if there is none.
fn first_certificate(pem: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let Some(start) = pem.find(BEGIN) else { return pem.to_owned() };
    let Some(end) = pem[start..].find(END) else { return pem.to_owned() };
    format!("{}\n", &pem[start..start + end + END.len()])
}

#[cfg(test)]
mod tests;
