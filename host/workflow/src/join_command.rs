//! The command with which another node joins the cluster (kubeadm's `cmdutil.GetJoinCommand`). kubeadm understands the
//! same words: only the program's name is another one. Pure: it is put together from a server's URL, the authorities'
//! certificates and secrets that the caller hands in; whether those may be shown is the caller's decision.

use std::fmt::{self, Write};

use aws_lc_rs::digest::{SHA256, digest};
use kubephase_model::names::HostPort;
use kubephase_pki::{Cert, CertError};
use kubephase_render::kubeconfig::{Kubeconfig, KubeconfigError, Material};

use crate::error::PhaseError;

/// Stands where a secret is not to be shown, as kubeadm prints it.
pub const WITHHELD: &str = "<value withheld>";

/// Whose command it is.
const PROGRAM: &str = "kubephase";

/// A `join` command line. Holds secrets: `Debug` leaves them out, its text has them.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinCommand {
    /// `host:port` of the API server.
    pub endpoint: String,
    /// The bootstrap token; [`WITHHELD`] is printed if there is none.
    pub token: Option<String>,
    /// Pins of the authorities, `sha256:` and 64 hexadecimal digits each. See [`ca_hash`].
    pub ca_hashes: Vec<String>,
    /// Whether the node becomes a control-plane node.
    pub control_plane: bool,
    /// What the uploaded certificates are sealed with, if they were uploaded; `Some(WITHHELD)` if it is not to be shown.
    /// Of no meaning for a worker.
    pub certificate_key: Option<String>,
}

impl JoinCommand {
    /// A worker's command without a token. `server` is a kubeconfig's URL (`https://10.0.0.1:6443`); `ca_pem` holds the
    /// authorities that it trusts, one pin is made of each; `name` is the place of `ca_pem`, for errors.
    pub fn new(server: &str, name: &str, ca_pem: &[u8]) -> Result<Self, CertError> {
        let authorities = Cert::all_from_pem(name, ca_pem)?;
        Ok(Self {
            endpoint: endpoint(server),
            token: None,
            ca_hashes: authorities.iter().map(ca_hash).collect(),
            control_plane: false,
            certificate_key: None,
        })
    }

    /// [`JoinCommand::new`] for the current cluster of a kubeconfig file. `read` gets the authorities' file, if the
    /// kubeconfig names one instead of holding them.
    pub fn of(
        kubeconfig: &Kubeconfig,
        path: &str,
        read: impl FnOnce(&str) -> Option<Vec<u8>>,
    ) -> Result<Self, PhaseError> {
        let fail = |source| PhaseError::Kubeconfig { path: path.to_owned(), source };
        let none = || Ok(KubeconfigError::NoCa(kubeconfig.cluster_name()?.to_owned()));
        let (name, pem) = match kubeconfig.ca().map_err(fail)? {
            Some(Material::Inline(pem)) => (path.to_owned(), pem),
            Some(Material::Path(file)) => match read(&file) {
                Some(pem) => (file, pem),
                None => return Err(fail(none().unwrap_or_else(|error| error))),
            },
            None => return Err(fail(none().unwrap_or_else(|error| error))),
        };
        Ok(Self::new(kubeconfig.server().map_err(fail)?, &name, &pem)?)
    }

    /// With this token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// For a control-plane node, with the certificate key if one is known.
    #[must_use]
    pub fn for_control_plane(mut self, certificate_key: Option<String>) -> Self {
        self.control_plane = true;
        self.certificate_key = certificate_key;
        self
    }

    /// The command, without a line's end: on one line, or on several as a shell reads them and as they fit a screen.
    pub fn to_text(&self, one_line: bool) -> String {
        let next = if one_line { " " } else { " \\\n\t" };
        let token = self.token.as_deref().unwrap_or(WITHHELD);
        let mut text = format!("{PROGRAM} join {} --token {token}", self.endpoint);
        for (i, hash) in self.ca_hashes.iter().enumerate() {
            let before = if i == 0 { next } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{before}--discovery-token-ca-cert-hash {hash}");
        }
        if self.control_plane {
            let _ = write!(text, "{next}--control-plane");
            if let Some(key) = &self.certificate_key {
                let _ = write!(text, " --certificate-key {key}");
            }
        }
        text
    }
}

impl fmt::Debug for JoinCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinCommand")
            .field("endpoint", &self.endpoint)
            .field("ca_hashes", &self.ca_hashes)
            .field("control_plane", &self.control_plane)
            .finish_non_exhaustive()
    }
}

/// The pin of an authority: SHA-256 of its public key (SubjectPublicKeyInfo), so that it stays the same when the
/// certificate is renewed with the same key (RFC 7469, 2.4; kubeadm's `pubkeypin.Hash`).
pub fn ca_hash(authority: &Cert) -> String {
    let hash = digest(&SHA256, authority.public_der());
    hash.as_ref().iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The `host:port` of a URL. `join` wants a port; a URL without one means 443.
fn endpoint(server: &str) -> String {
    let rest = server.strip_prefix("https://").unwrap_or(server).trim_end_matches('/');
    match rest.parse::<HostPort>() {
        Ok(host @ HostPort { port: None, .. }) => host.with_port(443),
        _ => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `kubeadm init` printed, and the authority that it had made.
    const CA: &[u8] = include_bytes!("../../../tests/fixtures/golden/v1.36/live/pki/ca.crt");
    const WORKER: &str = include_str!("../../../tests/fixtures/golden/v1.36/live/join-worker.txt");
    const CONTROL_PLANE: &str = include_str!("../../../tests/fixtures/golden/v1.36/live/join-control-plane.txt");
    const HASH: &str = "sha256:023e8218d9527146d90d2f6df0229a24718e4973589113f236d6a9502568691e";

    fn command() -> JoinCommand {
        JoinCommand::new("https://kadm.test:6443", "ca.crt", CA).unwrap().with_token("abcdef.0123456789abcdef")
    }

    /// The recorded text has spaces at the ends. The program's name is the one difference.
    fn recorded(text: &str) -> String {
        let arguments = text.trim().strip_prefix("kubeadm join ").expect("kubeadm's command");
        format!("kubephase join {arguments}")
    }

    #[test]
    fn as_kubeadm_prints_it_but_for_the_name() {
        let worker = command();
        assert_eq!(worker.to_text(false), recorded(WORKER));
        assert_eq!(worker.to_text(true), recorded(WORKER).replace("\\\n\t", ""));
        let key = "e6a2eb8581237ab72a4f494f30285ec12a9694d750b9785706a83bfcbbbd2204";
        let other = worker.clone().for_control_plane(Some(key.to_owned()));
        assert_eq!(other.to_text(false), recorded(CONTROL_PLANE));
        assert_eq!(other.to_text(true), recorded(CONTROL_PLANE).replace("\\\n\t", ""));
        assert_eq!(
            worker.for_control_plane(None).to_text(true),
            recorded(CONTROL_PLANE).replace("\\\n\t", "").replace(&format!(" --certificate-key {key}"), "")
        );
    }

    #[test]
    fn secrets_can_be_withheld_and_never_show_by_accident() {
        let command = command().for_control_plane(Some(WITHHELD.to_owned()));
        let debug = format!("{command:?}");
        assert!(!debug.contains("0123456789abcdef"), "{debug}");
        let text = JoinCommand { token: None, ..command }.to_text(true);
        assert!(text.contains("--token <value withheld> "), "{text}");
        assert!(text.ends_with("--certificate-key <value withheld>"), "{text}");
    }

    #[test]
    fn every_authority_of_a_bundle_is_pinned() {
        let bundle = [CA, CA].concat();
        let command = JoinCommand::new("https://10.0.0.1:6443", "ca.crt", &bundle).unwrap();
        assert_eq!(command.ca_hashes, [HASH, HASH]);
        assert_eq!(command.to_text(true).matches(" --discovery-token-ca-cert-hash ").count(), 2);
        let error = JoinCommand::new("https://10.0.0.1:6443", "ca.crt", b"nothing").unwrap_err();
        assert_eq!(error.to_string(), "reading ca.crt: there is no certificate in it");
    }

    #[test]
    fn the_endpoint_has_a_port() {
        for (server, wanted) in [
            ("https://10.0.0.1:6443", "10.0.0.1:6443"),
            ("https://[fd00::1]:6443", "[fd00::1]:6443"),
            ("https://api.example.com", "api.example.com:443"),
            ("https://api.example.com/", "api.example.com:443"),
            ("https://fd00::1", "[fd00::1]:443"),
            // Nothing to mend: `join` will say what is wrong with it.
            ("https://api.example.com/cluster", "api.example.com/cluster"),
        ] {
            assert_eq!(endpoint(server), wanted, "{server}");
        }
    }

    #[test]
    fn of_a_kubeconfig_file() {
        let pem = String::from_utf8(CA.to_vec()).unwrap();
        let auth = kubephase_render::kubeconfig::Auth::Token("t");
        let inline = Kubeconfig::new("https://10.0.0.1:6443", &pem, "kubernetes", "admin", auth);
        let command = JoinCommand::of(&inline, "admin.conf", |_| None).unwrap();
        assert_eq!((command.endpoint.as_str(), &*command.ca_hashes), ("10.0.0.1:6443", &[HASH.to_owned()][..]));

        let text = "clusters: [{name: c, cluster: {server: 'https://h:1', certificate-authority: ca.crt}}]\n\
                    contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n";
        let named = Kubeconfig::parse(text.as_bytes()).unwrap();
        let found = JoinCommand::of(&named, "admin.conf", |file| (file == "ca.crt").then(|| CA.to_vec())).unwrap();
        assert_eq!((found.endpoint, found.ca_hashes), ("h:1".to_owned(), command.ca_hashes));
        let error = JoinCommand::of(&named, "admin.conf", |_| None).unwrap_err();
        assert!(
            matches!(error, PhaseError::Kubeconfig { source: KubeconfigError::NoCa(cluster), .. } if cluster == "c")
        );
    }
}
