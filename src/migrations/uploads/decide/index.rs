//! Whether an upload has an index that covers it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cid::Cid;

use crate::migrations::uploads::find::{FoundIndex, Seen, Shard, Signed};
use crate::model::{Failure, Reason};
use crate::proto::index::ShardedDagIndex;
use crate::proto::multihash::Multihash;

/// What the claims say of an upload's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// A valid claim names an index that covers every shard.
    Right,
    /// No claim about the root.
    Missing,
    /// There are claims, and none of them counts; why the first does not.
    Wrong(String),
    /// A valid claim names an index that did not come along, so it cannot be judged.
    CannotTell(String),
}

/// Judges the index claims: all of them, in whatever order they came (protocol: pitfalls 12, 24).
///
/// When a claim ends is not asked. The service keeps the `assert/index` invocation itself as the claim, and those of the
/// existing tool end after 30 s (protocol: pitfalls 70); neither the service nor its clients look at the end of an index
/// claim when they read, and what it names is known by its own hash.
pub(crate) fn index_state(seen: &Seen) -> IndexState {
    let root = Multihash::of(&seen.root);
    let mut first: Option<IndexState> = None;
    for found in seen
        .claims
        .indexes
        .iter()
        .filter(|found| found.content == root)
    {
        match judge(found, seen) {
            IndexState::Right => return IndexState::Right,
            // "Could not tell" outweighs what is known to be wrong: it may be right.
            state @ IndexState::CannotTell(_) => first = Some(state),
            state => {
                first.get_or_insert(state);
            }
        }
    }
    first.unwrap_or(IndexState::Missing)
}

fn judge(found: &FoundIndex, seen: &Seen) -> IndexState {
    let wrong = |why: String| IndexState::Wrong(format!("index claim {} {why}", found.claim));
    if found.signed == Signed::No {
        return wrong("is not signed by its issuer".to_owned());
    }
    if seen.removed.contains(&found.link) {
        return wrong("names an index that was removed from its space".to_owned());
    }
    if let Some(why) = seen.absent.indexes.get(&found.link) {
        return wrong(format!("names index {}, {why}", found.link));
    }
    match &found.index {
        None => IndexState::CannotTell(format!(
            "index {} did not come along with its claim",
            found.link
        )),
        Some(Err(error)) => wrong(format!("names an index that cannot be read: {error}")),
        Some(Ok(index)) => lack(index, seen).map_or(IndexState::Right, wrong),
    }
}

/// The indexes that count: links with what they say.
pub(crate) fn right_indexes(seen: &Seen) -> Vec<(Cid, Arc<ShardedDagIndex>)> {
    let root = Multihash::of(&seen.root);
    let about = |found: &&FoundIndex| found.content == root;
    let right = seen
        .claims
        .indexes
        .iter()
        .filter(about)
        .filter_map(|found| {
            let right = judge(found, seen) == IndexState::Right;
            let index = found.index.as_ref()?.as_ref().ok()?;
            right.then(|| (found.link, Arc::clone(index)))
        });
    let by_link: BTreeMap<Cid, Arc<ShardedDagIndex>> = right.collect();
    by_link.into_iter().collect()
}

/// What an index lacks to be this upload's.
fn lack(index: &ShardedDagIndex, seen: &Seen) -> Option<String> {
    if Multihash::of(index.content()) != Multihash::of(&seen.root) {
        return Some(format!(
            "names an index of other content ({})",
            index.content()
        ));
    }
    if index.shard_count() == 0 {
        return Some("names an index without shards".to_owned());
    }
    let mut shards = seen.shards.iter();
    if let Some(lack) = shards.find_map(|shard| lack_of_shard(index, shard, seen)) {
        return Some(lack);
    }
    // A reader begins at the root.
    let leads = index.leads_to(&Multihash::of(&seen.root));
    (!leads).then(|| "names an index in no slice of which the root lies".to_owned())
}

fn lack_of_shard(index: &ShardedDagIndex, shard: &Shard, seen: &Seen) -> Option<String> {
    let Some(slices) = index.slices(&shard.hash) else {
        return Some(format!(
            "names an index that leaves out shard {}",
            shard.cid
        ));
    };
    let size = seen.rows.get(&shard.hash)?.size;
    let beyond = slices
        .iter()
        .find(|(_, position)| position.offset.saturating_add(position.length) > size);
    beyond.map(|(slice, _)| {
        format!(
            "names an index that puts {slice} beyond the end of shard {}",
            shard.cid
        )
    })
}

/// The shards of an upload whose row names none, from the first index that counts (protocol: pitfalls 13, 14).
pub(crate) fn indexed_shards(seen: &Seen) -> Result<Vec<Multihash>, Failure> {
    let root = Multihash::of(&seen.root);
    let about = |found: &&FoundIndex| found.content == root;
    let mut unread = None;
    for found in seen.claims.indexes.iter().filter(about) {
        match (judge(found, seen), &found.index) {
            (IndexState::Right, Some(Ok(index))) => {
                return Ok(index
                    .shards()
                    .into_iter()
                    .map(|(shard, _)| shard.clone())
                    .collect());
            }
            (IndexState::CannotTell(why), _) => unread = Some(why),
            _ => {}
        }
    }
    match unread {
        Some(why) => Err(Failure::unknown(
            Reason::CouldNotTell,
            format!("upload names no shards, and {why}"),
        )),
        None => Err(Failure::permanent(
            Reason::NoShards,
            format!("upload {} names no shards and has no index", seen.root),
        )),
    }
}
