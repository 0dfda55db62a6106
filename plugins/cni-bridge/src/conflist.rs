//! The files that tell the container runtime what to do.

use kubephase_sdk::prelude::*;

use crate::plan::Plan;
use crate::settings::Settings;

/// Name of the network's configuration.
pub const CONFLIST: &str = "10-cni-bridge.conflist";
/// Name of the loopback interface's. It sorts last, so that it is never taken for the pod network.
const LOOPBACK: &str = "99-loopback.conf";
/// Where the CNI program `host-local` notes which addresses are taken. `/run` is empty after a boot, as are the pods:
/// below `/var` addresses of pods that are no more would stay taken.
pub const TAKEN: &str = "/run/cni/cni-bridge";
/// The network's name, and the directory of its addresses.
const NETWORK: &str = "cni-bridge";

/// What is written on this node.
pub fn files(settings: &Settings, plan: &Plan) -> Vec<File> {
    let directory = &settings.configuration_directory;
    let file = |name: &str, contents: &Value| File::new(format!("{directory}/{name}"), 0o644, pretty(contents));
    let mut files = vec![file(CONFLIST, &conflist(settings, plan))];
    if settings.loopback {
        files.push(file(LOOPBACK, &json!({"cniVersion": "1.0.0", "name": "lo", "type": "loopback"})));
    }
    files
}

fn conflist(settings: &Settings, plan: &Plan) -> Value {
    let ranges: Vec<Value> = plan.subnets.iter().map(|subnet| json!([{"subnet": subnet.to_string()}])).collect();
    let everything = |v6: bool| if v6 { "::/0" } else { "0.0.0.0/0" };
    let routes: Vec<Value> = plan.subnets.iter().map(|subnet| json!({"dst": everything(subnet.is_ipv6())})).collect();
    let mut bridge = json!({
        "type": "bridge",
        "bridge": settings.bridge,
        "isGateway": true,
        "ipMasq": settings.masquerade,
        "hairpinMode": settings.hairpin,
        "ipam": {
            "type": "host-local",
            // `host-local` adds the network's name.
            "dataDir": TAKEN.strip_suffix(&format!("/{NETWORK}")),
            "ranges": ranges,
            "routes": routes,
        },
    });
    if let Some(mtu) = settings.mtu {
        bridge["mtu"] = mtu.into();
    }
    let mut plugins = vec![bridge];
    if settings.portmap {
        plugins.push(json!({"type": "portmap", "capabilities": {"portMappings": true}}));
    }
    json!({"cniVersion": "1.0.0", "name": NETWORK, "plugins": plugins})
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pod_network::Subnet;

    fn plan(subnets: &[&str]) -> Plan {
        let subnets = subnets.iter().map(|text| Subnet::parse(text).expect(text)).collect();
        Plan { subnets, others: Vec::new() }
    }

    #[test]
    fn both_families_have_a_range_and_a_route() {
        let document = conflist(&Settings::default(), &plan(&["10.244.0.0/24", "fd00::/64"]));
        let ipam = &document["plugins"][0]["ipam"];
        assert_eq!(ipam["ranges"], json!([[{"subnet": "10.244.0.0/24"}], [{"subnet": "fd00::/64"}]]));
        assert_eq!(ipam["routes"], json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]));
        assert_eq!(ipam["dataDir"], "/run/cni");
        assert!(document["plugins"][0].get("mtu").is_none());
    }

    #[test]
    fn what_is_switched_off_is_not_there() {
        let settings = Settings { portmap: false, masquerade: false, mtu: Some(1450), ..Settings::default() };
        let document = conflist(&settings, &plan(&["10.244.0.0/24"]));
        assert_eq!(document["plugins"].as_array().map(Vec::len), Some(1));
        assert_eq!(document["plugins"][0]["ipMasq"], false);
        assert_eq!(document["plugins"][0]["mtu"], 1450);
        assert_eq!(files(&settings, &plan(&["10.244.0.0/24"])).len(), 1);
        let settings = Settings { loopback: true, ..settings };
        let written = files(&settings, &plan(&["10.244.0.0/24"]));
        assert_eq!(written[1].path, "/etc/cni/net.d/99-loopback.conf");
        assert!(written[0].path < written[1].path, "the runtime takes the first");
    }
}
