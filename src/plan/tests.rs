//! Laws of sharing out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Noun, PlanId, Reasons, UnitId, Vocabulary};

const WORDS: Vocabulary = Vocabulary {
    item: Noun::new("blob", "blobs"),
    unit: Noun::new("prefix", "prefixes"),
    owner: Noun::new("bucket", "buckets"),
    reasons: Reasons::COMMON,
    steps: &[],
    step_groups: &[],
};

fn owner(number: u64) -> Arc<str> {
    format!("bucket{number}").into()
}

fn unit(bucket: u64, number: u64) -> UnitId {
    UnitId::new(owner(bucket), format!("prefix{number:07}"))
}

fn loads(sizes: &[(u64, u64)]) -> Vec<Load> {
    let load = |(at, (bucket, items)): (u64, &(u64, u64))| Load {
        unit: unit(*bucket, at),
        items: *items,
    };
    (0..).zip(sizes).map(load).collect()
}

fn named(plan: &Plan, state: &str) -> PlanId {
    identify(plan, &state.into(), &WORDS)
}

fn any_sizes() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec(
        (
            0..30_u64,
            prop_oneof![0..20_u64, 0..2_000_u64, Just(100_000)],
        ),
        0..150,
    )
}

fn placed(plan: &Plan) -> Vec<Load> {
    let portions = plan.shares.iter().flat_map(|share| &share.portions);
    let mut loads: Vec<Load> = portions
        .flat_map(|portion| &portion.loads)
        .cloned()
        .collect();
    loads.sort();
    loads
}

/// A small generator, the same everywhere.
fn skewed(number: u64) -> u64 {
    let mixed = number
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    1_000_000 / (1 + mixed % 100_000)
}

proptest! {
    #[test]
    fn each_unit_stands_in_one_share_and_nothing_is_lost(sizes in any_sizes(), instances in 1..9_u32, split in prop::option::of(1.0..150.0)) {
        let options = Options { instances, split_over: split };
        let plan = distribute(loads(&sizes), options);
        prop_assert_eq!(plan.shares.len(), instances as usize);
        let mut wanted = loads(&sizes);
        wanted.sort();
        prop_assert_eq!(placed(&plan), wanted);
        let mut holders = BTreeMap::<&str, u32>::new();
        for portion in plan.shares.iter().flat_map(|share| &share.portions) {
            *holders.entry(&portion.owner).or_default() += 1;
            prop_assert!(portion.loads.is_sorted());
        }
        for portion in plan.shares.iter().flat_map(|share| &share.portions) {
            prop_assert_eq!(portion.part, holders[&*portion.owner] > 1);
        }
        if split.is_none() {
            prop_assert!(holders.values().all(|holders| *holders == 1));
        }
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(sizes in any_sizes(), instances in 1..6_u32, turn in any::<prop::sample::Index>()) {
        let options = Options { instances, split_over: Some(30.0) };
        let mut turned = loads(&sizes);
        if !turned.is_empty() {
            let at = turn.index(turned.len());
            turned.rotate_left(at);
            turned.reverse();
        }
        let (plan, turned) = (distribute(loads(&sizes), options), distribute(turned, options));
        prop_assert_eq!(named(&plan, "here"), named(&turned, "here"));
        prop_assert_eq!(plan, turned);
    }

    #[test]
    fn no_share_is_heavier_than_the_greedy_bound(sizes in any_sizes(), instances in 1..6_u32) {
        let plan = distribute(loads(&sizes), Options { instances, split_over: Some(0.0) });
        let weights: Vec<u64> = plan
            .shares
            .iter()
            .map(|share| share.portions.iter().flat_map(|portion| &portion.loads).map(|load| weigh(load.items)).sum())
            .collect();
        let total: u64 = weights.iter().sum();
        let largest = sizes.iter().map(|(_, items)| weigh(*items)).max().unwrap_or(0);
        let bound = total.div_ceil(u64::from(instances)) + largest;
        prop_assert!(weights.iter().all(|weight| *weight <= bound), "{weights:?} {bound}");
    }
}

#[test]
fn many_skewed_owners_are_shared_out_evenly_and_quickly() {
    // One owner with a third of everything in many units, and 125,000 others.
    let mut sizes: Vec<(u64, u64)> = (0..125_000)
        .map(|number| (number, skewed(number)))
        .collect();
    let others: u64 = sizes.iter().map(|(_, items)| items).sum();
    sizes.extend((0..2_000).map(|number| (200_000, others / 4_000 + skewed(number))));
    for instances in [2, 5, 16] {
        let plan = distribute(
            loads(&sizes),
            Options {
                instances,
                split_over: Some(50.0),
            },
        );
        assert!(
            plan.spread_percent() <= 0.1,
            "{instances}: {} %",
            plan.spread_percent()
        );
    }
}

/// The plan changes its name with what it gives to whom, and with nothing else.
#[test]
fn a_plan_is_named_after_who_does_what() {
    let options = Options {
        instances: 2,
        split_over: Some(100.0),
    };
    let sizes = [(1, 10), (1, 10), (2, 4), (3, 5)];
    let plan = distribute(loads(&sizes), options);
    let id = named(&plan, "here");
    assert_eq!((id.as_str().len(), id.short().len()), (64, 8));
    assert_eq!(id, named(&distribute(loads(&sizes), options), "here"));
    // Items that were added, and that moved nothing.
    let grown = distribute(loads(&[(1, 1000), (1, 1000), (2, 400), (3, 500)]), options);
    assert_eq!(id, named(&grown, "here"));
    // A whole owner got another unit: another plan.
    let mut added = plan.clone();
    let mut whole = added
        .shares
        .iter_mut()
        .flat_map(|share| &mut share.portions);
    let whole = whole.rfind(|portion| !portion.part).unwrap();
    whole.loads.push(Load {
        unit: unit(99, 99),
        items: 0,
    });

    let mut others = vec![named(&plan, "there"), named(&added, "here")];
    let fewer = Options {
        instances: 1,
        ..options
    };
    others.push(named(&distribute(loads(&sizes), fewer), "here"));
    others.push(named(&distribute(loads(&sizes[..3]), options), "here"));
    let mut swapped = plan.clone();
    swapped.shares.reverse();
    others.push(named(&swapped, "here"));
    let mut moved = plan.clone();
    let portion = moved.shares[0].portions.pop().unwrap();
    moved.shares[1].portions.push(portion);
    others.push(named(&moved, "here"));
    let mut empty = plan.clone();
    empty.shares.push(Share::default());
    others.push(named(&empty, "here"));
    others.push(id);
    let names: BTreeSet<_> = others.iter().collect();
    assert_eq!(names.len(), others.len(), "{others:?}");
}
