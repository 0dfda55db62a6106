//! Which subnets this node's pods get, and how the others' are reached.

use kubephase_sdk::facts::ClusterFacts;
use kubephase_sdk::prelude::*;
use pod_network::Subnet;

use crate::settings::Settings;

/// What is so on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Subnets of its pods.
    pub subnets: Vec<Subnet>,
    /// Other nodes' subnets, and the address behind which they are.
    pub others: Vec<(Subnet, Option<String>)>,
}

/// Settings that make no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    id: &'static str,
    message: String,
    remedy: &'static str,
}

impl Problem {
    fn new(id: &'static str, message: String, remedy: &'static str) -> Self {
        Self { id, message, remedy }
    }

    /// As a check tells it.
    pub fn finding(self) -> Finding {
        Finding::error(self.id, self.message).remedy(self.remedy)
    }

    /// As an addon that cannot be made tells it.
    pub fn failure(self) -> Failure {
        Failure::invalid(self.message).remedy(self.remedy)
    }
}

impl Plan {
    /// Takes settings and what is known of the cluster together.
    ///
    /// # Errors
    ///
    /// The first [`Problem`] of the settings.
    pub fn of(settings: &Settings, cluster: &ClusterFacts) -> Result<Self, Problem> {
        let pods = parse_all(&cluster.pod_subnets, "PodSubnet", "correct networking.podSubnet")?;
        let services = parse_all(&cluster.service_subnets, "ServiceSubnet", "correct networking.serviceSubnet")?;
        let plan = if settings.nodes.is_empty() {
            Self::single(settings, cluster, &pods)?
        } else {
            Self::among(settings, cluster)?
        };
        for subnet in plan.subnets.iter().chain(plan.others.iter().map(|(subnet, _)| subnet)) {
            let family = |other: &&Subnet| other.is_ipv6() == subnet.is_ipv6();
            if !pods.is_empty() && !pods.iter().filter(family).any(|all| all.contains(subnet)) {
                let message =
                    format!("{subnet} is not within the cluster's pod subnets ({})", list(&cluster.pod_subnets));
                return Err(Problem::new("PodSubnet", message, "choose subnets within networking.podSubnet"));
            }
            if let Some(service) = services.iter().find(|service| service.overlaps(subnet)) {
                let message = format!("{subnet} has addresses in common with the subnet of Services, {service}");
                return Err(Problem::new("ServiceSubnet", message, "choose another subnet for pods or for Services"));
            }
            // Network, bridge, broadcast, and at least one pod.
            if subnet.length() > if subnet.is_ipv6() { 126 } else { 30 } {
                let message = format!("{subnet} has no address left for a pod");
                return Err(Problem::new("PodSubnet", message, "choose a larger subnet"));
            }
        }
        Ok(plan)
    }

    fn single(settings: &Settings, cluster: &ClusterFacts, pods: &[Subnet]) -> Result<Self, Problem> {
        if cluster.workflow == "join" {
            let message =
                format!("no subnet is set for the pods of node {}, which is not the only one", cluster.node_name);
            let remedy = "set `nodes` in the plugin's settings, with a subnet for each node";
            return Err(Problem::new("NodeSubnet", message, remedy));
        }
        let subnets = match settings.subnets.as_slice() {
            [] => pods.to_vec(),
            subnets => parse_all(subnets, "PodSubnet", "correct `subnets` in the plugin's settings")?,
        };
        if subnets.is_empty() {
            let message = "the cluster has no pod subnet".to_owned();
            return Err(Problem::new(
                "PodSubnet",
                message,
                "set networking.podSubnet, or `subnets` in the plugin's settings",
            ));
        }
        one_per_family(&subnets)?;
        Ok(Self { subnets, others: Vec::new() })
    }

    fn among(settings: &Settings, cluster: &ClusterFacts) -> Result<Self, Problem> {
        let mut plan = Self { subnets: Vec::new(), others: Vec::new() };
        let mut seen: Vec<(&str, Subnet)> = Vec::new();
        for (name, node) in &settings.nodes {
            let subnets = parse_all(&node.subnets, "PodSubnet", "correct `nodes` in the plugin's settings")?;
            one_per_family(&subnets)?;
            for subnet in subnets {
                if let Some((other, theirs)) = seen.iter().find(|(_, theirs)| theirs.overlaps(&subnet)) {
                    let message =
                        format!("{subnet} of node {name} has addresses in common with {theirs} of node {other}");
                    return Err(Problem::new("NodeSubnet", message, "give each node a subnet of its own"));
                }
                seen.push((name, subnet));
                if *name == cluster.node_name {
                    plan.subnets.push(subnet);
                } else {
                    plan.others.push((subnet, node.address.clone()));
                }
            }
        }
        if plan.subnets.is_empty() {
            let message = format!("no subnet is set for the pods of node {}", cluster.node_name);
            return Err(Problem::new("NodeSubnet", message, "add the node to `nodes` in the plugin's settings"));
        }
        Ok(plan)
    }

    /// The routes that somebody must make, as findings: a plugin cannot.
    pub fn routes(&self) -> Option<Finding> {
        let route = |(subnet, gateway): &(Subnet, Option<String>)| {
            // A gateway has the packets' own IP family.
            let gateway = gateway.as_deref().filter(|gateway| gateway.contains(':') == subnet.is_ipv6());
            format!("ip route add {subnet} via {}", gateway.unwrap_or("<address of its node>"))
        };
        let routes: Vec<String> = self.others.iter().map(route).collect();
        (!routes.is_empty()).then(|| {
            Finding::info("Routes", "pods of other nodes are reached by routes that this plugin does not make")
                .expected(routes.join("; "))
                .remedy("let the node's network configuration or the router have these routes")
        })
    }
}

fn parse_all(texts: &[String], id: &'static str, remedy: &'static str) -> Result<Vec<Subnet>, Problem> {
    let parse = |text: &String| Subnet::parse(text).map_err(|error| Problem::new(id, error.to_string(), remedy));
    texts.iter().map(parse).collect()
}

fn one_per_family(subnets: &[Subnet]) -> Result<(), Problem> {
    match subnets {
        [] | [_] => return Ok(()),
        [first, second] if first.is_ipv6() != second.is_ipv6() => return Ok(()),
        _ => {}
    }
    let texts: Vec<String> = subnets.iter().map(Subnet::to_string).collect();
    let message = format!("a node's pods cannot have several subnets of one IP family: {}", list(&texts));
    Err(Problem::new("PodSubnet", message, "set one subnet, or one for IPv4 and one for IPv6"))
}

fn list(texts: &[String]) -> String {
    texts.join(", ")
}

#[cfg(test)]
mod tests;
