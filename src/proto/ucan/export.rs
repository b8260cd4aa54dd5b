//! Which blocks a delegation is sent with, and in which order (docs/protocol/ucan.md §6).

use cid::Cid;
use indexmap::IndexSet;
use ipld_core::ipld::Ipld;

use super::{Caveats, Ucan};
use crate::proto::{Block, Blocks};

/// The blocks of a delegation: proofs depth first, attached blocks, the UCAN. Each once, at its first place.
pub(super) fn export(block: &Block, ucan: &Ucan, source: &Blocks) -> Vec<Block> {
    let mut out = Blocks::new();
    for cid in &ucan.proofs {
        export_chain(cid, source, &mut out);
    }
    for cid in attached_links(ucan) {
        out.extend(source.get(&cid));
    }
    out.insert(block.clone());
    out.iter().collect()
}

/// Adds a proof after all that it rests on. Blocks attached to a proof do not travel with it, unless the citing
/// UCAN links to them. No recursion: a chain may be as long as its sender likes.
fn export_chain(cid: &Cid, source: &Blocks, out: &mut Blocks) {
    enum Step {
        Enter(Cid),
        Leave(Block),
    }
    let mut seen = IndexSet::new();
    let mut steps = vec![Step::Enter(*cid)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Leave(block) => out.insert(block),
            Step::Enter(cid) if out.contains(&cid) || !seen.insert(cid) => {}
            Step::Enter(cid) => {
                let Some(block) = source.get(&cid) else {
                    continue;
                };
                let proofs = Ucan::decode(&block.bytes)
                    .map(|ucan| ucan.proofs)
                    .unwrap_or_default();
                steps.push(Step::Leave(block));
                steps.extend(proofs.into_iter().rev().map(Step::Enter));
            }
        }
    }
}

/// The links in caveats, then those in facts, each once, in the order in which JavaScript meets them.
pub(super) fn attached_links(ucan: &Ucan) -> IndexSet<Cid> {
    let mut links = IndexSet::new();
    for nb in ucan
        .capabilities
        .iter()
        .filter_map(|capability| capability.nb.as_ref())
    {
        collect(nb, &mut links);
    }
    for fact in &ucan.facts {
        collect_map(fact, &mut links);
    }
    links
}

fn collect(value: &Ipld, links: &mut IndexSet<Cid>) {
    match value {
        Ipld::Link(cid) => drop(links.insert(*cid)),
        Ipld::List(items) => items.iter().for_each(|item| collect(item, links)),
        Ipld::Map(entries) => collect_map(entries, links),
        _ => {}
    }
}

fn collect_map(entries: &Caveats, links: &mut IndexSet<Cid>) {
    for (_, value) in in_javascript_order(entries) {
        collect(value, links);
    }
}

/// The entries of a decoded map as JavaScript goes over them: keys that are array indexes by number, then the others
/// in wire order (shorter first, then bytewise).
pub(crate) fn in_javascript_order(entries: &Caveats) -> Vec<(&String, &Ipld)> {
    let index = |key: &str| {
        key.parse::<u32>()
            .ok()
            .filter(|number| *number < u32::MAX && number.to_string() == key)
    };
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| (index(key).is_none(), index(key), key.len(), *key));
    entries
}
