//! Kubeconfig files with which a node gets to know a cluster: of a token, and of a discovery file that somebody else has
//! written, cut down to the one cluster and user that count. No file is opened and nobody is asked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Kubeconfig, KubeconfigError, Material};

/// Fields by which a user gets credentials (kubeadm's `HasAuthenticationCredentials`); a certificate counts with its key
/// only.
const CREDENTIALS: [&str; 5] = ["token", "tokenFile", "username", "exec", "auth-provider"];

impl Kubeconfig {
    /// A file with one cluster and a user who has a token. `ca_pem` is kept whole, unlike [`Kubeconfig::new`]'s: while an
    /// authority is being replaced, old and new one are to be believed.
    pub fn for_token(server: &str, ca_pem: &[u8], cluster_name: &str, user: &str, token: &str) -> Self {
        let cluster = json!({ "server": server, "certificate-authority-data": STANDARD.encode(ca_pem) });
        Self::single(cluster_name, cluster, &format!("{user}@{cluster_name}"), user, json!({ "token": token }))
    }

    fn single(cluster_name: &str, cluster: Value, context: &str, user: &str, credentials: Value) -> Self {
        Self(json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": cluster_name, "cluster": cluster }],
            "contexts": [{ "name": context, "context": { "cluster": cluster_name, "user": user } }],
            "current-context": context,
            "users": [{ "name": user, "user": credentials }],
        }))
    }

    /// How many clusters are in the file.
    pub fn clusters(&self) -> usize {
        self.0.get("clusters").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// Only the cluster that counts for discovery: the one without a name, or that of the current context (kubeadm's
    /// `GetClusterFromKubeConfig`), under `cluster_name`, with the current context's user if there is one.
    pub fn for_discovery(&self, cluster_name: &str) -> Result<Self, KubeconfigError> {
        let cluster = match self.entry("clusters", "cluster", "") {
            Ok(cluster) => cluster,
            Err(_) => self.cluster()?,
        };
        let user = self.user_name().unwrap_or_default();
        let credentials = self.user().cloned().unwrap_or_else(|_| json!({}));
        let context = match self.current_context() {
            "" => format!("{user}@{cluster_name}"),
            name => name.to_owned(),
        };
        Ok(Self::single(cluster_name, cluster.clone(), &context, user, credentials))
    }

    /// Whether the current user has anything to prove who it is.
    pub fn has_credentials(&self) -> bool {
        let Ok(user) = self.user() else { return false };
        let has = |field: &str| user.get(field).is_some_and(|value| !value.is_null() && value != "");
        let has_one_of = |field: &str| has(field) || has(&format!("{field}-data"));
        CREDENTIALS.iter().any(|field| has(field)) || (has_one_of("client-certificate") && has_one_of("client-key"))
    }

    /// The program that the current user gets credentials from, as it stands in the file: `command`, `args`, `env`, ….
    pub fn exec(&self) -> Option<&Value> {
        self.user().ok()?.get("exec").filter(|exec| exec.is_object())
    }

    /// Puts the files into this one that the current cluster and user name, so that it says everything by itself.
    /// `read` gets their contents.
    pub fn embed<E: From<KubeconfigError>>(&mut self, read: impl Fn(&str) -> Result<Vec<u8>, E>) -> Result<(), E> {
        let (cluster, user) = (self.cluster_name()?.to_owned(), self.user_name()?.to_owned());
        if let Some(Material::Path(path)) = self.ca()? {
            let pem = read(&path)?;
            self.put("clusters", "cluster", &cluster, "certificate-authority", STANDARD.encode(pem))?;
        }
        if let Some(Material::Path(path)) = self.client_certificate()? {
            let pem = read(&path)?;
            self.put("users", "user", &user, "client-certificate", STANDARD.encode(pem))?;
        }
        if let Some(Material::Path(path)) = self.client_key()? {
            let pem = read(&path)?;
            self.put("users", "user", &user, "client-key", STANDARD.encode(pem))?;
        }
        if let Some(path) = self.token_file()?.map(str::to_owned) {
            let token = String::from_utf8_lossy(&read(&path)?).trim().to_owned();
            let fields = self.entry_mut("users", "user", &user)?;
            fields.remove("tokenFile");
            fields.insert("token".into(), token.into());
        }
        Ok(())
    }

    /// Takes `field` out and sets `field-data`.
    fn put(
        &mut self,
        list: &str,
        kind: &'static str,
        name: &str,
        field: &str,
        data: String,
    ) -> Result<(), KubeconfigError> {
        let fields = self.entry_mut(list, kind, name)?;
        fields.remove(field);
        fields.insert(format!("{field}-data"), data.into());
        Ok(())
    }

    /// Makes the current cluster believe these authorities, PEM, and no others.
    pub fn set_ca(&mut self, ca_pem: &[u8]) -> Result<(), KubeconfigError> {
        let name = self.cluster_name()?.to_owned();
        self.put("clusters", "cluster", &name, "certificate-authority", STANDARD.encode(ca_pem))
    }

    /// Gives the current cluster another name.
    pub fn rename_cluster(&mut self, to: &str) -> Result<(), KubeconfigError> {
        let (from, context) = (self.cluster_name()?.to_owned(), self.current_context().to_owned());
        let clusters = self.0.get_mut("clusters").and_then(Value::as_array_mut).into_iter().flatten();
        for cluster in clusters.filter(|cluster| cluster["name"] == from.as_str()) {
            cluster["name"] = to.into();
        }
        self.entry_mut("contexts", "context", &context)?.insert("cluster".into(), to.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Kubeconfig {
        Kubeconfig::parse(text.as_bytes()).expect("a kubeconfig")
    }

    const FILE: &str = "\
current-context: x
contexts: [{name: x, context: {cluster: b, user: u}}]
clusters:
- {name: a, cluster: {server: 'https://a:1'}}
- {name: b, cluster: {server: 'https://b:1', certificate-authority: ca.crt, tls-server-name: b.example}}
users:
- {name: other, user: {token: secret}}
- {name: u, user: {client-certificate: u.crt, client-key: u.key, tokenFile: u.token}}
";

    #[test]
    fn only_what_counts_stays_and_files_are_put_in() {
        let mut file = parse(FILE).for_discovery("kubernetes").expect("narrowed");
        let read = |path: &str| Ok::<_, KubeconfigError>(format!("of {path}\n").into_bytes());
        file.embed(read).expect("embedded");
        assert_eq!(
            file.0,
            json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "x",
                "clusters": [{ "name": "kubernetes", "cluster": {
                    "server": "https://b:1", "tls-server-name": "b.example",
                    "certificate-authority-data": STANDARD.encode("of ca.crt\n"),
                } }],
                "contexts": [{ "name": "x", "context": { "cluster": "kubernetes", "user": "u" } }],
                "users": [{ "name": "u", "user": {
                    "client-certificate-data": STANDARD.encode("of u.crt\n"),
                    "client-key-data": STANDARD.encode("of u.key\n"),
                    "token": "of u.token",
                } }],
            })
        );
        file.rename_cluster("prod").expect("renamed");
        assert_eq!((file.cluster_name(), file.server()), (Ok("prod"), Ok("https://b:1")));
        file.set_ca(b"new").expect("set");
        assert_eq!(file.ca(), Ok(Some(Material::Inline(b"new".to_vec()))));
        let missing = |_: &str| Err(KubeconfigError::Shape("gone"));
        assert_eq!(parse(FILE).embed(missing), Err(KubeconfigError::Shape("gone")));
    }

    #[test]
    fn a_cluster_without_a_name_comes_first() {
        let info = parse("clusters: [{name: a, cluster: {server: 'https://a:1'}}, {name: '', cluster: {server: s}}]");
        let file = info.for_discovery("kubernetes").expect("narrowed");
        assert_eq!((info.clusters(), file.clusters(), file.server()), (2, 1, Ok("s")));
        assert!(!file.has_credentials());
        let none = parse("clusters: [{name: a, cluster: {server: 'https://a:1'}}]").for_discovery("kubernetes");
        assert!(matches!(none, Err(KubeconfigError::Missing { kind: "context", .. })));
    }

    #[test]
    fn credentials() {
        for (user, has) in [
            ("{}", false),
            ("{token: ''}", false),
            ("{client-certificate-data: eA==}", false),
            ("{client-certificate-data: eA==, client-key: k}", true),
            ("{token: t}", true),
            ("{tokenFile: t}", true),
            ("{exec: {command: login}}", true),
        ] {
            let text = format!(
                "current-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
                 clusters: [{{name: c, cluster: {{}}}}]\nusers: [{{name: u, user: {user}}}]"
            );
            assert_eq!(parse(&text).has_credentials(), has, "{user}");
        }
        let file = Kubeconfig::for_token("https://s:1", b"A\nB\n", "kubernetes", "me", "secret");
        assert!(file.has_credentials() && !format!("{file:?}").contains("secret"));
        assert_eq!(file.ca(), Ok(Some(Material::Inline(b"A\nB\n".to_vec()))));
        assert_eq!(file.current_context(), "me@kubernetes");
    }
}
