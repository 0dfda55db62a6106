//! Rules, virtual servers and links that kube-proxy, the kubelet and our CNI have made in the kernel. Through the
//! programs that the node has; without them it is told what may stay.

use std::time::Duration;

use kubephase_engine::Level;
use kubephase_node::{Command, ExecError};

use super::cni::Traces;
use super::{Reset, firewall, ipvs};

/// What kube-proxy binds virtual addresses to.
const IPVS_LINK: &str = "kube-ipvs0";
/// Thousands of rules take a while.
const LONG: Duration = Duration::from_secs(120);
/// Where a kernel that has IPVS lists virtual servers.
const SERVERS: &str = "/proc/net/ip_vs";
/// Where the kernel lists links.
const LINKS: &str = "/sys/class/net";

/// Removes it all. What does not work is told and no failure: the next reboot removes all of this anyway.
pub async fn clean(cx: &mut Reset, traces: &Traces) {
    let has_ipvs = has_link(cx, IPVS_LINK);
    if has_ipvs && cx.node.exists(SERVERS) {
        servers(cx).await;
    }
    tables(cx, traces).await;
    chains(cx, traces).await;
    if has_ipvs || cx.node.in_path("ipset").is_some() {
        sets(cx).await;
    }
    for link in traces.links.iter().map(String::as_str).chain([IPVS_LINK]) {
        if has_link(cx, link) {
            let command = Command::act(&format!("delete the link {link}"), "ip", ["link", "delete", link]);
            if let Err(error) = cx.node.run_ok(&command).await {
                warn(cx, &format!("the link {link} stays"), &error);
            }
        }
    }
}

fn has_link(cx: &Reset, name: &str) -> bool {
    cx.node.list(LINKS).is_ok_and(|links| links.iter().any(|link| link == name))
}

/// Tables of nftables: kube-proxy's own, and those of our CNI.
async fn tables(cx: &Reset, traces: &Traces) {
    if cx.node.in_path("nft").is_none() {
        return;
    }
    let listed = match cx.node.run_ok(&Command::look("nft", ["list", "tables"]).timeout(LONG)).await {
        Ok(listed) => listed.stdout,
        // A kernel without nftables has none.
        Err(error) => return cx.notice(Level::Info, format!("tables of nftables cannot be listed: {error}")),
    };
    for table in firewall::tables(&listed, &traces.tables) {
        let words = ["delete", "table"].into_iter().chain(table.split(' '));
        let command = Command::act(&format!("delete the nftables table {table}"), "nft", words).timeout(LONG);
        if let Err(error) = cx.node.run_ok(&command).await {
            warn(cx, &format!("the nftables table {table} stays"), &error);
        }
    }
}

/// Chains of iptables, of every variant that is here: kube-proxy picks one of them.
async fn chains(cx: &Reset, traces: &Traces) {
    let prefixes: Vec<&str> = [firewall::PREFIX].into_iter().chain(traces.chains.iter().map(String::as_str)).collect();
    let mut found = false;
    for family in ["iptables", "ip6tables"] {
        let variants = ["-legacy", "-nft"].map(|variant| format!("{family}{variant}"));
        let here = |name: &String| cx.node.in_path(&format!("{name}-save")).is_some();
        let mut programs: Vec<String> = variants.into_iter().filter(here).collect();
        if programs.is_empty() {
            programs.extend([family.to_owned()].into_iter().filter(here));
        }
        for program in programs {
            found = true;
            clear(cx, &program, &prefixes).await;
        }
    }
    let tables = |family: &str| cx.node.read_text(&format!("/proc/net/{family}_tables_names")).ok().flatten();
    if !found && ["ip", "ip6"].into_iter().filter_map(tables).any(|names| !names.trim().is_empty()) {
        let message = "rules of iptables stay: there is no iptables-save here to look at them; install iptables and run \
                       this again, or restart the machine";
        cx.notice(Level::Warning, message);
    }
}

async fn clear(cx: &Reset, program: &str, prefixes: &[&str]) {
    let save = format!("{program}-save");
    let saved = match cx.node.run_ok(&Command::look(&save, [] as [&str; 0]).timeout(LONG)).await {
        Ok(saved) => saved.stdout,
        Err(error) => return cx.notice(Level::Info, format!("rules of {program} cannot be listed: {error}")),
    };
    let Some(script) = firewall::script(&saved, prefixes) else { return };
    let effect = format!("remove {} chains and {} rules from {program}", script.chains, script.rules);
    let restore = Command::act(&effect, &format!("{program}-restore"), ["--noflush", "-w", "5"]);
    if let Err(error) = cx.node.run_ok(&restore.timeout(LONG).input(script.text)).await {
        warn(cx, &format!("chains of {program} stay"), &error);
    }
}

/// Virtual servers of kube-proxy. Others' stay: a load balancer may run on the same node.
async fn servers(cx: &mut Reset) {
    if cx.node.in_path("ipvsadm").is_none() {
        let listed = cx.node.read_text(SERVERS).ok().flatten().unwrap_or_default();
        if listed.lines().count() > 3 {
            let message = "virtual servers of IPVS stay: there is no ipvsadm here; install it and run this again, or \
                           restart the machine";
            cx.notice(Level::Warning, message);
        }
        return;
    }
    let addresses = cx.node.run_ok(&Command::look("ip", ["-o", "addr", "show", "dev", IPVS_LINK])).await;
    let servers = cx.node.run_ok(&Command::look("ipvsadm", ["--save", "--numeric"]).timeout(LONG)).await;
    let (addresses, servers) = match (addresses, servers) {
        (Ok(addresses), Ok(servers)) => (addresses.stdout, servers.stdout),
        (Err(error), _) | (_, Err(error)) => return warn(cx, "virtual servers of IPVS stay", &error),
    };
    let judged = ipvs::judge(&servers, &addresses);
    for server in judged.ours {
        let effect = format!("delete the virtual server {} {}", server.0, server.1);
        let command = Command::act(&effect, "ipvsadm", ["--delete-service", &server.0, &server.1]);
        if let Err(error) = cx.node.run_ok(&command).await {
            warn(cx, &format!("the virtual server {} stays", server.1), &error);
        }
    }
    for server in judged.theirs {
        cx.leave_alone(&format!("the virtual server {server}"), "its address is none of kube-proxy's");
    }
}

/// Sets of addresses that kube-proxy's rules name.
async fn sets(cx: &Reset) {
    let Ok(listed) = cx.node.run_ok(&Command::look("ipset", ["list", "-name"])).await else { return };
    for set in listed.stdout.lines().filter(|name| name.starts_with(firewall::PREFIX)) {
        let command = Command::act(&format!("destroy the ipset {set}"), "ipset", ["destroy", set]);
        if let Err(error) = cx.node.run_ok(&command).await {
            warn(cx, &format!("the ipset {set} stays"), &error);
        }
    }
}

fn warn(cx: &Reset, what: &str, error: &ExecError) {
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    cx.notice(Level::Warning, format!("{what}: {error}{hint}"));
}
