//! Provider records: who knows something about a hash.

use ipld_core::ipld::Ipld;

use crate::proto::cbor;
use crate::proto::ipni::{Metadata, Multiaddr, PeerId, decode_metadata};

/// Who has content, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its peer id.
    pub peer: PeerId,
    /// Its addresses, with placeholders.
    pub addresses: Vec<Multiaddr>,
}

/// One record about one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(super) provider: Provider,
    pub(super) context: Vec<u8>,
    /// Encoded, as it was advertised.
    pub(super) metadata: Vec<u8>,
}

/// What is asked about a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Location,
    Index,
    Equals,
}

impl Kind {
    /// Everything.
    pub(super) const ALL: [Self; 3] = [Self::Location, Self::Index, Self::Equals];

    /// The kind of one protocol's metadata; none for protocols of others.
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        match metadata {
            Metadata::Location { .. } => Some(Self::Location),
            Metadata::Index { .. } => Some(Self::Index),
            Metadata::Equals { .. } => Some(Self::Equals),
            Metadata::Other { .. } => None,
        }
    }

    /// Its name in keys.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::Index => "index",
            Self::Equals => "equals",
        }
    }
}

impl Record {
    /// What tells it from other records of its hash: the same provider and context replace.
    pub(super) fn id(&self) -> String {
        format!(
            "{}/{}",
            self.provider.peer,
            multibase::encode(multibase::Base::Base58Btc, &self.context)
        )
    }

    /// Its protocols; unreadable metadata says nothing.
    pub(super) fn protocols(&self) -> Vec<Metadata> {
        decode_metadata(&self.metadata).unwrap_or_default()
    }

    /// Whether one of its protocols is of one of the kinds.
    pub(super) fn is_any(&self, kinds: &[Kind]) -> bool {
        self.protocols()
            .iter()
            .filter_map(Kind::of)
            .any(|kind| kinds.contains(&kind))
    }

    /// For the shelf.
    pub(super) fn encode(&self) -> Vec<u8> {
        let addresses = self
            .provider
            .addresses
            .iter()
            .map(|address| Ipld::Bytes(address.to_bytes()))
            .collect();
        let parts = vec![
            Ipld::Bytes(self.provider.peer.hash().as_bytes().to_vec()),
            Ipld::List(addresses),
            Ipld::Bytes(self.context.clone()),
            Ipld::Bytes(self.metadata.clone()),
        ];
        cbor::encode(&Ipld::List(parts)).expect("bytes and lists are CBOR")
    }

    /// From the shelf.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let Ipld::List(parts) = cbor::decode(bytes).ok()? else {
            return None;
        };
        let [
            Ipld::Bytes(peer),
            Ipld::List(addresses),
            Ipld::Bytes(context),
            Ipld::Bytes(metadata),
        ] = &parts[..]
        else {
            return None;
        };
        let addresses = addresses.iter().map(|address| match address {
            Ipld::Bytes(bytes) => Multiaddr::from_bytes(bytes).ok(),
            _ => None,
        });
        let provider = Provider {
            peer: PeerId::from_bytes(peer).ok()?,
            addresses: addresses.collect::<Option<_>>()?,
        };
        Some(Self {
            provider,
            context: context.clone(),
            metadata: metadata.clone(),
        })
    }
}
