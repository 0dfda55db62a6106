//! Asking an IPv6 address through the proxy of a pretended machine. reqwest takes the brackets around such an address for
//! a part of the server's name, and finds that no name looks so; kube's client does not. Nothing real is asked this way.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::{Request, Uri};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use kube::{Client, Config};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{BODY_LIMIT, HttpError, Options, Response, Tls};
use crate::node::base64;

type Failure = Box<dyn Error + Send + Sync>;

/// Whether a URL is one that has to be asked for like this.
pub(super) fn is_needed(url: &str) -> bool {
    url.starts_with("https://[")
}

/// One GET through the proxy that the options name.
pub(super) async fn get(url: &str, options: &Options, timeout: Duration) -> Result<Response, HttpError> {
    let asked = tokio::time::timeout(timeout, ask(url, options)).await;
    let answer = asked.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
    answer.map_err(|source| HttpError::Tunnel { url: url.to_owned(), source })
}

async fn ask(url: &str, options: &Options) -> Result<Response, Failure> {
    let uri: Uri = url.parse()?;
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str())).body(Body::empty())?;
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let mut config = Config::new(format!("https://{authority}/").parse()?);
    match &options.tls {
        Tls::System => {}
        // Who pretends has no certificates of the machine's authorities.
        Tls::Roots(pem) | Tls::SystemAnd(pem) => {
            let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            config.root_cert = Some(roots?.iter().map(|root| root.to_vec()).collect());
        }
        Tls::Insecure => config.accept_invalid_certs = true,
    }
    if let Some(pem) = &options.identity {
        // Of each it takes what it is looking for.
        config.auth_info.client_certificate_data = Some(base64(pem));
        config.auth_info.client_key_data = Some(base64(pem).into());
    }
    config.default_retry = false;
    config.proxy_url = options.proxy.as_deref().map(str::parse).transpose()?;
    let response = Client::try_from(config)?.send(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await?.to_bytes().to_vec();
    Ok(Response { status, body })
}
