//! Subnets of IP addresses.

use std::fmt;
use std::net::IpAddr;

/// A subnet, such as `10.244.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    length: u8,
}

/// Why a text is no subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubnetError {
    /// It is not `address/length`.
    Form(String),
    /// There are bits of a host in it; the second is the subnet that it lies in.
    HostBits(String, Subnet),
}

impl fmt::Display for SubnetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(text) => write!(f, "`{text}` is no subnet such as 10.244.0.0/16"),
            Self::HostBits(text, subnet) => write!(f, "`{text}` is an address within {subnet}, no subnet"),
        }
    }
}

impl Subnet {
    /// Reads `address/length`; nothing may stand in the address behind the length.
    ///
    /// # Errors
    ///
    /// [`SubnetError`] if it is none.
    pub fn parse(text: &str) -> Result<Self, SubnetError> {
        let (address, subnet) = Self::of_interface(text).ok_or_else(|| SubnetError::Form(text.to_owned()))?;
        if address == subnet.address { Ok(subnet) } else { Err(SubnetError::HostBits(text.to_owned(), subnet)) }
    }

    /// Address of an interface and the subnet that it lies in, from a text such as `10.0.0.5/24`.
    pub fn of_interface(text: &str) -> Option<(IpAddr, Self)> {
        let (address, length) = text.split_once('/')?;
        let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
        let width = if address.is_ipv4() { 32 } else { 128 };
        (length <= width).then(|| (address, Self { address: masked(address, length), length }))
    }

    /// Whether it is one of IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.address.is_ipv6()
    }

    /// How many bits of an address name the subnet.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether the address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(address, self.length) == self.address
    }

    /// Whether all of the other lies in it.
    pub fn contains(&self, other: &Self) -> bool {
        self.length <= other.length && self.holds(other.address)
    }

    /// Whether they have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// The address with zeros behind the first `length` bits.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text).expect(text)
    }

    #[test]
    fn texts_are_read_and_written() {
        for text in ["10.244.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "fd00:10::/56", "::/0", "fd00::1/128"] {
            assert_eq!(subnet(text).to_string(), text);
        }
        for text in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "x/8", "10.0.0.0/-1"] {
            assert_eq!(Subnet::parse(text), Err(SubnetError::Form(text.into())));
        }
        let error = Subnet::parse("10.244.3.1/24").expect_err("an address");
        assert_eq!(error.to_string(), "`10.244.3.1/24` is an address within 10.244.3.0/24, no subnet");
    }

    #[test]
    fn containing_and_overlapping() {
        let all = subnet("10.244.0.0/16");
        let one = subnet("10.244.3.0/24");
        assert!(all.contains(&one) && !one.contains(&all) && all.contains(&all));
        assert!(all.overlaps(&one) && one.overlaps(&all));
        assert!(!one.overlaps(&subnet("10.244.4.0/24")));
        assert!(!subnet("0.0.0.0/0").overlaps(&subnet("::/0")));
        assert!(one.holds([10, 244, 3, 255].into()) && !one.holds([10, 244, 4, 0].into()));
        assert!(subnet("::/0").holds("fd00::1".parse().expect("an address")));
    }
}
