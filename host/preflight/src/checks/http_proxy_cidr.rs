//! `HTTPProxyCIDR`: requests to Services and pods must not go through a proxy.

use kubephase_model::names::Cidr;
use kubephase_node::Node;

use crate::check::{Check, Finding, Findings, at_once};
use crate::proxy::Proxies;

/// The check. kubeadm: `HTTPProxyCIDRCheck`, which asks for the first address of the CIDR at port 1234. A CIDR that is
/// empty passes.
pub struct HttpProxyCidr {
    /// One CIDR of `serviceSubnet` or `podSubnet`.
    pub cidr: String,
    /// The environment's `*_proxy` variables.
    pub env: Vec<(String, String)>,
}

const NAME: &str = "HTTPProxyCIDR";

impl Check for HttpProxyCidr {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "Services and pods are not reached through a proxy"
    }

    fn run<'a>(&'a self, _node: &'a Node) -> Findings<'a> {
        let cidr = self.cidr.trim();
        if cidr.is_empty() {
            return at_once(None);
        }
        let Some(first) = cidr.parse().ok().map(|network: Cidr| network.nth(1).unwrap_or(network.network())) else {
            return at_once([Finding::error(NAME, format!("`{cidr}` is no CIDR"))
                .expected("a network such as 10.96.0.0/12")
                .remedy("correct networking.serviceSubnet or networking.podSubnet")]);
        };
        let host = first.to_string();
        at_once(Proxies::from_env(&self.env).for_https(&host, 1234).map(|proxy| {
            Finding::warning(NAME, format!("requests to {cidr} go through the proxy {proxy}"))
                .expected("direct connections to Services and pods")
                .remedy(format!("add {cidr} to NO_PROXY: the cluster may not work otherwise"))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    fn check(cidr: &str, no_proxy: &str) -> HttpProxyCidr {
        let env = [("https_proxy", "http://proxy:3128"), ("no_proxy", no_proxy)];
        HttpProxyCidr { cidr: cidr.into(), env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into() }
    }

    #[tokio::test]
    async fn excepted_proxied_empty_bad() {
        assert_eq!(Machine::new().run(&check("10.96.0.0/12", "10.96.0.0/12")).await, []);
        assert_eq!(Machine::new().run(&check("", "")).await, []);
        assert_eq!(Machine::new().run(&check("fd00:10::/64", "fd00::/16")).await, []);
        let finding = Machine::new().one(&check("10.96.0.0/12", "")).await;
        assert_eq!(finding.seen, "requests to 10.96.0.0/12 go through the proxy http://proxy:3128");
        assert_eq!(Machine::new().one(&check("10.96.0.0", "")).await.seen, "`10.96.0.0` is no CIDR");
    }
}
