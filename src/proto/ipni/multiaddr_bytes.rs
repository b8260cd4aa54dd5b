//! Multiaddrs as bytes: varint code, then a value whose length the code tells or a varint before it.

use super::error::IpniError;
use super::multiaddr::{
    FLAGS, HTTP_PATH, IP4, IP6, Multiaddr, NAMES, OLD_HTTP_PATH, P2P, Part, TCP, UDP,
};
use super::peer::PeerId;
use crate::proto::varint;

/// Who else writes these bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    Go,
    Js,
}

impl Multiaddr {
    /// The bytes as Go writes them, the form to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes(Writer::Go)
    }

    /// The bytes as the JavaScript library writes them: `http-path` with a leading slash.
    #[must_use]
    pub fn to_js_bytes(&self) -> Vec<u8> {
        self.bytes(Writer::Js)
    }

    /// Reads the bytes of either writer.
    ///
    /// # Errors
    /// There are no bytes, they are cut short, or a part is unknown or has a malformed value.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, IpniError> {
        let mut parts = Vec::new();
        while !bytes.is_empty() {
            let (code, rest) = varint::read(bytes).ok_or(IpniError::Multiaddr)?;
            let (part, rest) = part(code, rest)?;
            parts.push(part);
            bytes = rest;
        }
        if parts.is_empty() {
            Err(IpniError::Multiaddr)
        } else {
            Ok(Self(parts))
        }
    }

    fn bytes(&self, writer: Writer) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.0 {
            match part {
                Part::Ip4(address) => fixed(IP4, &address.octets(), &mut bytes),
                Part::Ip6(address) => fixed(IP6, &address.octets(), &mut bytes),
                Part::Dns(code, name) => sized(*code, name.as_bytes(), &mut bytes),
                Part::Tcp(port) => fixed(TCP, &port.to_be_bytes(), &mut bytes),
                Part::Udp(port) => fixed(UDP, &port.to_be_bytes(), &mut bytes),
                Part::P2p(peer) => sized(P2P, peer.hash().as_bytes(), &mut bytes),
                Part::Flag(code) => fixed(*code, &[], &mut bytes),
                Part::HttpPath(path) if writer == Writer::Js => {
                    sized(HTTP_PATH, format!("/{path}").as_bytes(), &mut bytes);
                }
                Part::HttpPath(path) => sized(HTTP_PATH, path.as_bytes(), &mut bytes),
                Part::OldHttpPath(path) => sized(OLD_HTTP_PATH, path.as_bytes(), &mut bytes),
            }
        }
        bytes
    }
}

fn part(code: u64, bytes: &[u8]) -> Result<(Part, &[u8]), IpniError> {
    if FLAGS.iter().any(|(known, _)| *known == code) {
        return Ok((Part::Flag(code), bytes));
    }
    match code {
        IP4 => array::<4>(bytes).map(|(octets, rest)| (Part::Ip4(octets.into()), rest)),
        IP6 => array::<16>(bytes).map(|(octets, rest)| (Part::Ip6(octets.into()), rest)),
        TCP => array::<2>(bytes).map(|(port, rest)| (Part::Tcp(u16::from_be_bytes(port)), rest)),
        UDP => array::<2>(bytes).map(|(port, rest)| (Part::Udp(u16::from_be_bytes(port)), rest)),
        P2P => {
            let (value, rest) = value(bytes)?;
            Ok((Part::P2p(PeerId::from_bytes(value)?), rest))
        }
        HTTP_PATH => {
            let (path, rest) = text(bytes, "http-path")?;
            Ok((
                Part::HttpPath(path.strip_prefix('/').unwrap_or(path).to_owned()),
                rest,
            ))
        }
        OLD_HTTP_PATH => {
            let (path, rest) = text(bytes, "httpath")?;
            Ok((Part::OldHttpPath(path.to_owned()), rest))
        }
        code if NAMES.iter().any(|(known, _)| *known == code) => {
            let (name, rest) = text(bytes, "dns")?;
            if name.is_empty() || name.contains('/') {
                return Err(IpniError::Value("dns"));
            }
            Ok((Part::Dns(code, name.to_owned()), rest))
        }
        code => Err(IpniError::UnknownPart(code.to_string())),
    }
}

fn fixed(code: u64, value: &[u8], bytes: &mut Vec<u8>) {
    varint::write(code, bytes);
    bytes.extend_from_slice(value);
}

fn sized(code: u64, value: &[u8], bytes: &mut Vec<u8>) {
    varint::write(code, bytes);
    varint::write(value.len() as u64, bytes);
    bytes.extend_from_slice(value);
}

fn array<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), IpniError> {
    let (value, rest) = bytes.split_first_chunk::<N>().ok_or(IpniError::Multiaddr)?;
    Ok((*value, rest))
}

fn value(bytes: &[u8]) -> Result<(&[u8], &[u8]), IpniError> {
    let (length, rest) = varint::read(bytes).ok_or(IpniError::Multiaddr)?;
    let length = usize::try_from(length).map_err(|_| IpniError::Multiaddr)?;
    rest.split_at_checked(length).ok_or(IpniError::Multiaddr)
}

fn text<'a>(bytes: &'a [u8], name: &'static str) -> Result<(&'a str, &'a [u8]), IpniError> {
    let (value, rest) = value(bytes)?;
    Ok((
        std::str::from_utf8(value).map_err(|_| IpniError::Value(name))?,
        rest,
    ))
}
