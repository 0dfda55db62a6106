//! What was written into one file, as far as it may be kept: to tell later what others have changed about it. No secrets
//! are, even if whoever had the file written did not say that it is one.

use kubephase_model::File;
use kubephase_node::{FileError, Node};
use serde::{Deserialize, Serialize};

use super::digest_of;

/// Longer texts are not kept: what we write is manifests and configurations.
const LONGEST: usize = 64 << 10;

/// A file as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// [`digest_of`] the contents.
    pub digest: String,
    /// Permission bits.
    pub mode: u32,
    /// The contents, if they are text and there is no secret in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Written {
    /// The file as it is now, or is about to be. `None` if it is not there.
    pub fn now(node: &Node, path: &str, secret: bool) -> Result<Option<Self>, FileError> {
        let Some(contents) = node.read(path)? else { return Ok(None) };
        let mode = node.mode(path).unwrap_or(File::public("", "").mode);
        let digest = digest_of(&contents);
        let text = String::from_utf8(contents).ok().filter(|text| !secret && text.len() <= LONGEST && !tells(text));
        Ok(Some(Self { digest, mode, text }))
    }
}

/// Fields of kubeconfig files, of configurations of encryption, registries and tokens that hold secrets, in lower case.
const FIELDS: [&str; 10] = [
    "auth",
    "authorization",
    "certificate-key",
    "certificatekey",
    "client-key-data",
    "identitytoken",
    "password",
    "secret",
    "token",
    "tls-bootstrap-token",
];

/// Whether a text looks as if there was a secret in it. Of a file that is wrongly taken for one only the difference cannot
/// be shown.
fn tells(text: &str) -> bool {
    text.contains("PRIVATE KEY-----") || text.split(['\n', ',', '{']).any(gives)
}

/// Whether it is such a field with a value: `token: x`, `"password": "x"`, `secret = "x"`, `- --token=x`.
fn gives(part: &str) -> bool {
    let part = part.trim_start_matches(['-', '"', '\'', ' ', '\t']);
    let Some((name, value)) = part.split_once([':', '=']) else { return false };
    let name = name.trim_end_matches(['"', '\'', ' ']).to_ascii_lowercase();
    let value = value.trim_matches(['"', '\'', ' ', '\r']);
    !value.is_empty() && !matches!(value, "null" | "[" | "true" | "false") && FIELDS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_a_secret_is_not_kept_whoever_wrote_it() {
        for text in [
            "-----BEGIN EC PRIVATE KEY-----\nMHc\n",
            "users:\n- name: u\n  user:\n    token: abcdef.0123456789abcdef\n",
            "users: [{name: u, user: {client-key-data: TFM=}}]\n",
            r#"{"auths": {"example.com": {"auth": "dXNlcjpwYXNz"}}}"#,
            "providers:\n- secretbox:\n    keys:\n    - name: a\n      secret: c2VjcmV0\n",
            "[host.\"https://m\".header]\n  Authorization = \"Basic dXNlcg==\"\n",
            "controlPlane:\n  certificateKey: 0011\n",
            "command:\n- run\n- --token=x\n",
        ] {
            assert!(tells(text), "{text}");
        }
        // Whether these have changed is what people want to see.
        for text in [
            include_str!("../../../../tests/fixtures/golden/v1.36/01-defaults/files/var/lib/kubelet/config.yaml"),
            include_str!(
                "../../../../tests/fixtures/golden/v1.36/01-defaults/files/etc/kubernetes/manifests/kube-apiserver.yaml"
            ),
            include_str!(
                "../../../../tests/fixtures/golden/v1.36/01-defaults/files/etc/kubernetes/manifests/etcd.yaml"
            ),
            "authorization:\n  mode: Webhook\nvolumes:\n- secret: {secretName: a}\n",
            "KUBELET_KUBEADM_ARGS=\"--hostname-override=w9\"\n",
            "",
        ] {
            assert!(!tells(text), "{text}");
        }
    }
}
