//! Which virtual servers of IPVS are kube-proxy's: those at addresses that it has bound to its own link, and those at
//! ports of node ports. Runs nothing.

use std::collections::BTreeSet;

/// The API server's default range for node ports.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// Virtual servers, as `ipvsadm` wants them named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The flag of the protocol, and address and port.
    pub ours: Vec<(String, String)>,
    /// Address and port.
    pub theirs: Vec<String>,
}

/// Judges what `ipvsadm --save --numeric` prints by what `ip -o addr show dev kube-ipvs0` prints.
pub fn judge(saved: &str, addresses: &str) -> Judged {
    let own: BTreeSet<&str> = addresses
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words.find(|word| matches!(*word, "inet" | "inet6"))?;
            words.next()?.split('/').next()
        })
        .collect();
    let mut judged = Judged::default();
    for line in saved.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [verb, protocol, server, ..] = words[..] else { continue };
        if verb != "-A" || !matches!(protocol, "-t" | "-u" | "--sctp-service") {
            continue;
        }
        let (address, port) = server.rsplit_once(':').unwrap_or((server, ""));
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let is_node_port = port.parse().is_ok_and(|port| NODE_PORTS.contains(&port));
        if own.contains(address) || is_node_port {
            judged.ours.push((protocol.to_owned(), server.to_owned()));
        } else {
            judged.theirs.push(server.to_owned());
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_balancers_server_stays() {
        let saved = "-A -t 10.96.0.1:443 -s rr\n-a -t 10.96.0.1:443 -r 192.0.2.10:6443 -m -w 1\n-A -u [fd00::a]:53 -s rr\n\
                     -A -t 192.0.2.10:30080 -s rr\n-A -t 192.0.2.100:6443 -s wlc\n-A -f 7 -s rr\n";
        let addresses = "5: kube-ipvs0    inet 10.96.0.1/32 scope global kube-ipvs0\\       valid_lft forever\n\
                         5: kube-ipvs0    inet6 fd00::a/128 scope global\n";
        let judged = judge(saved, addresses);
        let ours: Vec<&str> = judged.ours.iter().map(|(_, server)| server.as_str()).collect();
        assert_eq!(ours, ["10.96.0.1:443", "[fd00::a]:53", "192.0.2.10:30080"]);
        assert_eq!(judged.theirs, ["192.0.2.100:6443"]);
    }
}
