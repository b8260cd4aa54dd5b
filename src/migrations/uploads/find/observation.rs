//! What a probe of an upload showed, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use cid::Cid;
use serde_json::Value;

use crate::client::{Located, ShardRow};
use crate::model::Failure;
use crate::proto::claims::Location;
use crate::proto::did::Did;
use crate::proto::index::Outline;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::Delegation;

/// A shard of the upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its CID as the upload's row spells it, or the CAR form if only the hash is known.
    pub cid: Cid,
    /// Its hash, by which claims and indexes know it.
    pub hash: Multihash,
}

impl Shard {
    /// A shard by its CID.
    #[must_use]
    pub fn new(cid: Cid) -> Self {
        Self {
            hash: Multihash::of(&cid),
            cid,
        }
    }
}

/// Whether a claim is signed by whom it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The signature was checked.
    Yes,
    /// The signature does not fit.
    No,
    /// The issuer's key is not known here.
    Unchecked,
}

/// An `assert/index` claim and the index that came with it.
#[derive(Clone, Debug)]
pub struct FoundIndex {
    /// CID of the claim.
    pub claim: Cid,
    /// Who issued it.
    pub issuer: Did,
    /// What it is about.
    pub content: Multihash,
    /// The index.
    pub link: Cid,
    /// When it ends, Unix seconds.
    pub expiration: Option<u64>,
    /// Whether it is signed.
    pub signed: Signed,
    /// The claim as it came, with its proofs, until it is known whose claims count.
    pub delegation: Option<Delegation>,
    /// The space that lets the issuer register indexes, if the proofs show that one of [`Observation::claimants`] does.
    pub on_behalf_of: Option<Did>,
    /// What the index covers: `None` if it did not come along, an error if it cannot be read.
    pub index: Option<Result<Arc<Outline>, String>>,
}

/// An `assert/location` claim.
#[derive(Clone, Debug)]
pub struct FoundLocation {
    /// CID of the claim.
    pub claim: Cid,
    /// Who issued it.
    pub issuer: Did,
    /// On whose resource it is: must be the issuer itself.
    pub with: String,
    /// What it says.
    pub location: Location,
    /// When it ends, Unix seconds.
    pub expiration: Option<u64>,
    /// Whether it is signed.
    pub signed: Signed,
}

/// Claims by kind. Kinds that do not matter here are left out.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Index claims, about the root or about shards.
    pub indexes: Vec<FoundIndex>,
    /// Location claims.
    pub locations: Vec<FoundLocation>,
}

impl Claims {
    /// Adds the claims of another answer; one that both hold stays once.
    pub(super) fn extend(&mut self, other: Self) {
        let known: BTreeSet<Cid> = self.indexes.iter().map(|one| one.claim).collect();
        let indexes = other.indexes.into_iter();
        self.indexes
            .extend(indexes.filter(|one| !known.contains(&one.claim)));
        let known: BTreeSet<Cid> = self.locations.iter().map(|one| one.claim).collect();
        let locations = other.locations.into_iter();
        self.locations
            .extend(locations.filter(|one| !known.contains(&one.claim)));
    }

    /// Issuers of claims whose signature does not fit.
    pub(super) fn misfits(&self) -> BTreeSet<&Did> {
        let indexes = self.indexes.iter().map(|one| (&one.issuer, one.signed));
        let locations = self.locations.iter().map(|one| (&one.issuer, one.signed));
        let all = indexes.chain(locations);
        all.filter_map(|(issuer, signed)| (signed == Signed::No).then_some(issuer))
            .collect()
    }
}

/// An index that a step has stored.
#[derive(Clone, Debug)]
pub(in crate::migrations::uploads) struct StoredIndex {
    pub(in crate::migrations::uploads) link: Cid,
    /// The storage node's location claim for the index blob.
    pub(in crate::migrations::uploads) location: Delegation,
}

/// What steps of this turn found out and need not ask again. Never decides whether something is needed.
#[derive(Debug, Default)]
struct Notes {
    located: BTreeMap<Multihash, Located>,
    stored: Option<StoredIndex>,
}

/// What records name and is not there, or is not what it should be.
#[derive(Clone, Debug, Default)]
pub struct Absent {
    /// Indexes that cannot be read where they should lie, or say what the bytes of the shards do not, and why.
    pub indexes: BTreeMap<Cid, String>,
    /// Addresses of shards at which nothing lies.
    pub addresses: BTreeSet<String>,
    /// A fault of the shards themselves: no step can put it right.
    pub damage: Option<Failure>,
}

/// What one probe of an upload showed.
#[derive(Debug)]
pub struct Observation {
    /// The content root.
    pub root: Cid,
    /// The shards, from the row, its list, or the index.
    pub shards: Vec<Shard>,
    /// The claims.
    pub claims: Claims,
    /// Whose index claims count: services, the upload's space, others of its customer that have it too, and the
    /// customer's migration space.
    pub claimants: BTreeSet<Did>,
    /// Sizes by the tables; read only if the index does not tell them.
    pub rows: BTreeMap<Multihash, ShardRow>,
    /// Indexes that their claims' migration space has no more.
    pub removed: BTreeSet<Cid>,
    /// What a closer probe showed not to be there; empty if only records were looked at.
    pub absent: Absent,
    /// When it was looked, Unix seconds.
    pub at: u64,
    notes: Mutex<Notes>,
}

impl Observation {
    pub(in crate::migrations::uploads) fn new(
        root: Cid,
        shards: Vec<Shard>,
        claims: Claims,
        at: u64,
    ) -> Self {
        Self {
            root,
            shards,
            claims,
            claimants: BTreeSet::new(),
            rows: BTreeMap::new(),
            removed: BTreeSet::new(),
            absent: Absent::default(),
            at,
            notes: Mutex::default(),
        }
    }

    /// Remembers where a shard was found.
    pub(in crate::migrations::uploads) fn note_located(&self, shard: &Multihash, place: Located) {
        self.notes().located.insert(shard.clone(), place);
    }

    /// Where a step of this turn found a shard.
    pub(in crate::migrations::uploads) fn located(&self, shard: &Multihash) -> Option<Located> {
        self.notes().located.get(shard).cloned()
    }

    /// Remembers the index that was stored.
    pub(in crate::migrations::uploads) fn note_stored(&self, stored: StoredIndex) {
        self.notes().stored = Some(stored);
    }

    /// The index that a step of this turn stored.
    pub(in crate::migrations::uploads) fn stored(&self) -> Option<StoredIndex> {
        self.notes().stored.clone()
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FoundLocation {
    /// The claim for people and scripts.
    #[must_use]
    pub fn json(&self) -> Value {
        let range = self
            .location
            .range
            .map(|range| serde_json::json!({"offset": range.offset, "length": range.length}));
        serde_json::json!({
            "claim": self.claim.to_string(),
            "issuer": self.issuer.as_str(),
            "content": self.location.content.hash().base58(),
            "location": self.location.location,
            "range": range,
            "space": self.location.space.as_ref().map(Did::as_str),
            "expiration": self.expiration,
        })
    }
}
