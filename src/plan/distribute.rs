//! Shares spaces out over instances: greedily, largest first, then improved.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::improve::improve;
use crate::model::{CustomerDid, SpaceDid};

/// What one space holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpaceLoad {
    /// Who owns it.
    pub customer: CustomerDid,
    /// The space.
    pub space: SpaceDid,
    /// How many uploads it has.
    pub uploads: u64,
}

/// How to share out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How many instances; 0 counts as 1.
    pub instances: u32,
    /// A customer heavier than this percentage of an instance's fair share is split by space.
    pub split_over: Option<f64>,
}

/// What one instance does for one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// The customer.
    pub customer: CustomerDid,
    /// The spaces, in order, with their uploads.
    pub spaces: Vec<(SpaceDid, u64)>,
    /// Whether other instances hold more of this customer's spaces.
    pub part: bool,
}

impl Portion {
    /// Uploads of all spaces.
    #[must_use]
    pub fn uploads(&self) -> u64 {
        self.spaces.iter().map(|(_, uploads)| uploads).sum()
    }
}

/// What one instance does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// Customers in order.
    pub portions: Vec<Portion>,
}

impl Share {
    /// Uploads of all portions.
    #[must_use]
    pub fn uploads(&self) -> u64 {
        self.portions.iter().map(Portion::uploads).sum()
    }

    /// Spaces of all portions.
    #[must_use]
    pub fn spaces(&self) -> u64 {
        self.portions
            .iter()
            .map(|portion| portion.spaces.len() as u64)
            .sum()
    }
}

/// Who does what; the first share is instance 1's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// One share per instance.
    pub shares: Vec<Share>,
}

impl Plan {
    /// Customers of all shares, each once.
    #[must_use]
    pub fn customers(&self) -> u64 {
        let portions = self.shares.iter().flat_map(|share| &share.portions);
        let mut customers: Vec<&CustomerDid> = portions.map(|portion| &portion.customer).collect();
        customers.sort_unstable();
        customers.dedup();
        customers.len() as u64
    }

    /// Distance between the largest and the smallest share in percent of the mean; 0 when there is nothing to do.
    #[must_use]
    pub fn spread_percent(&self) -> f64 {
        let uploads = self.shares.iter().map(Share::uploads);
        let (most, least) = (
            uploads.clone().max().unwrap_or(0),
            uploads.clone().min().unwrap_or(0),
        );
        let total: u64 = uploads.sum();
        if total == 0 {
            return 0.0;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of uploads are far below 2^52"
        )]
        let percent = (most - least) as f64 * 100.0 * self.shares.len() as f64 / total as f64;
        percent
    }
}

/// What a space costs, in sixteenths of an upload: an empty space still has to be listed.
#[must_use]
pub fn weigh(uploads: u64) -> u64 {
    uploads.saturating_mul(16).saturating_add(1)
}

/// A customer or one of its spaces: what is moved as a whole.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) weight: u64,
    loads: Vec<SpaceLoad>,
}

/// Shares `loads` out. Each space must be named once ([`super::choose`] sees to it).
///
/// Deterministic whatever the order of `loads`. Where customers may be split finely enough, the spread ends below
/// 0.1 %.
#[must_use]
pub fn distribute(mut loads: Vec<SpaceLoad>, options: Options) -> Plan {
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

fn pieces(loads: &[SpaceLoad], instances: usize, split_over: Option<f64>) -> Vec<Piece> {
    let total: u64 = loads.iter().map(|load| weigh(load.uploads)).sum();
    let limit = split_over.map(|percent| limit(total, instances, percent));
    let mut pieces = Vec::new();
    for loads in loads.chunk_by(|left, right| left.customer == right.customer) {
        let weight = loads.iter().map(|load| weigh(load.uploads)).sum();
        if limit.is_some_and(|limit| weight > limit) {
            let one = |load: &SpaceLoad| Piece {
                weight: weigh(load.uploads),
                loads: vec![load.clone()],
            };
            pieces.extend(loads.iter().map(one));
        } else {
            pieces.push(Piece {
                weight,
                loads: loads.to_vec(),
            });
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
    let mut shares: Vec<BTreeMap<CustomerDid, Vec<(SpaceDid, u64)>>> = Vec::new();
    let mut holders: BTreeMap<CustomerDid, u32> = BTreeMap::new();
    for bin in bins {
        let mut share: BTreeMap<CustomerDid, Vec<(SpaceDid, u64)>> = BTreeMap::new();
        for load in bin.into_iter().flat_map(|piece| piece.loads) {
            share
                .entry(load.customer)
                .or_default()
                .push((load.space, load.uploads));
        }
        for customer in share.keys() {
            *holders.entry(customer.clone()).or_default() += 1;
        }
        shares.push(share);
    }
    let portion = |(customer, mut spaces): (CustomerDid, Vec<(SpaceDid, u64)>)| {
        spaces.sort_unstable();
        Portion {
            part: holders.get(&customer).is_some_and(|holders| *holders > 1),
            customer,
            spaces,
        }
    };
    let share = |share: BTreeMap<_, _>| Share {
        portions: share.into_iter().map(portion).collect(),
    };
    Plan {
        shares: shares.into_iter().map(share).collect(),
    }
}
