//! Reading caveats of a capability, with the names of what is wrong.

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::content::Content;
use super::error::ClaimError;
use super::range::Range;
use crate::proto::Did;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::Capability;

/// A capability whose caveats are being read.
#[derive(Clone, Copy)]
pub(super) struct Caveats<'a>(pub(super) &'a Capability);

impl<'a> Caveats<'a> {
    pub(super) fn content(self) -> Result<Content, ClaimError> {
        match self.need("content")? {
            Ipld::Link(cid) => Ok(Content::Link(*cid)),
            Ipld::Map(map) => match map.get("digest") {
                Some(Ipld::Bytes(bytes)) => {
                    let multihash = |source| ClaimError::Multihash {
                        can: self.0.can.clone(),
                        source,
                    };
                    Ok(Content::Digest(
                        Multihash::from_bytes(bytes).map_err(multihash)?,
                    ))
                }
                _ => Err(self.malformed("content")),
            },
            _ => Err(self.malformed("content")),
        }
    }

    pub(super) fn link(self, name: &'static str) -> Result<Cid, ClaimError> {
        match self.need(name)? {
            Ipld::Link(cid) => Ok(*cid),
            _ => Err(self.malformed(name)),
        }
    }

    /// One URL at least.
    pub(super) fn urls(self) -> Result<Vec<String>, ClaimError> {
        let Ipld::List(list) = self.need("location")? else {
            return Err(self.malformed("location"));
        };
        let urls = list.iter().map(|url| match url {
            Ipld::String(url) => Ok(url.clone()),
            _ => Err(self.malformed("location")),
        });
        let urls: Vec<_> = urls.collect::<Result<_, _>>()?;
        if urls.is_empty() {
            Err(self.malformed("location"))
        } else {
            Ok(urls)
        }
    }

    pub(super) fn range(self) -> Result<Option<Range>, ClaimError> {
        let map = match self.get("range") {
            None => return Ok(None),
            Some(Ipld::Map(map)) => map,
            Some(_) => return Err(self.malformed("range")),
        };
        let number = |name| match map.get(name) {
            Some(Ipld::Integer(value)) => u64::try_from(*value)
                .map(Some)
                .map_err(|_| self.malformed("range")),
            Some(Ipld::Null) | None => Ok(None),
            Some(_) => Err(self.malformed("range")),
        };
        let offset = number("offset")?.ok_or_else(|| self.malformed("range"))?;
        Ok(Some(Range {
            offset,
            length: number("length")?,
        }))
    }

    /// A space as bytes or as text.
    pub(super) fn space(self) -> Result<Option<Did>, ClaimError> {
        match self.get("space") {
            None => Ok(None),
            Some(Ipld::Bytes(bytes)) => Did::from_bytes(bytes)
                .map(Some)
                .map_err(|_| self.malformed("space")),
            Some(Ipld::String(text)) => Did::parse(text)
                .map(Some)
                .map_err(|_| self.malformed("space")),
            Some(_) => Err(self.malformed("space")),
        }
    }

    pub(super) fn addresses(self) -> Result<Vec<Vec<u8>>, ClaimError> {
        let Ipld::Map(provider) = self.need("provider")? else {
            return Err(self.malformed("provider"));
        };
        let Some(Ipld::List(list)) = provider.get("addresses") else {
            return Err(self.malformed("provider"));
        };
        let addresses = list.iter().map(|address| match address {
            Ipld::Bytes(bytes) => Ok(bytes.clone()),
            _ => Err(self.malformed("provider")),
        });
        addresses.collect()
    }

    fn need(self, name: &'static str) -> Result<&'a Ipld, ClaimError> {
        self.get(name).ok_or_else(|| ClaimError::Missing {
            can: self.0.can.clone(),
            name,
        })
    }

    /// A caveat; `null` counts as absent.
    fn get(self, name: &str) -> Option<&'a Ipld> {
        self.0
            .get(name)
            .filter(|value| !matches!(value, Ipld::Null))
    }

    fn malformed(self, name: &'static str) -> ClaimError {
        ClaimError::Malformed {
            can: self.0.can.clone(),
            name,
        }
    }
}
