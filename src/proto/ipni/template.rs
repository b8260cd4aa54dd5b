//! HTTP addresses whose paths hold placeholders: `{claim}`, `{blob}`, `{blobCID}`.

use cid::Cid;
use url::Url;

use super::error::IpniError;
use super::multiaddr::{DNS, HTTP, HTTPS, Multiaddr, Part, TLS};
use crate::proto::did::percent_decode;
use crate::proto::multihash::{Multihash, codec};

const CLAIM: &str = "{claim}";
const BLOB: &str = "{blob}";
const BLOB_CID: &str = "{blobCID}";

/// What an address leads to, by its placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Claims: `{claim}`.
    Claim,
    /// Blobs: `{blob}` or `{blobCID}`.
    Blob,
    /// No placeholder.
    Plain,
}

/// Whether the port is written into an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Always, as the JavaScript tool does: the services then see `https://host:443/…`, which equals no claim's URL.
    Always,
    /// Only if the URL names one.
    AsGiven,
}

impl Multiaddr {
    /// The address of an HTTP URL, which may hold placeholders.
    ///
    /// # Errors
    /// It is no HTTP URL, or has a query, a fragment, a user name, or a path that is not UTF-8.
    pub fn from_url(url: &str, port: Port) -> Result<Self, IpniError> {
        let bad = || IpniError::Url(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| bad())?;
        let secure = match parsed.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(bad()),
        };
        if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.username().is_empty()
        {
            return Err(bad());
        }
        let mut parts = vec![match parsed.host().ok_or_else(bad)? {
            url::Host::Domain(name) => Part::Dns(DNS, name.to_owned()),
            url::Host::Ipv4(address) => Part::Ip4(address),
            url::Host::Ipv6(address) => Part::Ip6(address),
        }];
        let written = match port {
            Port::Always => parsed.port_or_known_default(),
            Port::AsGiven => parsed.port(),
        };
        parts.extend(written.map(Part::Tcp));
        parts.extend(secure.then_some(Part::Flag(TLS)));
        parts.push(Part::Flag(HTTP));
        let path = percent_decode(parsed.path()).ok_or_else(bad)?;
        match path.trim_start_matches('/') {
            "" => {}
            path => parts.push(Part::HttpPath(path.to_owned())),
        }
        Ok(Self(parts))
    }

    /// The address template that leads to `location`, the URL of a blob: its multihash becomes `{blob}`, the link it
    /// is stored under `{blobCID}`.
    ///
    /// # Errors
    /// As [`Multiaddr::from_url`].
    pub fn for_location(location: &str, blob: &Multihash, link: &Cid) -> Result<Self, IpniError> {
        let template = location
            .replace(&link.to_string(), BLOB_CID)
            .replace(&blob.base58(), BLOB);
        Self::from_url(&template, Port::AsGiven)
    }

    /// What the address leads to.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self.path() {
            Some(path) if path.contains(CLAIM) => Purpose::Claim,
            Some(path) if path.contains(BLOB) || path.contains(BLOB_CID) => Purpose::Blob,
            _ => Purpose::Plain,
        }
    }

    /// The address as URL, placeholders and all. A port is kept even where it is the usual one.
    ///
    /// # Errors
    /// It names no host or no HTTP, or holds a part that no URL has.
    pub fn url(&self) -> Result<String, IpniError> {
        let not_http = || IpniError::NotHttp(self.to_string());
        let (mut host, mut port) = (None, None);
        let (mut secure, mut http) = (false, false);
        for part in &self.0 {
            match part {
                Part::Dns(_, name) => host = Some(name.clone()),
                Part::Ip4(address) => host = Some(address.to_string()),
                Part::Ip6(address) => host = Some(format!("[{address}]")),
                Part::Tcp(number) => port = Some(*number),
                Part::Flag(TLS) => secure = true,
                Part::Flag(HTTPS) => (secure, http) = (true, true),
                Part::Flag(HTTP) => http = true,
                Part::HttpPath(_) | Part::OldHttpPath(_) | Part::P2p(_) => {}
                Part::Udp(_) | Part::Flag(_) => return Err(not_http()),
            }
        }
        let host = host.filter(|_| http).ok_or_else(not_http)?;
        let scheme = if secure { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(format!(
            "{scheme}://{host}{port}/{}",
            self.path().unwrap_or_default()
        ))
    }

    /// Where a claim is, if the address leads to claims.
    #[must_use]
    pub fn claim_url(&self, claim: &Cid) -> Option<String> {
        if self.purpose() != Purpose::Claim {
            return None;
        }
        Some(self.url().ok()?.replace(CLAIM, &claim.to_string()))
    }

    /// Where a blob is, if the address leads to blobs. `link` is the shard of the metadata; without it `{blobCID}`
    /// becomes the raw CID of the hash, as the services do.
    #[must_use]
    pub fn blob_url(&self, blob: &Multihash, link: Option<&Cid>) -> Option<String> {
        if self.purpose() != Purpose::Blob {
            return None;
        }
        let link = link.copied().or_else(|| blob.cid(codec::RAW).ok())?;
        Some(
            self.url()
                .ok()?
                .replace(BLOB_CID, &link.to_string())
                .replace(BLOB, &blob.base58()),
        )
    }

    /// The path without escapes.
    fn path(&self) -> Option<String> {
        self.0.iter().find_map(|part| match part {
            Part::HttpPath(path) => Some(path.clone()),
            Part::OldHttpPath(path) => {
                let path = percent_decode(path)?;
                Some(path.trim_start_matches('/').to_owned())
            }
            _ => None,
        })
    }
}
