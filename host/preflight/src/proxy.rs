//! Whether a request would go through a proxy, exactly as Go's `golang.org/x/net/http/httpproxy` decides it for the
//! control plane's own programs: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` and their lower-case forms.

use std::net::IpAddr;

use kubephase_model::names::Cidr;

/// Proxies from environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    https: String,
    no_proxy: Vec<Exception>,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    Cidr(Cidr),
    Ip {
        address: IpAddr,
        port: String,
    },
    /// With its leading dot; `itself` if the name without it matches too.
    Domain {
        suffix: String,
        port: String,
        itself: bool,
    },
}

impl Proxies {
    /// Takes `name=value` pairs; the upper-case form of a variable wins.
    pub fn from_env(env: &[(String, String)]) -> Self {
        let get = |upper: &str, lower: &str| {
            [upper, lower]
                .iter()
                .find_map(|name| env.iter().find(|(key, value)| key == name && !value.is_empty()))
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let no_proxy = get("NO_PROXY", "no_proxy");
        Self { https: get("HTTPS_PROXY", "https_proxy"), no_proxy: exceptions(&no_proxy) }
    }

    /// The proxy that a request to `https://host:port` would go through, without user and password.
    pub fn for_https(&self, host: &str, port: u16) -> Option<String> {
        (!self.https.is_empty() && self.uses(host, port)).then(|| without_user(&self.https))
    }

    fn uses(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host == "localhost" {
            return false;
        }
        let ip = host.parse::<IpAddr>().ok().map(canonical);
        if ip.is_some_and(|ip| ip.is_loopback()) {
            return false;
        }
        let host = host.trim().to_lowercase();
        let port = port.to_string();
        !self.no_proxy.iter().any(|exception| match exception {
            Exception::All => true,
            Exception::Cidr(cidr) => ip.is_some_and(|ip| cidr.contains(ip)),
            Exception::Ip { address, port: only } => ip == Some(*address) && (only.is_empty() || *only == port),
            Exception::Domain { suffix, port: only, itself } => {
                (host.ends_with(suffix) || *itself && host == suffix[1..]) && (only.is_empty() || *only == port)
            }
        })
    }
}

fn exceptions(no_proxy: &str) -> Vec<Exception> {
    let mut found = Vec::new();
    for entry in no_proxy.split(',') {
        let entry = entry.trim().to_lowercase();
        if entry.is_empty() {
            continue;
        }
        if entry == "*" {
            return vec![Exception::All];
        }
        if let Ok(cidr) = entry.parse() {
            found.push(Exception::Cidr(cidr));
            continue;
        }
        let (host, port) = match split_host_port(&entry) {
            Some(("", _)) => continue, // `:80` excepts nothing.
            Some((host, port)) => (host, port),
            None => (entry.as_str(), ""),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            found.push(Exception::Ip { address: canonical(address), port: port.to_owned() });
            continue;
        }
        let host = if host.starts_with("*.") { &host[1..] } else { host };
        let itself = !host.starts_with('.');
        let suffix = if itself { format!(".{host}") } else { host.to_owned() };
        found.push(Exception::Domain { suffix, port: port.to_owned(), itself });
    }
    found
}

/// Go's `net.SplitHostPort`: one colon outside brackets, brackets taken off.
fn split_host_port(entry: &str) -> Option<(&str, &str)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return Some((host, rest.strip_prefix(':')?));
    }
    let (host, port) = entry.split_once(':')?;
    (!port.contains(':')).then_some((host, port))
}

/// `::ffff:10.0.0.1` is 10.0.0.1, as in Go.
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}{}", &rest[end..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(no_proxy: &str) -> Proxies {
        Proxies::from_env(&[
            ("HTTPS_PROXY".into(), "http://bob:hunter2@proxy.example.com:3128".into()),
            ("no_proxy".into(), no_proxy.into()),
        ])
    }

    #[test]
    fn go_table() {
        // Cases of httpproxy's own tests (UseProxy) and of kubeadm's CIDR form; true means: through the proxy.
        let no_proxy = "foobar.com, .barbaz.net, *.quux.org, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, \
                        2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64, :80, ,";
        for (host, port, through) in [
            ("localhost", 443, false),
            ("127.0.0.1", 443, false),
            ("127.0.0.2", 443, false),
            ("[::1]", 443, false),
            ("[::2]", 443, true),
            ("192.168.1.1", 443, false),
            ("192.168.1.2", 443, true),
            ("192.168.1.2", 81, false),
            ("192.168.1.3", 80, false),
            ("192.168.1.4", 443, true),
            ("10.0.0.2", 443, false),
            ("10.0.0.4", 443, true),
            ("[2001:db8::52:0:1]", 443, false),
            ("[2001:db8::52:0:2]", 443, false),
            ("[2001:db8::52:0:3]", 443, true),
            ("[2002:db8:a::123]", 443, false),
            ("[fe80::424b:c8be:1643:a1b6]", 443, true),
            ("barbaz.net", 443, true),
            ("www.barbaz.net", 443, false),
            ("foobar.com", 443, false),
            ("www.foobar.com", 443, false),
            ("foofoobar.com", 443, true),
            ("quux.org", 443, true),
            ("a.quux.org", 443, false),
            ("BAZ.com", 443, true),
            ("FOOBAR.com", 443, false),
        ] {
            assert_eq!(proxies(no_proxy).for_https(host, port).is_some(), through, "{host}:{port}");
        }
    }

    #[test]
    fn a_star_excepts_everything() {
        assert_eq!(proxies("a.com,*").for_https("example.com", 443), None);
        assert_eq!(proxies("*").for_https("10.0.0.1", 443), None);
    }

    #[test]
    fn only_the_https_proxy_counts() {
        let env = [("HTTP_PROXY".to_owned(), "http://proxy".to_owned())];
        assert_eq!(Proxies::from_env(&env).for_https("10.0.0.1", 6443), None);
        let env = [
            ("https_proxy".to_owned(), "http://lower".to_owned()),
            ("HTTPS_PROXY".to_owned(), "http://upper".to_owned()),
        ];
        assert_eq!(Proxies::from_env(&env).for_https("10.0.0.1", 6443).as_deref(), Some("http://upper"));
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(proxies("").for_https("10.0.0.1", 6443).as_deref(), Some("http://proxy.example.com:3128"));
    }
}
