//! Where content can be fetched.

use ipld_core::ipld::Ipld;

use super::caveats::Caveats;
use super::content::Content;
use super::error::ClaimError;
use super::range::Range;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{self, Capability, Delegation, Draft, Expiration};
use crate::proto::{Did, Signer};

/// `assert/location`: content is at these URLs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// What is there.
    pub content: Content,
    /// Where, one URL at least, as text: old claims hold URLs that no parser takes.
    pub location: Vec<String>,
    /// Which part of it.
    pub range: Option<Range>,
    /// The space that egress is counted for, and whose delegation the gateway wants.
    pub space: Option<Did>,
}

impl Location {
    /// The ability.
    pub const CAN: &'static str = "assert/location";

    /// The claim as capability on `with`.
    #[must_use]
    pub fn capability(&self, with: &Did) -> Capability {
        let urls = self.location.iter().cloned().map(Ipld::String).collect();
        let mut capability = Capability::new(Self::CAN, with.as_str())
            .caveat("content", self.content.to_ipld())
            .caveat("location", Ipld::List(urls));
        if let Some(range) = self.range {
            capability = capability.caveat("range", range.to_ipld());
        }
        if let Some(space) = &self.space {
            capability = capability.caveat("space", Ipld::Bytes(space.to_bytes()));
        }
        capability
    }

    pub(super) fn read(caveats: Caveats<'_>) -> Result<Self, ClaimError> {
        Ok(Self {
            content: caveats.content()?,
            location: caveats.urls()?,
            range: caveats.range()?,
            space: caveats.space()?,
        })
    }
}

/// The location claim that the migration publishes for a blob of `size` bytes: issued on its own DID, for the space,
/// without end, nonce or proofs, so that the same input gives the same CID (docs/protocol/claims.md §1).
///
/// # Errors
/// As [`Draft::sign`].
pub fn relocate(
    issuer: &Signer,
    space: &Did,
    blob: &Multihash,
    url: &str,
    size: u64,
) -> Result<Delegation, ucan::UcanError> {
    let location = Location {
        content: Content::Digest(blob.clone()),
        location: vec![url.to_owned()],
        range: Some(Range {
            offset: 0,
            length: Some(size),
        }),
        space: Some(space.clone()),
    };
    Draft::new(issuer, space)
        .capability(location.capability(issuer.did()))
        .expiration(Expiration::Never)
        .sign()
}
