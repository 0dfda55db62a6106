//! Subnets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A subnet: its first address and the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no subnet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// No slash.
    #[error("`{0}` has no prefix length")]
    NoPrefix(String),
    /// What stands before the slash is no address.
    #[error("`{0}` is not an IP address")]
    Address(String),
    /// What stands after the slash is no length for that family.
    #[error("`/{0}` is not a prefix length between 0 and {1}")]
    Prefix(String, u8),
}

impl CidrError {
    /// What to write.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoPrefix(_) | Self::Prefix(..) => "write it like 10.244.0.0/16 or 2001:db8:1::/56",
            Self::Address(text) if text.split('.').any(|part| part.len() > 1 && part.starts_with('0')) => {
                "take leading zeros out: some programs read such numbers as octal"
            }
            Self::Address(_) => "write it like 10.244.0.0/16 or 2001:db8:1::/56",
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = text.split_once('/').ok_or_else(|| CidrError::NoPrefix(text.to_owned()))?;
        let address: IpAddr = address.parse().map_err(|_| CidrError::Address(address.to_owned()))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let is_number = !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
        match prefix.parse::<u8>() {
            Ok(length) if is_number && length <= bits => Ok(Self::new(address, length)),
            _ => Err(CidrError::Prefix(prefix.to_owned(), bits)),
        }
    }
}

impl Cidr {
    /// The subnet with that prefix length around an address. A longer prefix than the family has counts as its
    /// full length.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Self { network: IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask)), prefix }
            }
            IpAddr::V6(v6) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Self { network: IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask)), prefix }
            }
        }
    }

    /// Reads a comma-separated list, as `podSubnet` and `serviceSubnet` are: without spaces, which the components
    /// that get the same text do not take either.
    pub fn list(text: &str) -> Result<Vec<Self>, CidrError> {
        text.split(',').map(str::parse).collect()
    }

    /// Its first address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// Length of its prefix.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether it is IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.network.is_ipv6()
    }

    /// Bits of an address of its family.
    pub fn bits(&self) -> u8 {
        if self.is_ipv6() { 128 } else { 32 }
    }

    /// How many addresses it has; all of IPv6 is one less than it has.
    pub fn size(&self) -> u128 {
        1_u128.checked_shl(u32::from(self.bits() - self.prefix)).unwrap_or(u128::MAX)
    }

    /// Its nth address, the network's own being number 0.
    pub fn nth(&self, n: u32) -> Option<IpAddr> {
        if u128::from(n) >= self.size() {
            return None;
        }
        match self.network {
            IpAddr::V4(v4) => u32::from(v4).checked_add(n).map(|ip| IpAddr::V4(Ipv4Addr::from(ip))),
            IpAddr::V6(v6) => u128::from(v6).checked_add(u128::from(n)).map(|ip| IpAddr::V6(Ipv6Addr::from(ip))),
        }
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv6() == self.is_ipv6() && Self::new(address, self.prefix).network == self.network
    }

    /// Whether they have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_masks() {
        assert_eq!(cidr("10.1.2.3/16").to_string(), "10.1.0.0/16");
        assert_eq!(cidr("2001:db8:42:0::1/56").to_string(), "2001:db8:42::/56");
        assert_eq!(cidr("0.0.0.0/0").size(), 1 << 32);
        assert_eq!(cidr("::/0").size(), u128::MAX);
        assert_eq!(cidr("10.0.0.1/32").size(), 1);
        assert_eq!(Cidr::list("10.0.0.0/8,::/64").unwrap().len(), 2);
        assert!(Cidr::list("10.0.0.0/8, ::/64").is_err());
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "::/129",
            "x/8",
            "010.0.0.0/8",
            "/8",
            "10.0.0.0/",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
        assert!(Cidr::list("10.0.0.0/8,").is_err());
        assert!(Cidr::list("10.0.0.0/8, ::/64").is_err());
    }

    #[test]
    fn counts_and_compares() {
        assert_eq!(cidr("10.96.0.0/12").nth(10).unwrap().to_string(), "10.96.0.10");
        assert_eq!(cidr("fd00::/112").nth(1).unwrap().to_string(), "fd00::1");
        assert_eq!(cidr("10.96.0.0/30").nth(4), None);
        assert!(cidr("10.0.0.0/8").overlaps(&cidr("10.96.0.0/12")));
        assert!(cidr("10.96.0.0/12").overlaps(&cidr("10.0.0.0/8")));
        assert!(!cidr("10.0.0.0/16").overlaps(&cidr("10.1.0.0/16")));
        assert!(!cidr("0.0.0.0/0").overlaps(&cidr("::/0")));
    }
}
