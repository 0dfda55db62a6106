//! Getting a token from the server that a registry names (distribution's token authentication, and its OAuth 2 variant for
//! identity tokens).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_node::http::exchange::Request;
use serde::Deserialize;
use url::Url;

use super::RegistryError;
use super::challenge::Challenge;
use super::credentials::Credentials;
use super::session::{Access, Session, said};

/// Tokens have some kilobytes.
const LIMIT: u64 = 1 << 20;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

impl Session {
    /// What to send as `Authorization` from now on.
    pub(super) async fn authorize(&self, headers: &[String], access: &Access) -> Result<String, RegistryError> {
        let challenges: Vec<Challenge> = headers.iter().flat_map(|header| Challenge::read(header)).collect();
        let credentials = self.credentials(&access.repository).await?;
        let with = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        match (&credentials, with("bearer"), with("basic")) {
            (Some(Credentials::Token(token)), Some(_), _) => Ok(format!("Bearer {token}")),
            (_, Some(challenge), _) => {
                Ok(format!("Bearer {}", self.token(challenge, access, credentials.as_ref()).await?))
            }
            (Some(Credentials::Password(name, password)), None, Some(_)) => Ok(basic(name, password)),
            (_, None, Some(_)) => Err(self.denied(access, credentials.is_some(), String::new())),
            (_, None, None) => {
                let known: Vec<&str> = challenges.iter().map(|challenge| challenge.scheme.as_str()).collect();
                let why = if known.is_empty() { "it does not say how".to_owned() } else { known.join(", ") };
                Err(RegistryError::Challenge { host: self.host.clone(), why })
            }
        }
    }

    async fn token(
        &self,
        challenge: &Challenge,
        access: &Access,
        credentials: Option<&Credentials>,
    ) -> Result<String, RegistryError> {
        let realm = self.realm(challenge)?;
        let host = realm.host_str().unwrap_or_default().to_owned();
        let scope = challenge.get("scope").map_or_else(|| access.scope(), str::to_owned);
        let service = challenge.get("service").unwrap_or_default();
        let mut request = match credentials {
            Some(Credentials::Identity(token)) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token").append_pair("service", service);
                form.append_pair("client_id", "kubephase")
                    .append_pair("scope", &scope)
                    .append_pair("refresh_token", token);
                let body = form.finish().into_bytes();
                Request { body, ..Request::new("POST", realm.as_str()) }
                    .header("content-type", "application/x-www-form-urlencoded")
            }
            _ => {
                let mut url = realm;
                {
                    let mut query = url.query_pairs_mut();
                    if !service.is_empty() {
                        query.append_pair("service", service);
                    }
                    query.append_pair("scope", &scope);
                }
                let request = Request::new("GET", url.as_str());
                match credentials {
                    Some(Credentials::Password(name, password)) => {
                        request.header("authorization", basic(name, password))
                    }
                    _ => request,
                }
            }
        };
        request = request.header("accept", "application/json");
        let answer = self.attempt(&host, request).await?;
        let status = answer.status();
        let body = answer.body(LIMIT).await;
        let body = body.map_err(|source| RegistryError::NoAnswer { host: host.clone(), source })?;
        match status {
            200 => {}
            400 | 401 | 403 => return Err(self.denied(access, credentials.is_some(), said(&body))),
            status => {
                return Err(RegistryError::Status { host, action: "give a token".into(), status, said: said(&body) });
            }
        }
        let nonsense = || RegistryError::Nonsense { host: host.clone(), why: "it gives no token".into() };
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| nonsense())?;
        let token = if answer.token.is_empty() { answer.access_token } else { answer.token };
        // It goes into a header.
        let is_plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_plain { Ok(token) } else { Err(nonsense()) }
    }

    /// The token server. A registry with TLS that names one without would have passwords sent in the clear.
    fn realm(&self, challenge: &Challenge) -> Result<Url, RegistryError> {
        let fail = |why: &str| RegistryError::Challenge { host: self.host.clone(), why: why.to_owned() };
        let realm = challenge.get("realm").ok_or_else(|| fail("it names no token server"))?;
        let realm = Url::parse(realm).map_err(|_| fail("the token server that it names is no URL"))?;
        match realm.scheme() {
            "https" => Ok(realm),
            "http" if self.is_plain => Ok(realm),
            "http" => Err(fail("the token server that it names has no TLS")),
            _ => Err(fail("the token server that it names is not on the web")),
        }
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}
