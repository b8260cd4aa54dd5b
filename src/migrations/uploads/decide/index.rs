//! Whether an upload has an index that covers it.

use std::collections::BTreeSet;

use cid::Cid;

use crate::migrations::uploads::find::{FoundIndex, Observation, Signed};
use crate::migrations::uploads::reasons;
use crate::model::{Failure, Reason};
use crate::proto::did::Did;
use crate::proto::index::Outline;
use crate::proto::multihash::Multihash;

/// Claims of strangers that are named.
const NAMED: usize = 3;

/// What the claims say of an upload's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// A valid claim names an index that covers every shard.
    Right,
    /// No claim about the root by anybody whose claims count.
    Missing,
    /// There are claims, and none of them counts; why the first does not.
    Wrong(String),
    /// A valid claim names an index that did not come along, so it cannot be judged.
    CannotTell(String),
}

/// Judges the index claims of all whose claims count, in whatever order they came (docs/protocol/pitfalls.md 12, 24).
/// Those of strangers change nothing: [`strangers`] names them.
///
/// When a claim ends is not asked. The service keeps the `assert/index` invocation itself as the claim, and those of
/// the existing tool end after 30 s (docs/protocol/pitfalls.md 70); neither the service nor its clients look at the
/// end of an index claim when they read, and what it names is known by its own hash.
pub(crate) fn index_state(observed: &Observation) -> IndexState {
    let mut first: Option<IndexState> = None;
    for found in entitled(observed) {
        match judge(found, observed) {
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

/// The index claims about the root by those whose claims count, whether signed or not.
fn entitled(observed: &Observation) -> impl Iterator<Item = &FoundIndex> {
    let about = about_root(observed);
    about.filter(|found| is_entitled(found, observed))
}

fn about_root(observed: &Observation) -> impl Iterator<Item = &FoundIndex> {
    let root = Multihash::of(&observed.root);
    let all = observed.claims.indexes.iter();
    all.filter(move |found| found.content == root)
}

fn is_entitled(found: &FoundIndex, observed: &Observation) -> bool {
    observed.claimants.contains(&found.issuer) || found.on_behalf_of.is_some()
}

/// Whether an index claim is signed, by one whose claims count.
pub(crate) fn is_credible(found: &FoundIndex, observed: &Observation) -> bool {
    found.signed == Signed::Yes && is_entitled(found, observed)
}

/// The index claims about the root by people whose claims do not count, the first few by name.
pub(crate) fn strangers(observed: &Observation) -> Option<String> {
    let claims = about_root(observed).filter(|found| !is_entitled(found, observed));
    let claims: BTreeSet<(&Cid, &Did)> = claims.map(|found| (&found.link, &found.issuer)).collect();
    let name = |(link, issuer): &(&Cid, &Did)| {
        format!(
            "index {link} was claimed by {issuer}, who is neither the space, its migration space nor a service"
        )
    };
    let mut each: Vec<String> = claims.iter().take(NAMED).map(name).collect();
    if let Some(others) = claims.len().checked_sub(NAMED).filter(|others| *others > 0) {
        each.push(format!("{others} more by such issuers"));
    }
    (!each.is_empty()).then(|| each.join("; "))
}

fn judge(found: &FoundIndex, observed: &Observation) -> IndexState {
    let wrong = |why: String| IndexState::Wrong(format!("index claim {} {why}", found.claim));
    match found.signed {
        Signed::Yes => {}
        Signed::No => return wrong("is not signed by its issuer".to_owned()),
        Signed::Unchecked => {
            return wrong(format!(
                "is issued by {}, whose key is not known",
                found.issuer
            ));
        }
    }
    if observed.removed.contains(&found.link) {
        return wrong("names an index that was removed from its space".to_owned());
    }
    if let Some(why) = observed.absent.indexes.get(&found.link) {
        return wrong(format!("names index {}, {why}", found.link));
    }
    match &found.index {
        None => IndexState::CannotTell(format!(
            "index {} did not come along with its claim",
            found.link
        )),
        Some(Err(error)) => wrong(format!("names an index that cannot be read: {error}")),
        Some(Ok(index)) => lack(index, observed).map_or(IndexState::Right, wrong),
    }
}

/// The indexes that count.
pub(crate) fn right_indexes(observed: &Observation) -> BTreeSet<Cid> {
    let right = entitled(observed).filter(|found| judge(found, observed) == IndexState::Right);
    right.map(|found| found.link).collect()
}

/// What an index lacks to be this upload's.
fn lack(index: &Outline, observed: &Observation) -> Option<String> {
    if Multihash::of(index.content()) != Multihash::of(&observed.root) {
        return Some(format!(
            "names an index of other content ({})",
            index.content()
        ));
    }
    if index.shard_count() == 0 {
        return Some("names an index without shards".to_owned());
    }
    let named = observed.shards.iter().map(|shard| &shard.hash);
    let lacks = if observed.shards.is_empty() {
        first_lack(index, index.shards(), observed)
    } else {
        first_lack(index, named, observed)
    };
    if lacks.is_some() {
        return lacks;
    }
    // A reader begins at the root.
    (!index.leads_to_content())
        .then(|| "names an index in no slice of which the root lies".to_owned())
}

fn first_lack<'a>(
    index: &Outline,
    mut shards: impl Iterator<Item = &'a Multihash>,
    observed: &Observation,
) -> Option<String> {
    shards.find_map(|shard| lack_of_shard(index, shard, observed))
}

fn lack_of_shard(index: &Outline, shard: &Multihash, observed: &Observation) -> Option<String> {
    let Some(extent) = index.extent(shard) else {
        return Some(format!("names an index that leaves out shard {shard}"));
    };
    if extent.length.is_none() {
        return Some(format!(
            "names an index in which shard {shard} has no slice of its own"
        ));
    }
    let size = observed.rows.get(shard)?.size;
    let beyond = extent.farthest.as_ref().filter(|(end, _)| *end > size);
    beyond.map(|(_, slice)| {
        format!("names an index that puts {slice} beyond the end of shard {shard}")
    })
}

/// The shards of an upload whose row names none, from the first index that counts (docs/protocol/pitfalls.md 13, 14).
pub(crate) fn indexed_shards(observed: &Observation) -> Result<Vec<Multihash>, Failure> {
    let mut unread = None;
    for found in entitled(observed) {
        match (judge(found, observed), &found.index) {
            (IndexState::Right, Some(Ok(index))) => {
                return Ok(index.shards().cloned().collect());
            }
            (IndexState::CannotTell(why), _) => unread = Some(why),
            _ => {}
        }
    }
    if let Some(why) = unread {
        let why = format!("upload names no shards, and {why}");
        return Err(Failure::unknown(Reason::COULD_NOT_TELL, why));
    }
    let why = format!("upload {} names no shards and has no index", observed.root);
    let why = match strangers(observed) {
        None => why,
        Some(strangers) => format!("{why} that counts: {strangers}"),
    };
    Err(Failure::permanent(reasons::NO_SHARDS, why))
}
