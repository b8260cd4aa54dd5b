//! What people and scripts ask of one upload.

use serde_json::{Value, json};

use super::decide::{IndexState, LocationState, Review};
use super::find::{FoundIndex, Observation};
use super::handle::Uploads;
use super::item::Upload;
use crate::engine::{Migration as _, UnitContext};
use crate::model::{Failure, ItemId};

/// Everything that can be seen of one upload, and what would be done.
#[derive(Debug)]
pub struct Explanation {
    /// Its row.
    pub upload: Upload,
    /// What the world shows.
    pub observed: Observation,
    /// What that means.
    pub review: Review,
}

impl Uploads {
    /// Looks at one upload. Changes nothing.
    ///
    /// # Errors
    /// There is no such upload, or its row or the services cannot be read.
    pub async fn explain(&self, unit: &UnitContext, id: &ItemId) -> Result<Explanation, Failure> {
        let upload = self.item(unit, id).await?;
        let observed = self.probe(unit, &upload).await?;
        let review = self.review(&upload, &observed);
        Ok(Explanation {
            upload,
            observed,
            review,
        })
    }
}

impl Explanation {
    /// For people and scripts.
    #[must_use]
    pub fn json(&self) -> Value {
        let shards: Vec<Value> = self
            .review
            .shards
            .iter()
            .map(|(shard, state)| {
                let row = self.observed.rows.get(&shard.hash);
                json!({
                    "shard": shard.cid.to_string(),
                    "multihash": shard.hash.base58(),
                    "size": row.map(|row| row.size),
                    "protocol": row.map(|row| row.protocol.as_str()),
                    "state": location_word(state),
                    "why": location_why(state),
                })
            })
            .collect();
        json!({
            "root": self.upload.row.root,
            "space": self.upload.row.space.as_str(),
            "verdict": self.review.verdict().as_str(),
            "index": { "state": index_word(&self.review.index), "why": index_why(&self.review.index) },
            "shards": shards,
            "remarks": self.review.remarks,
            "indexes": self.observed.claims.indexes.iter().map(index_json).collect::<Vec<_>>(),
            "locations": self.observed.claims.locations.iter().map(super::find::FoundLocation::json).collect::<Vec<_>>(),
        })
    }
}

fn index_word(state: &IndexState) -> &'static str {
    match state {
        IndexState::Right => "ok",
        IndexState::Missing => "missing",
        IndexState::Wrong(_) => "wrong",
        IndexState::CannotTell(_) => "could-not-tell",
    }
}

fn index_why(state: &IndexState) -> Option<&str> {
    match state {
        IndexState::Right | IndexState::Missing => None,
        IndexState::Wrong(why) | IndexState::CannotTell(why) => Some(why),
    }
}

fn location_word(state: &LocationState) -> &'static str {
    match state {
        LocationState::Right => "ok",
        LocationState::Missing => "missing",
        LocationState::Wrong(_) => "wrong",
    }
}

fn location_why(state: &LocationState) -> Option<&str> {
    match state {
        LocationState::Right | LocationState::Missing => None,
        LocationState::Wrong(why) => Some(why),
    }
}

fn index_json(found: &FoundIndex) -> Value {
    let index = found.index.as_ref();
    let counts = index.and_then(|index| index.as_ref().ok());
    json!({
        "claim": found.claim.to_string(),
        "issuer": found.issuer.as_str(),
        "on_behalf_of": found.on_behalf_of.as_ref().map(crate::proto::did::Did::as_str),
        "index": found.link.to_string(),
        "expiration": found.expiration,
        "shards": counts.map(|index| index.shard_count()),
        "slices": counts.map(|index| index.slice_count()),
        "error": index.and_then(|index| index.as_ref().err()),
    })
}
