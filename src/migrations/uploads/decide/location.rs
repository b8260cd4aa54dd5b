//! Whether a shard has a location claim that names the space.

use std::collections::BTreeSet;

use crate::migrations::uploads::decide::{IndexState, Trust, index_state, is_credible};
use crate::migrations::uploads::find::{FoundLocation, Observation, Shard, Signed};
use crate::proto::did::Did;

/// What the claims say of a shard's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocationState {
    /// A claim counts: issuer, space, range and location are right.
    Right,
    /// No claim names the space.
    Missing,
    /// Claims name the space, and none of them counts; why the first does not.
    Wrong(String),
}

/// Judges the location claims of one shard for a space.
pub(crate) fn location_state(
    observed: &Observation,
    trust: &Trust,
    shard: &Shard,
    space: &Did,
) -> LocationState {
    let size = size(observed, shard);
    let mut first = None;
    for found in of_space(observed, shard, space) {
        match fault(found, trust, shard, size, observed) {
            None => return LocationState::Right,
            Some(why) => {
                first.get_or_insert(LocationState::Wrong(format!(
                    "location claim {} {why}",
                    found.claim
                )));
            }
        }
    }
    first.unwrap_or(LocationState::Missing)
}

/// The claim of the upload service that counts, if no other issuer's does.
///
/// Such a claim was published by a migration, and is findable for good only if that migration advertised it
/// (docs/protocol/pitfalls.md 1, 32): a storage node's own claim is advertised by the node.
pub(crate) fn republished<'a>(
    observed: &'a Observation,
    trust: &Trust,
    shard: &Shard,
    space: &Did,
) -> Option<&'a FoundLocation> {
    let size = size(observed, shard);
    let mut counting = of_space(observed, shard, space)
        .filter(|found| fault(found, trust, shard, size, observed).is_none())
        .peekable();
    let first = *counting.peek()?;
    counting
        .all(|found| found.issuer == trust.upload_service)
        .then_some(first)
}

/// The claims that name a shard and a space.
fn of_space<'a>(
    observed: &'a Observation,
    shard: &Shard,
    space: &Did,
) -> impl Iterator<Item = &'a FoundLocation> {
    observed.claims.locations.iter().filter(move |found| {
        found.location.content.hash() == shard.hash && found.location.space.as_ref() == Some(space)
    })
}

/// Why a claim that names the right shard and space does not count.
fn fault(
    found: &FoundLocation,
    trust: &Trust,
    shard: &Shard,
    size: Option<u64>,
    observed: &Observation,
) -> Option<String> {
    if found.expiration.is_some_and(|end| end <= observed.at) {
        return Some("has expired".to_owned());
    }
    if found.signed == Signed::No {
        return Some("is not signed by its issuer".to_owned());
    }
    if !trust.issuers.contains(&found.issuer) {
        return Some(format!("is issued by a stranger, {}", found.issuer));
    }
    if found.signed == Signed::Unchecked {
        return Some(format!(
            "is issued by {}, whose key is not known",
            found.issuer
        ));
    }
    if found.with != found.issuer.as_str() {
        return Some(format!("is about the resource of another, {}", found.with));
    }
    if !found
        .location
        .location
        .iter()
        .any(|url| trust.is_place_of(url, shard))
    {
        return Some("leads to no address of the shard".to_owned());
    }
    if found
        .location
        .location
        .iter()
        .all(|url| !trust.is_place_of(url, shard) || observed.absent.addresses.contains(url))
    {
        return Some("leads to an address with nothing there".to_owned());
    }
    let Some(range) = found.location.range else {
        return Some("has no range".to_owned());
    };
    match (range.length, size) {
        (None, _) => Some("has a range without length".to_owned()),
        (Some(length), Some(size)) if length != size => {
            Some(format!("covers {length} bytes of {size}"))
        }
        _ if range.offset != 0 => Some(format!("starts at byte {}", range.offset)),
        _ => None,
    }
}

/// The addresses to which the claims of a shard that count lead.
pub(crate) fn claimed_places(
    observed: &Observation,
    trust: &Trust,
    shard: &Shard,
    space: &Did,
) -> Vec<String> {
    let size = size(observed, shard);
    let counting = of_space(observed, shard, space)
        .filter(|found| fault(found, trust, shard, size, observed).is_none());
    let urls = counting.flat_map(|found| &found.location.location);
    let places: BTreeSet<&String> = urls.filter(|url| trust.is_place_of(url, shard)).collect();
    places.into_iter().cloned().collect()
}

/// Bytes of a shard: by the tables, else by its own slice in an index of somebody whose claims count.
pub(crate) fn size(observed: &Observation, shard: &Shard) -> Option<u64> {
    if let Some(row) = observed.rows.get(&shard.hash) {
        return Some(row.size);
    }
    let own = |found: &crate::migrations::uploads::find::FoundIndex| {
        let index = found.index.as_ref()?.as_ref().ok()?;
        index.extent(&shard.hash)?.length
    };
    let mut credible = observed
        .claims
        .indexes
        .iter()
        .filter(|found| is_credible(found, observed));
    credible.find_map(own)
}

/// Whether everything can be judged without asking the tables: the index is right and tells the size of every
/// shard.
pub(crate) fn knows_sizes(observed: &Observation) -> bool {
    index_state(observed) == IndexState::Right
        && observed
            .shards
            .iter()
            .all(|shard| size(observed, shard).is_some())
}
