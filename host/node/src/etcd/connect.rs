//! One member's client URL and the connection to it.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::error::EtcdError;
use super::tunnel;
use super::types::Credentials;
use crate::http::Cause;
use crate::node::{Node, lock};

/// More is no answer to anything that is asked here.
const MESSAGE_LIMIT: usize = 4 << 20;

/// A member as clients reach it. Clones share the connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    url: Arc<str>,
    endpoint: Endpoint,
    channel: Arc<Mutex<Option<Channel>>>,
    /// URL of the proxy that is the network of a pretended machine.
    proxy: Option<Arc<str>>,
}

impl Peer {
    pub(super) fn all(
        node: &Node,
        endpoints: &[String],
        credentials: Option<&Credentials>,
    ) -> Result<Arc<[Self]>, EtcdError> {
        endpoints.iter().map(|endpoint| Self::new(node, endpoint, credentials)).collect()
    }

    /// Prepares TLS; nothing is sent.
    pub(super) fn new(node: &Node, url: &str, credentials: Option<&Credentials>) -> Result<Self, EtcdError> {
        let wrong = |why: &str| EtcdError::Endpoint { endpoint: url.to_owned(), why: why.to_owned() };
        let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| wrong("it is no URL"))?;
        match (url.split_once("://"), credentials) {
            (Some(("http", _)), _) => {}
            (Some(("https", _)), Some(credentials)) => {
                let tls = ClientTlsConfig::new()
                    .ca_certificate(Certificate::from_pem(&credentials.ca))
                    .identity(Identity::from_pem(&credentials.certificate, &credentials.key));
                let refused = |source: tonic::transport::Error| EtcdError::Credentials {
                    endpoint: url.to_owned(),
                    source: source.into(),
                };
                endpoint = endpoint.tls_config(tls).map_err(refused)?;
            }
            (Some(("https", _)), None) => return Err(wrong("there are no certificates for it")),
            _ => return Err(wrong("it begins neither with https:// nor with http://")),
        }
        // Every call has a deadline, and one that passes ends the connection. Pings of HTTP/2 would find dead ones no
        // sooner: etcd hangs up on whoever sends them more often than every five seconds.
        let endpoint = endpoint.tcp_nodelay(true);
        let proxy = node.proxy().map(Into::into);
        Ok(Self { url: url.into(), endpoint, channel: Arc::default(), proxy })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// One call; `timeout` covers the connection too.
    pub(super) async fn call<Q, A>(
        &self,
        service: &str,
        call: &'static str,
        timeout: Duration,
        message: Q,
    ) -> Result<A, EtcdError>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let answer = tokio::time::timeout(timeout, self.ask(service, call, message)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(EtcdError::Silent { endpoint: self.url.to_string(), call, timeout }));
        if matches!(answer, Err(EtcdError::Silent { .. } | EtcdError::Broken { .. })) {
            // The next call finds out by itself, and says better what is wrong.
            *lock(&self.channel) = None;
        }
        answer
    }

    async fn ask<Q, A>(&self, service: &str, call: &'static str, message: Q) -> Result<A, EtcdError>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let path = PathAndQuery::try_from(format!("/etcdserverpb.{service}/{call}"));
        let path = path.unwrap_or_else(|_| PathAndQuery::from_static("/"));
        let channel = self.channel().await?;
        let mut grpc = tonic::client::Grpc::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
        let ready = grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()));
        let codec = tonic_prost::ProstCodec::<Q, A>::default();
        let answer = match ready {
            Ok(()) => grpc.unary(tonic::Request::new(message), path, codec).await,
            Err(status) => Err(status),
        };
        answer.map(tonic::Response::into_inner).map_err(|status| EtcdError::answer(&self.url, call, &status))
    }

    /// The connection that there is, or a new one. A lazy channel would lose the reason why there is none.
    async fn channel(&self) -> Result<Channel, EtcdError> {
        let known = lock(&self.channel).clone();
        if let Some(channel) = known {
            return Ok(channel);
        }
        let connected = match &self.proxy {
            Some(proxy) => tunnel::connect(&self.endpoint, proxy).await,
            None => self.endpoint.connect().await,
        };
        let channel = connected.map_err(|error| self.unreachable(Cause::of(&error), error.into()))?;
        *lock(&self.channel) = Some(channel.clone());
        Ok(channel)
    }

    fn unreachable(&self, cause: Cause, source: Box<dyn Error + Send + Sync>) -> EtcdError {
        EtcdError::Connect { endpoint: self.url.to_string(), cause, source }
    }
}
