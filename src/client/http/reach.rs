//! Which addresses are used that nobody configured: those that an answer names.
//!
//! Whoever writes answers may not choose what this machine talks to: its own services, those of its network, the
//! metadata service of the cloud it runs in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::client::Cause;

/// Names that are of a machine or of the network around it, and everything below them.
const NEAR: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// Refuses an address that an answer names unless it is https at a public host, as far as the URL itself tells. What a
/// name resolves to is looked at by [`PublicResolver`].
pub(super) fn admit(url: &Url) -> Result<(), Cause> {
    match flaw(url) {
        None => Ok(()),
        Some(flaw) => Err(Cause::Address(format!(
            "{} {flaw}",
            url.origin().ascii_serialization()
        ))),
    }
}

fn flaw(url: &Url) -> Option<&'static str> {
    if url.scheme() != "https" {
        return Some("is not https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("comes with a user name");
    }
    let address = match url.host()? {
        Host::Domain(name) => {
            return (!may_be_public(name)).then_some("is a name of a local network");
        }
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
    };
    (!is_public(address)).then_some("is not a public address")
}

/// Whether a name can be one of the public DNS: names without a dot are looked for in the search domains.
fn may_be_public(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let below = |near: &str| {
        name.strip_suffix(near)
            .is_some_and(|rest| rest.ends_with('.'))
    };
    name.contains('.') && !NEAR.iter().any(|near| name == *near || below(near))
}

/// Whether an address is of the public internet, by the registries of special-purpose addresses (RFC 6890). One that
/// carries an IPv4 address inside (mapped, NAT64, 6to4) is what that address is.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    // This network; class E with the broadcast address; between a provider and its customers (RFC 6598); protocol
    // assignments; 6to4 relays; benchmarks.
    let special = matches!(
        (a, b, c),
        (0 | 240.., ..) | (100, 64..=127, _) | (192, 0, 0) | (192, 88, 99) | (198, 18 | 19, _)
    );
    !(special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// The IPv4 address inside an IPv6 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // NAT64 (RFC 6052) and mapped addresses.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0xffff, high, low] => {
            Some(pair(high, low))
        }
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => None,
    }
}

/// Of the global unicast addresses (`2000::/3`), those without a special purpose.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Protocol assignments, Teredo and the like; documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// A name that leads to no public address.
#[derive(Debug)]
pub(crate) struct NotPublic(String);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no public address", self.0)
    }
}

impl std::error::Error for NotPublic {}

/// Resolves names to their public addresses alone. The connection is made to what was looked at: a name that changes in
/// between gains nothing.
#[derive(Debug)]
pub(super) struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(public(&name, found)?)
        })
    }
}

fn public(name: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, NotPublic> {
    let public: Vec<SocketAddr> = found.filter(|one| is_public(one.ip())).collect();
    if public.is_empty() {
        return Err(NotPublic(name.to_owned()));
    }
    Ok(Box::new(public.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_special_purposes_are_not_reached() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_next_to_those_of_special_purposes_are_reached() {
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::8a",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_answer_names_only_https_at_public_hosts() {
        for url in [
            "http://storage.example.net/blob",
            "ftp://storage.example.net/blob",
            "https://localhost/blob",
            "https://LOCALHOST./blob",
            "https://a.localhost/blob",
            "https://metadata.google.internal/computeMetadata/v1/",
            "https://printer.local/",
            "https://node/blob",
            "https://127.1/blob",
            "https://0x7f000001/blob",
            "https://2130706433/blob",
            "https://169.254.169.254/latest/api/token",
            "https://[::1]/blob",
            "https://[::ffff:10.0.0.1]/blob",
            "https://[fd00:ec2::254]/latest/",
            "https://user:secret@storage.example.net/blob",
        ] {
            let url = Url::parse(url).unwrap();
            let refused = admit(&url).unwrap_err();
            assert!(matches!(&refused, Cause::Address(_)), "{url}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
        for url in [
            "https://storage.example.net/blob?X-Amz-Signature=1",
            "https://storage.example.net:8443/blob",
            "https://1.1.1.1/blob",
            "https://locallocal.example/",
            "https://[2606:4700::1111]/blob",
        ] {
            assert!(admit(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_name_is_reached_at_its_public_addresses_alone() {
        let at = |texts: &[&str]| -> Vec<SocketAddr> {
            let parsed = texts
                .iter()
                .map(|text| SocketAddr::new(text.parse().unwrap(), 0));
            parsed.collect()
        };
        let mixed = at(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111"]);
        let left = public("storage.example.net", mixed.into_iter()).unwrap();
        let left: Vec<SocketAddr> = left.collect();
        assert_eq!(left, at(&["1.1.1.1", "2606:4700::1111"]));
        let near = at(&["127.0.0.1", "169.254.169.254"]);
        let refused = public("rebound.example.net", near.into_iter());
        let refused = refused.err().unwrap().to_string();
        assert_eq!(refused, "rebound.example.net has no public address");
    }
}
