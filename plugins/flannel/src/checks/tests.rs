use super::*;

fn interface(name: &str, kind: &str, mtu: u32, address: &str) -> NetworkInterface {
    NetworkInterface {
        name: name.into(),
        mac: String::new(),
        mtu,
        state: "up".into(),
        addresses: vec![address.into()],
        speed: None,
        driver: String::new(),
        attributes: vec![("kind".into(), kind.into())],
    }
}

fn ids(findings: &[Finding]) -> Vec<(&str, Severity)> {
    findings.iter().map(|finding| (&*finding.id, finding.severity)).collect()
}

#[test]
fn a_missing_bridge_filter_is_fatal_and_a_wrong_value_is_not() {
    let severity = |value, nftables| bridge_filter("x", value, nftables).map(|finding| finding.severity);
    assert_eq!(severity(Some("1"), false), None);
    assert_eq!(severity(Some("1\n"), false), None);
    assert_eq!(severity(Some("0"), false), Some(Severity::Warning));
    assert_eq!(severity(None, false), Some(Severity::Error));
    assert_eq!(severity(None, true), Some(Severity::Warning));
}

#[test]
fn wireguard_came_with_linux_5_6() {
    for (release, has) in
        [("6.1.0-28-amd64", true), ("5.6.0", true), ("5.4.0-200-generic", false), ("5.10", true), ("", false)]
    {
        assert_eq!(has_wireguard(release), has, "{release}");
    }
}

#[test]
fn sockets_are_found_by_their_local_port() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n \
                 1234: 00000000:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2118 2\n";
    assert!(listens(table, 8472));
    assert!(!listens(table, 4660), "the number of the line is no port");
    assert!(!listens("", 8472));
    let v6 = "header\n  1: 00000000000000000000000000000000:2118 00000000000000000000000000000000:0000 07\n";
    assert!(listens(v6, 8472));
}

#[test]
fn the_interface_is_found_by_name_or_address() {
    let links = [interface("eth1", "", 1450, "192.168.1.5/24")];
    let findings = |interface: &str, mtu| {
        let settings = Settings { interface: Some(interface.into()), mtu, ..Settings::default() };
        of_links(&settings, &[], &links)
    };
    assert!(findings("eth1", None).is_empty() && findings("192.168.1.5", Some(1450)).is_empty());
    assert_eq!(ids(&findings("eth0", None)), [("Interface", Severity::Error)]);
    assert_eq!(ids(&findings("192.168.1", None)), [("Interface", Severity::Error)]);
    assert_eq!(ids(&findings("eth1", Some(1500))), [("Mtu", Severity::Warning)]);
}

#[test]
fn its_own_links_do_not_stand_in_its_way() {
    let subnets = [Subnet::parse("10.244.0.0/16").expect("a subnet")];
    let links = [
        interface("flannel.1", "vxlan", 1450, "10.244.0.0/32"),
        interface("cni0", "bridge", 1450, "10.244.0.1/24"),
        interface("docker0", "bridge", 1500, "10.244.9.1/24"),
    ];
    let findings = of_links(&Settings::default(), &subnets, &links);
    assert_eq!(ids(&findings), [("SubnetInUse", Severity::Error)]);
    assert!(findings[0].message.starts_with("docker0 has the address 10.244.9.1/24"));
}
