//! Setting `kube`'s client up from an [`Endpoint`], without looking at the environment or at files.

use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::{Client, Config};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{ApiError, Endpoint};
use crate::node::base64;

/// Time to get a connection. What takes longer is tried again.
const CONNECT: Duration = Duration::from_secs(5);

pub(super) fn connect(endpoint: &Endpoint, proxy: Option<&str>) -> Result<Client, ApiError> {
    let setup = |why: String| ApiError::Setup { server: endpoint.server.clone(), why };
    let url = endpoint.server.parse().map_err(|error| setup(format!("its URL is none: {error}")))?;
    let mut config = Config::new(url);
    if let Some(pem) = &endpoint.ca {
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(pem).map(|item| item.map(|der| der.to_vec())).collect();
        let certificates = certificates.map_err(|error| setup(format!("its authorities are no PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(setup("there is no certificate among its authorities".into()));
        }
        config.root_cert = Some(certificates);
    }
    if let Some((certificate, key)) = &endpoint.identity {
        config.auth_info.client_certificate_data = Some(base64(certificate));
        config.auth_info.client_key_data = Some(base64(key).into());
    }
    config.auth_info.token = endpoint.token.clone().map(Into::into);
    config.accept_invalid_certs = endpoint.insecure;
    config.tls_server_name = endpoint.tls_server_name.clone();
    config.connect_timeout = Some(CONNECT);
    // Calls and watches have deadlines of their own.
    config.read_timeout = None;
    config.write_timeout = None;
    config.default_retry = false;
    // Its first word is the name under which the server keeps which fields are ours.
    let agent = HeaderValue::from_static(concat!("kubephase/", env!("CARGO_PKG_VERSION")));
    config.headers.push((USER_AGENT, agent));
    if let Some(proxy) = proxy {
        config.proxy_url = Some(proxy.parse().map_err(|error| setup(format!("its proxy's URL is none: {error}")))?);
    }
    Client::try_from(config).map_err(|error| setup(super::error::innermost(&error)))
}
