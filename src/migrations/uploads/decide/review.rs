//! All that is to be said of one upload.

use crate::migrations::uploads::decide::{
    IndexState, LocationState, Trust, index_state, location_state, strangers,
};
use crate::migrations::uploads::find::{Observation, Shard};
use crate::model::Verdict;
use crate::proto::did::Did;

/// Index and locations of an upload, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The index.
    pub index: IndexState,
    /// The shards, in order.
    pub shards: Vec<(Shard, LocationState)>,
    /// Things that are no fault of this upload: what changes how it is served, and claims of strangers.
    pub remarks: Vec<String>,
}

impl Review {
    /// Judges what was seen of an upload of a space.
    #[must_use]
    pub fn of(observed: &Observation, trust: &Trust, space: &Did) -> Self {
        let judge = |shard: &Shard| (shard.clone(), location_state(observed, trust, shard, space));
        Self {
            index: index_state(observed),
            shards: observed.shards.iter().map(judge).collect(),
            remarks: observed
                .shards
                .iter()
                .filter_map(|shard| old_claim(observed, shard))
                .chain(strangers(observed))
                .collect(),
        }
    }

    /// The upload as a whole: as bad as the worst of its parts.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let index = match &self.index {
            IndexState::Right => Verdict::Ok,
            IndexState::Missing => Verdict::Missing,
            IndexState::Wrong(_) => Verdict::Wrong,
            IndexState::CannotTell(_) => Verdict::CouldNotTell,
        };
        let shards = self.shards.iter().map(|(_, state)| match state {
            LocationState::Right => Verdict::Ok,
            LocationState::Missing => Verdict::Missing,
            LocationState::Wrong(_) => Verdict::Wrong,
        });
        Verdict::worst(shards.chain([index]))
    }
}

/// While a claim without length is visible the gateway uses it and counts no egress (docs/protocol/gateway.md §3).
fn old_claim(observed: &Observation, shard: &Shard) -> Option<String> {
    let old = observed.claims.locations.iter().find(|found| {
        found.location.content.hash() == shard.hash
            && found
                .location
                .range
                .is_none_or(|range| range.length.is_none())
    })?;
    Some(format!(
        "shard {} is still served by the old claim {}, which has no length",
        shard.cid, old.claim
    ))
}
