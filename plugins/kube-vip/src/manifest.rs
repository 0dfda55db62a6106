//! The static pod as text.

use std::fmt::Write;

use kubephase_sdk::facts::{ClusterFacts, NetworkInterface};
use kubephase_sdk::prelude::*;

use crate::addresses::{interface_with, url};
use crate::settings::{Bgp, Mode, Settings};

/// Where the kubelet finds it.
pub const PATH: &str = "/etc/kubernetes/manifests/kube-vip.yaml";
/// Where kube-vip looks for its kubeconfig, whichever file that is on the node.
const INSIDE: &str = "/etc/kubernetes/admin.conf";

/// The file. Its mode is that of the other manifests.
pub fn file(
    settings: &Settings,
    cluster: &ClusterFacts,
    network: &[NetworkInterface],
    kubeconfig: &str,
) -> Result<File, Failure> {
    let interface = interface(settings, cluster, network)?;
    let environment = environment(settings, cluster, &interface)?;
    Ok(File::new(PATH, 0o600, text(&settings.reference(), &environment, kubeconfig)))
}

/// The interface that gets the address.
pub fn interface(settings: &Settings, cluster: &ClusterFacts, network: &[NetworkInterface]) -> Result<String, Failure> {
    match (&settings.interface, settings.mode) {
        (Some(interface), _) => Ok(interface.clone()),
        // Only routes lead to it; on another interface two nodes would answer for it.
        (None, Mode::Bgp) => Ok("lo".into()),
        (None, Mode::Arp) => {
            let address = &cluster.advertise_address;
            interface_with(network, address).map(str::to_owned).ok_or_else(|| {
                Failure::not_found(format!("no network interface has the address {address}"))
                    .remedy("set `interface` in the settings")
            })
        }
    }
}

/// kube-vip's environment (its pkg/kubevip/config_envvar.go), in a fixed order.
fn environment(
    settings: &Settings,
    cluster: &ClusterFacts,
    interface: &str,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let prefix = if settings.address.is_ipv4() { 32 } else { 128 };
    let mut environment = vec![
        ("address", settings.address.to_string()),
        ("port", cluster.bind_port.to_string()),
        // By the name that it looks up otherwise, it would need a host alias, which kubelets of 1.29 do not make for
        // static pods.
        ("kubernetes_addr", url(&cluster.advertise_address, cluster.bind_port)),
        ("vip_interface", interface.into()),
        ("vip_subnet", prefix.to_string()),
        ("cp_enable", true.to_string()),
        ("cp_namespace", "kube-system".into()),
        ("svc_enable", settings.services.to_string()),
        ("vip_arp", (settings.mode == Mode::Arp).to_string()),
        ("vip_leaderelection", (settings.mode == Mode::Arp).to_string()),
    ];
    if settings.mode == Mode::Arp {
        let lease = settings.lease;
        environment.push(("vip_leasename", "plndr-cp-lock".into()));
        environment.push(("vip_leaseduration", lease.duration.to_string()));
        environment.push(("vip_renewdeadline", lease.renew_deadline.to_string()));
        environment.push(("vip_retryperiod", lease.retry_period.to_string()));
    }
    if let Some(bgp) = &settings.bgp {
        environment.push(("bgp_enable", true.to_string()));
        environment.push(("bgp_routerid", router_id(bgp, cluster)?));
        environment.push(("bgp_as", bgp.number.to_string()));
        environment.push(("bgp_peers", peers(bgp)));
    }
    environment.push(("prometheus_server", settings.metrics.clone()));
    Ok(environment)
}

fn router_id(bgp: &Bgp, cluster: &ClusterFacts) -> Result<String, Failure> {
    if let Some(id) = bgp.router_id {
        return Ok(id.to_string());
    }
    match cluster.advertise_address.parse::<std::net::Ipv4Addr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => {
            Err(Failure::invalid(format!("{} is no IPv4 address, and so no router id", cluster.advertise_address))
                .remedy("set `bgp.routerId` in the settings"))
        }
    }
}

/// `address:as:password:multihop`, with commas between.
fn peers(bgp: &Bgp) -> String {
    let peers = bgp.peers.iter().map(|peer| {
        let address = if peer.address.is_ipv6() { format!("[{}]", peer.address) } else { peer.address.to_string() };
        format!("{address}:{}::{}", peer.number, peer.multihop)
    });
    peers.collect::<Vec<_>>().join(",")
}

fn text(image: &str, environment: &[(&str, String)], kubeconfig: &str) -> String {
    let mut variables = String::new();
    for (name, value) in environment {
        let _ = write!(variables, "    - name: {name}\n      value: {}\n", quoted(value));
    }
    format!(
        "\
# Written by kubephase's plugin kube-vip.
apiVersion: v1
kind: Pod
metadata:
  labels:
    component: kube-vip
    tier: control-plane
  name: kube-vip
  namespace: kube-system
spec:
  containers:
  - args:
    - manager
    env:
    - name: vip_nodename
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
{variables}    image: {image}
    imagePullPolicy: IfNotPresent
    name: kube-vip
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        add:
        - NET_ADMIN
        - NET_RAW
        drop:
        - ALL
    volumeMounts:
    - mountPath: {inside}
      name: kubeconfig
      readOnly: true
  hostNetwork: true
  priority: 2000001000
  priorityClassName: system-node-critical
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  volumes:
  - hostPath:
      path: {kubeconfig}
      type: File
    name: kubeconfig
",
        image = quoted(image),
        inside = quoted(INSIDE),
        kubeconfig = quoted(kubeconfig),
    )
}

/// A scalar in double quotes, in which YAML reads what JSON does.
pub fn quoted(value: &str) -> String {
    Value::from(value).to_string()
}
