//! All kinds of claims.

use std::collections::BTreeMap;

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::caveats::Caveats;
use super::content::Content;
use super::error::ClaimError;
use super::location::Location;
use crate::proto::Did;
use crate::proto::ucan::{Capability, Delegation};

/// A claim, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Claim {
    /// `assert/location`
    Location(Location),
    /// `assert/index`
    Index(Index),
    /// `assert/equals`
    Equals(Equals),
    /// `claim/cache`
    Cache(Cache),
    /// Another ability: old data holds inclusion, partition and relation claims.
    Other {
        /// The ability.
        can: String,
    },
}

/// `assert/index`: an index tells where the blocks of content are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Index {
    /// The content root. Services in Go take a link only.
    pub content: Content,
    /// The archive, `CIDv1` of the CAR codec.
    pub index: Cid,
}

/// `assert/equals`: two names of the same content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Equals {
    /// One name.
    pub content: Content,
    /// The other.
    pub equals: Cid,
}

/// `claim/cache`: asks the indexing service to show a claim at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cache {
    /// The claim, whose blocks come along.
    pub claim: Cid,
    /// Multiaddrs of the provider, as bytes.
    pub addresses: Vec<Vec<u8>>,
}

impl Claim {
    /// Reads a capability. Unknown abilities are [`Claim::Other`], never an error.
    ///
    /// # Errors
    /// A caveat that the ability needs is missing or malformed.
    pub fn read(capability: &Capability) -> Result<Self, ClaimError> {
        let caveats = Caveats(capability);
        match capability.can.as_str() {
            Location::CAN => Location::read(caveats).map(Self::Location),
            Index::CAN => Ok(Self::Index(Index {
                content: caveats.content()?,
                index: caveats.link("index")?,
            })),
            Equals::CAN => Ok(Self::Equals(Equals {
                content: caveats.content()?,
                equals: caveats.link("equals")?,
            })),
            Cache::CAN => Ok(Self::Cache(Cache {
                claim: caveats.link("claim")?,
                addresses: caveats.addresses()?,
            })),
            other => Ok(Self::Other {
                can: other.to_owned(),
            }),
        }
    }

    /// Reads the first capability of a delegation, which is the claim.
    ///
    /// # Errors
    /// The delegation has no capability, or as [`Claim::read`].
    pub fn of(delegation: &Delegation) -> Result<Self, ClaimError> {
        Self::read(
            delegation
                .capabilities()
                .first()
                .ok_or(ClaimError::Nothing)?,
        )
    }

    /// The content of an assertion.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Location(claim) => Some(&claim.content),
            Self::Index(claim) => Some(&claim.content),
            Self::Equals(claim) => Some(&claim.content),
            Self::Cache(_) | Self::Other { .. } => None,
        }
    }
}

impl Index {
    /// The ability.
    pub const CAN: &'static str = "assert/index";

    /// The claim as capability on `with`.
    #[must_use]
    pub fn capability(&self, with: &Did) -> Capability {
        Capability::new(Self::CAN, with.as_str())
            .caveat("content", self.content.to_ipld())
            .caveat("index", Ipld::Link(self.index))
    }
}

impl Equals {
    /// The ability.
    pub const CAN: &'static str = "assert/equals";

    /// The claim as capability on `with`.
    #[must_use]
    pub fn capability(&self, with: &Did) -> Capability {
        Capability::new(Self::CAN, with.as_str())
            .caveat("content", self.content.to_ipld())
            .caveat("equals", Ipld::Link(self.equals))
    }
}

impl Cache {
    /// The ability.
    pub const CAN: &'static str = "claim/cache";

    /// The request as capability on the indexing service.
    #[must_use]
    pub fn capability(&self, with: &Did) -> Capability {
        let addresses = self.addresses.iter().cloned().map(Ipld::Bytes).collect();
        let provider = BTreeMap::from([("addresses".to_owned(), Ipld::List(addresses))]);
        Capability::new(Self::CAN, with.as_str())
            .caveat("claim", Ipld::Link(self.claim))
            .caveat("provider", Ipld::Map(provider))
    }
}
