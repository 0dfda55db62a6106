//! `HTTPProxy`: requests to the API server must not go through a proxy.

use kubephase_node::Node;

use crate::check::{Check, Finding, Findings, at_once};
use crate::proxy::Proxies;

/// The check. kubeadm: `HTTPProxyCheck`.
pub struct HttpProxy {
    /// Address or name that will be talked to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The environment's `*_proxy` variables.
    pub env: Vec<(String, String)>,
}

const NAME: &str = "HTTPProxy";

impl Check for HttpProxy {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the API server is not reached through a proxy"
    }

    fn run<'a>(&'a self, _node: &'a Node) -> Findings<'a> {
        at_once(Proxies::from_env(&self.env).for_https(&self.host, self.port).map(|proxy| {
            Finding::warning(NAME, format!("requests to https://{} go through the proxy {proxy}", self.host))
                .expected("a direct connection")
                .remedy(format!("if that is not intended, add {} to NO_PROXY", self.host))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    fn check(no_proxy: &str) -> HttpProxy {
        let env = [("HTTPS_PROXY", "http://bob:hunter2@proxy:3128"), ("NO_PROXY", no_proxy)];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        HttpProxy { host: "10.0.0.5".into(), port: 6443, env }
    }

    #[tokio::test]
    async fn direct_or_through_a_proxy() {
        assert_eq!(Machine::new().run(&check("10.0.0.0/8")).await, []);
        let finding = Machine::new().one(&check("")).await;
        assert_eq!(
            finding.to_string(),
            "requests to https://10.0.0.5 go through the proxy http://proxy:3128; expected: a direct connection"
        );
    }
}
