//! What the operator may say; see `settings.schema.json`.

use std::net::{IpAddr, Ipv4Addr};

use kubephase_sdk::prelude::*;

/// All of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    pub address: IpAddr,
    #[serde(default)]
    pub mode: Mode,
    pub interface: Option<String>,
    #[serde(default = "repository")]
    pub image: String,
    #[serde(default = "version")]
    pub version: String,
    #[serde(default)]
    pub lease: Lease,
    #[serde(default)]
    pub services: bool,
    #[serde(default = "metrics")]
    pub metrics: String,
    pub bgp: Option<Bgp>,
}

/// How the network learns where the address is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Arp,
    Bgp,
}

/// How nodes agree who has it, in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Lease {
    pub duration: u32,
    pub renew_deadline: u32,
    pub retry_period: u32,
}

impl Default for Lease {
    /// What kube-vip itself writes into its manifests.
    fn default() -> Self {
        Self { duration: 5, renew_deadline: 3, retry_period: 1 }
    }
}

/// The routers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bgp {
    #[serde(rename = "as")]
    pub number: u32,
    pub router_id: Option<Ipv4Addr>,
    pub peers: Vec<Peer>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peer {
    pub address: IpAddr,
    #[serde(rename = "as")]
    pub number: u32,
    #[serde(default)]
    pub multihop: bool,
}

fn repository() -> String {
    "ghcr.io/kube-vip/kube-vip".into()
}

fn version() -> String {
    "v1.1.2".into()
}

fn metrics() -> String {
    "127.0.0.1:2112".into()
}

impl Settings {
    /// What the schema cannot say.
    pub fn checked(self) -> Result<Self, Failure> {
        let Lease { duration, renew_deadline, retry_period } = self.lease;
        if !(retry_period < renew_deadline && renew_deadline < duration) {
            return Err(Failure::invalid(format!(
                "settings: lease: retryPeriod {retry_period} must be less than renewDeadline {renew_deadline}, and that \
                 less than duration {duration}"
            )));
        }
        match (self.mode, &self.bgp) {
            (Mode::Bgp, None) => Err(Failure::invalid("settings: mode is bgp, but no routers are given as bgp")),
            (Mode::Arp, Some(_)) => Err(Failure::invalid("settings: bgp is given, but mode is arp")),
            _ => Ok(self),
        }
    }

    /// The image.
    pub fn reference(&self) -> String {
        let separator = if self.version.starts_with("sha256:") { '@' } else { ':' };
        format!("{}{separator}{}", self.image, self.version)
    }
}
