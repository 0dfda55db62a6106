//! The signature with which a token vouches for `cluster-info`: JWS in compact form (RFC 7515) by HMAC with SHA-256,
//! without its payload, which stands beside it (appendix F).

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Signs `payload` (the text of the kubeconfig) with the secret half of a token; `token_id` is its other half. The
/// controller manager's `bootstrapsigner` makes the same, and those who join with the token compare.
pub fn sign(token_id: &str, secret: &str, payload: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{token_id}"}}"#));
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let tag = hmac(&Key::new(HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(tag))
}
