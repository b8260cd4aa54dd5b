//! Shares units out over instances: greedily, largest first, then improved.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::improve::improve;
use super::piece::{Load, Piece};
use super::shares::{Plan, Portion, Share};

/// How to share out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How many instances; 0 counts as 1.
    pub instances: u32,
    /// An owner heavier than this percentage of an instance's fair share is split by unit.
    pub split_over: Option<f64>,
}

/// Shares `loads` out. Each unit must be named once.
///
/// Deterministic whatever the order of `loads`. Where owners may be split finely enough, the spread ends below
/// 0.1 %.
#[must_use]
pub fn distribute(mut loads: Vec<Load>, options: Options) -> Plan {
    let instances = options.instances.max(1) as usize;
    loads.sort_unstable();
    let mut pieces = pieces(&loads, instances, options.split_over);
    pieces.sort_by_key(|piece| Reverse(piece.weight));
    let mut bins: Vec<Vec<Piece>> = vec![Vec::new(); instances];
    let mut lightest: BinaryHeap<Reverse<(u64, usize)>> =
        (0..instances).map(|at| Reverse((0, at))).collect();
    for piece in pieces {
        if let Some(Reverse((weight, at))) = lightest.pop() {
            lightest.push(Reverse((weight + piece.weight, at)));
            bins[at].push(piece);
        }
    }
    improve(&mut bins);
    plan(bins)
}

fn pieces(loads: &[Load], instances: usize, split_over: Option<f64>) -> Vec<Piece> {
    let total = Piece::of(loads).weight;
    let limit = split_over.map(|percent| limit(total, instances, percent));
    let mut pieces = Vec::new();
    for loads in loads.chunk_by(|left, right| left.unit.owner == right.unit.owner) {
        let whole = Piece::of(loads);
        if limit.is_some_and(|limit| whole.weight > limit) {
            pieces.extend(loads.chunks(1).map(Piece::of));
        } else {
            pieces.push(whole);
        }
    }
    pieces
}

fn limit(total: u64, instances: usize, percent: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a threshold need not be exact, and float to integer saturates"
    )]
    let limit = (total as f64 / instances as f64 * percent / 100.0) as u64;
    limit
}

fn plan(bins: Vec<Vec<Piece>>) -> Plan {
    let mut shares: Vec<BTreeMap<Arc<str>, Vec<Load>>> = Vec::new();
    let mut holders: BTreeMap<Arc<str>, u32> = BTreeMap::new();
    for bin in bins {
        let mut share: BTreeMap<Arc<str>, Vec<Load>> = BTreeMap::new();
        for load in bin.into_iter().flat_map(|piece| piece.loads) {
            let owner = Arc::clone(&load.unit.owner);
            share.entry(owner).or_default().push(load);
        }
        for owner in share.keys() {
            *holders.entry(Arc::clone(owner)).or_default() += 1;
        }
        shares.push(share);
    }
    let portion = |(owner, mut loads): (Arc<str>, Vec<Load>)| {
        loads.sort_unstable();
        Portion {
            part: holders.get(&owner).is_some_and(|holders| *holders > 1),
            owner,
            loads,
        }
    };
    let share = |share: BTreeMap<_, _>| Share {
        portions: share.into_iter().map(portion).collect(),
    };
    Plan {
        shares: shares.into_iter().map(share).collect(),
    }
}
