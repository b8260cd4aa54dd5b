//! Multiaddrs as text: `/name/value` or `/name`, paths percent-encoded.

use std::fmt;
use std::str::FromStr;

use super::error::IpniError;
use super::multiaddr::{FLAGS, Multiaddr, NAMES, Part};
use super::peer::PeerId;
use crate::proto::did::{percent_decode, percent_encode};

impl Multiaddr {
    /// Reads text.
    ///
    /// # Errors
    /// The text does not begin with `/`, is cut short, or a part is unknown or has a malformed value.
    pub fn parse(text: &str) -> Result<Self, IpniError> {
        let mut words = text
            .strip_prefix('/')
            .ok_or(IpniError::Multiaddr)?
            .split('/');
        let mut parts = Vec::new();
        while let Some(name) = words.next() {
            parts.push(part(name, &mut words)?);
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for Multiaddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, "{part}"))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |table: &[(u64, &'static str)], code: u64| {
            table
                .iter()
                .find(|(known, _)| *known == code)
                .map_or("unknown", |(_, name)| *name)
        };
        match self {
            Self::Ip4(address) => write!(f, "/ip4/{address}"),
            Self::Ip6(address) => write!(f, "/ip6/{address}"),
            Self::Dns(code, host) => write!(f, "/{}/{host}", name(&NAMES, *code)),
            Self::Tcp(port) => write!(f, "/tcp/{port}"),
            Self::Udp(port) => write!(f, "/udp/{port}"),
            Self::P2p(peer) => write!(f, "/p2p/{peer}"),
            Self::Flag(code) => write!(f, "/{}", name(&FLAGS, *code)),
            Self::HttpPath(path) => write!(f, "/http-path/{}", percent_encode(path)),
            Self::OldHttpPath(path) => write!(f, "/httpath/{path}"),
        }
    }
}

impl FromStr for Multiaddr {
    type Err = IpniError;

    fn from_str(text: &str) -> Result<Self, IpniError> {
        Self::parse(text)
    }
}

fn part<'a>(name: &str, words: &mut impl Iterator<Item = &'a str>) -> Result<Part, IpniError> {
    if let Some((code, _)) = FLAGS.iter().find(|(_, known)| *known == name) {
        return Ok(Part::Flag(*code));
    }
    let dns = NAMES.iter().find(|(_, known)| *known == name);
    if dns.is_none() && !["ip4", "ip6", "tcp", "udp", "p2p", "http-path", "httpath"].contains(&name)
    {
        return Err(IpniError::UnknownPart(name.chars().take(40).collect()));
    }
    let value = words.next().ok_or(IpniError::Multiaddr)?;
    match (dns, name) {
        (Some(_), _) if value.is_empty() => Err(IpniError::Value("dns")),
        (Some((code, _)), _) => Ok(Part::Dns(*code, value.to_owned())),
        (_, "ip4") => value
            .parse()
            .map(Part::Ip4)
            .map_err(|_| IpniError::Value("ip4")),
        (_, "ip6") => value
            .parse()
            .map(Part::Ip6)
            .map_err(|_| IpniError::Value("ip6")),
        (_, "tcp") => value
            .parse()
            .map(Part::Tcp)
            .map_err(|_| IpniError::Value("tcp")),
        (_, "udp") => value
            .parse()
            .map(Part::Udp)
            .map_err(|_| IpniError::Value("udp")),
        (_, "p2p") => PeerId::parse(value).map(Part::P2p),
        (_, "httpath") => Ok(Part::OldHttpPath(value.to_owned())),
        _ => {
            let path = percent_decode(value).ok_or(IpniError::Value("http-path"))?;
            Ok(Part::HttpPath(
                path.strip_prefix('/').map(str::to_owned).unwrap_or(path),
            ))
        }
    }
}
