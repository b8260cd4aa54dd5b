//! Multiaddrs, as far as providers of content use them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::peer::PeerId;

/// An address as a list of parts.
///
/// Text and bytes are read in every form that occurs; equal addresses are equal here, whichever form they came in:
/// JavaScript writes the path of `http-path` with a leading slash into the bytes, Go does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Multiaddr(pub Vec<Part>);

/// One part of an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// `ip4`
    Ip4(Ipv4Addr),
    /// `ip6`
    Ip6(Ipv6Addr),
    /// `dns`, `dns4`, `dns6` or `dnsaddr`, by code.
    Dns(u64, String),
    /// `tcp`
    Tcp(u16),
    /// `udp`
    Udp(u16),
    /// `p2p`
    P2p(PeerId),
    /// `tls`, `http`, `https`, `ws` and others without a value, by code.
    Flag(u64),
    /// `http-path`: the path without escapes and without leading slash.
    HttpPath(String),
    /// `httpath` of older records: the path still escaped.
    OldHttpPath(String),
}

/// Codes and names of parts, by the shape of their values.
pub(super) const IP4: u64 = 4;
pub(super) const TCP: u64 = 6;
pub(super) const IP6: u64 = 41;
pub(super) const DNS: u64 = 53;
pub(super) const UDP: u64 = 273;
pub(super) const P2P: u64 = 421;
pub(super) const HTTPS: u64 = 443;
pub(super) const TLS: u64 = 448;
pub(super) const HTTP: u64 = 480;
pub(super) const HTTP_PATH: u64 = 481;
pub(super) const OLD_HTTP_PATH: u64 = 0x30_0200;
pub(super) const NAMES: [(u64, &str); 4] =
    [(DNS, "dns"), (54, "dns4"), (55, "dns6"), (56, "dnsaddr")];
pub(super) const FLAGS: [(u64, &str); 8] = [
    (HTTPS, "https"),
    (TLS, "tls"),
    (460, "quic"),
    (461, "quic-v1"),
    (477, "ws"),
    (478, "wss"),
    (HTTP, "http"),
    (290, "p2p-circuit"),
];
