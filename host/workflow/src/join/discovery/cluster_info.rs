//! The ConfigMap `kube-public/cluster-info`: getting it, and telling whether a token vouches for what it says. Until then
//! it is only text that somebody sent.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kubephase_engine::Level;
use kubephase_model::object::{CONFIG_MAP, ObjectRef};
use kubephase_node::http::{Cause, Client, HttpError};
use kubephase_render::jws;
use serde_json::Value;
use tokio::time::{Duration, sleep};

use super::{Deadline, DiscoveryError, Tell};

/// The first pause; each one is twice the one before. kubeadm pauses for five seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A single attempt gets no more.
const ATTEMPT: Duration = Duration::from_secs(10);
/// After this long it is told what is being waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// No server needs more words to say no.
const LONGEST_MESSAGE: usize = 200;

/// Where it is.
pub(super) fn object() -> ObjectRef {
    ObjectRef::new(&CONFIG_MAP, Some("kube-public"), "cluster-info")
}

/// What it says, as far as it matters for one token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClusterInfo {
    /// Text of the kubeconfig.
    pub kubeconfig: String,
    /// The token's signature, detached.
    signature: String,
}

/// The two halves of a token.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    /// The public half.
    pub id: &'a str,
    /// The other half.
    pub secret: &'a str,
}

/// Gets it from `host:port` without credentials, until there is one that is signed for the token.
pub(super) async fn get(
    client: &Client,
    host_port: &str,
    token: Token<'_>,
    deadline: Deadline,
    tell: Tell<'_>,
) -> Result<ClusterInfo, DiscoveryError> {
    let url = format!("https://{host_port}{}", object().path());
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        let attempt = ATTEMPT.min(deadline.left().max(FIRST_PAUSE));
        let waited = || deadline.waited();
        let error = match client.get(&url, attempt).await {
            Ok(response) if response.status == 200 => match read(&response.body, token.id) {
                Ok(Some(info)) => return Ok(info),
                // It is signed a moment after the token has been made.
                Ok(None) => {
                    DiscoveryError::UnknownToken { url: url.clone(), token_id: token.id.to_owned(), waited: waited() }
                }
                // Load balancers say strange things while there is nothing behind them.
                Err(why) => DiscoveryError::NoClusterInfo { url: url.clone(), why },
            },
            Ok(response) => {
                let (status, message) = (response.status, message(&response.body));
                DiscoveryError::Refused { url: url.clone(), status, message, waited: waited() }
            }
            Err(HttpError::TooLong { .. }) => return Err(DiscoveryError::TooLong { url }),
            Err(error) => match error.cause() {
                // Whoever it is will not be somebody else soon.
                Cause::Certificate => return Err(DiscoveryError::Unproven { url, why: error.reason() }),
                Cause::TimedOut => DiscoveryError::Slow { url: url.clone(), waited: waited() },
                _ => {
                    let (why, hint) = (error.reason(), error.hint());
                    DiscoveryError::Unreachable { url: url.clone(), waited: waited(), why, hint }
                }
            },
        };
        if deadline.left() <= pause {
            return Err(error);
        }
        if !told && deadline.waited() > PATIENCE {
            told = true;
            tell(Level::Info, format!("{error}; trying for {} s more", deadline.left().as_secs()));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Reads the ConfigMap; `None` if the token has no signature there.
fn read(body: &[u8], token_id: &str) -> Result<Option<ClusterInfo>, &'static str> {
    let value: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON")?;
    if value["kind"] != "ConfigMap" {
        return Err("it is no ConfigMap");
    }
    let text = |key: &str| value["data"][key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let kubeconfig = text("kubeconfig").ok_or("it has no key `kubeconfig`")?;
    Ok(text(&format!("jws-kubeconfig-{token_id}")).map(|signature| ClusterInfo { kubeconfig, signature }))
}

/// The message of a Status, or the first words of what is none.
fn message(body: &[u8]) -> String {
    let status: Option<Value> = serde_json::from_slice(body).ok();
    let said = status.as_ref().and_then(|status| status["message"].as_str());
    let text = said.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
}

impl ClusterInfo {
    /// Whether the token vouches for it. Of a signature that does not fit it is told what it is instead, as far as that
    /// can be known without its key.
    pub(super) fn verify(&self, token: Token<'_>) -> Result<(), DiscoveryError> {
        let ours = jws::sign(token.id, token.secret, &self.kubeconfig);
        if verify_slices_are_equal(ours.as_bytes(), self.signature.as_bytes()).is_ok() {
            return Ok(());
        }
        let token_id = token.id.to_owned();
        match signer(&self.signature) {
            Err(why) => Err(DiscoveryError::BadSignature { token_id, why }),
            Ok(signer) if signer != token.id => Err(DiscoveryError::ForeignSignature { token_id, signer }),
            Ok(_) => Err(DiscoveryError::Tampered { token_id }),
        }
    }
}

/// By its own words the id of the token that it was made with.
fn signer(signature: &str) -> Result<String, &'static str> {
    let mut parts = signature.split('.');
    let (Some(header), Some(""), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err("it is not detached");
    };
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| "its header is no base64")?;
    let header: Value = serde_json::from_slice(&header).map_err(|_| "its header is no JSON")?;
    if header["alg"] != "HS256" {
        return Err("its algorithm is not HS256");
    }
    let is_id = |id: &&str| id.len() == 6 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    header["kid"].as_str().filter(is_id).map(str::to_owned).ok_or("it names no token")
}
