//! The kernel's routing tables as proc(5) shows them: only which interfaces carry a default route. As in
//! `getAllDefaultRoutes` of k8s.io/apimachinery.

/// Interfaces of the default routes in `/proc/net/route`, in the table's order.
pub(super) fn defaults_v4(table: &str) -> Vec<String> {
    rows(table)
        .filter(|fields| fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000"))
        .map(|fields| fields[0].to_owned())
        .collect()
}

/// Interfaces of the default routes in `/proc/net/ipv6_route`, in the table's order. Those without a gateway are
/// the kernel's own "unreachable" entries.
pub(super) fn defaults_v6(table: &str) -> Vec<String> {
    let zero = |field: Option<&&str>| field.is_none_or(|field| field.bytes().all(|byte| byte == b'0'));
    rows(table)
        .filter(|fields| fields.len() == 10 && zero(fields.first()) && zero(fields.get(1)) && !zero(fields.get(4)))
        .map(|fields| fields[9].to_owned())
        .collect()
}

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(|line| line.split_ascii_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_broken_lines_are_no_routes() {
        assert_eq!(defaults_v4("Iface Destination Gateway Flags\n\neth0\neth0 00000000 x\n"), Vec::<String>::new());
        assert_eq!(defaults_v6("0000 00\n\n"), Vec::<String>::new());
    }

    #[test]
    fn half_a_default_is_none() {
        // 0.0.0.0/1, as some VPN clients set it.
        let table = "tun0\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n";
        assert_eq!(defaults_v4(table), Vec::<String>::new());
    }
}
