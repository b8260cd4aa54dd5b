//! Laws of sharing out.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::{CustomerDid, PlanId, SpaceDid};

fn customer(number: u64) -> CustomerDid {
    format!("did:mailto:example.com:user{number}")
        .parse()
        .unwrap()
}

fn space(number: u64) -> SpaceDid {
    format!("did:key:z6Mk{number:07}").parse().unwrap()
}

fn loads(sizes: &[(u64, u64)]) -> Vec<SpaceLoad> {
    let load = |(at, (owner, uploads)): (u64, &(u64, u64))| SpaceLoad {
        customer: customer(*owner),
        space: space(at),
        uploads: *uploads,
    };
    (0..).zip(sizes).map(load).collect()
}

fn named(plan: &Plan, state: &str) -> PlanId {
    identify(plan, &state.into())
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

fn placed(plan: &Plan) -> Vec<(SpaceDid, CustomerDid, u64)> {
    let portions = plan.shares.iter().flat_map(|share| &share.portions);
    let spaces = portions.flat_map(|portion| {
        portion
            .spaces
            .iter()
            .map(|(space, uploads)| (space.clone(), portion.customer.clone(), *uploads))
    });
    let mut spaces: Vec<_> = spaces.collect();
    spaces.sort();
    spaces
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
    fn each_space_stands_in_one_share_and_nothing_is_lost(sizes in any_sizes(), instances in 1..9_u32, split in prop::option::of(1.0..150.0)) {
        let options = Options { instances, split_over: split };
        let plan = distribute(loads(&sizes), options);
        prop_assert_eq!(plan.shares.len(), instances as usize);
        let mut wanted: Vec<_> = loads(&sizes).into_iter().map(|load| (load.space, load.customer, load.uploads)).collect();
        wanted.sort();
        prop_assert_eq!(placed(&plan), wanted);
        let mut holders = BTreeMap::<&CustomerDid, u32>::new();
        for portion in plan.shares.iter().flat_map(|share| &share.portions) {
            *holders.entry(&portion.customer).or_default() += 1;
            prop_assert!(portion.spaces.is_sorted());
        }
        for portion in plan.shares.iter().flat_map(|share| &share.portions) {
            prop_assert_eq!(portion.part, holders[&portion.customer] > 1);
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
            .map(|share| share.portions.iter().flat_map(|portion| &portion.spaces).map(|(_, uploads)| weigh(*uploads)).sum())
            .collect();
        let total: u64 = weights.iter().sum();
        let largest = sizes.iter().map(|(_, uploads)| weigh(*uploads)).max().unwrap_or(0);
        let bound = total.div_ceil(u64::from(instances)) + largest;
        prop_assert!(weights.iter().all(|weight| *weight <= bound), "{weights:?} {bound}");
    }
}

#[test]
fn many_skewed_customers_are_shared_out_evenly_and_quickly() {
    // One customer with a third of everything in many spaces, and 125,000 others.
    let mut sizes: Vec<(u64, u64)> = (0..125_000)
        .map(|number| (number, skewed(number)))
        .collect();
    let others: u64 = sizes.iter().map(|(_, uploads)| uploads).sum();
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

#[test]
fn a_customers_file_names_whole_customers_and_parts() {
    let sizes = [(1, 10), (1, 10), (2, 4)];
    let plan = distribute(
        loads(&sizes),
        Options {
            instances: 2,
            split_over: Some(100.0),
        },
    );
    let id = named(&plan, "here");
    let head = Head {
        plan: &id,
        state: &"here".into(),
        instance: 1,
        workers: Some(8),
    };
    let text = customers_file(head, &plan.shares[0]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (value["instanceId"].as_u64(), value["workers"].as_u64()),
        (Some(1), Some(8))
    );
    assert_eq!(
        (
            value["plan"].as_str(),
            value["state"]["environment"].as_str()
        ),
        (Some(id.as_str()), Some("here"))
    );
    assert_eq!(value["customers"][0]["customer"], customer(1).as_str());
    assert_eq!(value["customers"][0]["spaces"].as_array().unwrap().len(), 1);
    let whole = distribute(
        loads(&sizes),
        Options {
            instances: 1,
            split_over: None,
        },
    );
    let head = Head {
        workers: None,
        ..head
    };
    let value: serde_json::Value =
        serde_json::from_str(&customers_file(head, &whole.shares[0])).unwrap();
    assert_eq!(
        value["customers"],
        serde_json::json!([customer(1).as_str(), customer(2).as_str()])
    );
    assert_eq!(
        value["totals"],
        serde_json::json!({ "customers": 2, "spaces": 3, "uploads": 24 })
    );
    assert_eq!(customers_file_instance(&customers_file_name(12)), Some(12));
    assert_eq!(customers_file_instance("instance-x-customers.json"), None);
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
    // Uploads that were added, and that moved nothing.
    let grown = distribute(loads(&[(1, 1000), (1, 1000), (2, 400), (3, 500)]), options);
    assert_eq!(id, named(&grown, "here"));
    // A whole customer got another space: another plan.
    let mut added = plan.clone();
    let mut whole = added
        .shares
        .iter_mut()
        .flat_map(|share| &mut share.portions);
    let whole = whole.rfind(|portion| !portion.part).unwrap();
    whole.spaces.push((space(99), 0));

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

/// Pitfall 79: `+` and `%2B` are the same, and a filter matches whole parts only.
#[test]
fn customers_are_named_as_people_name_them() {
    let basin = "did:mailto:textile.io:ops%2Bbasin";
    for name in [
        "did:mailto:textile.io:ops+basin",
        "ops+basin@textile.io",
        basin,
        " ops%2Bbasin@textile.io ",
    ] {
        assert!(SkipList::parse(name).unwrap().names(basin), "{name}");
        assert!(Filter::of(name).passes(basin), "{name}");
    }
    assert!(Filter::of("textile.io").passes(basin) && Filter::of("ops+basin").passes(basin));
    for other in ["textile", "extile.io", "basin", "did:mailto:textile.io"] {
        assert!(
            !Filter::of(other).passes(basin) || other == "did:mailto:textile.io",
            "{other}"
        );
    }
    assert!(Filter::of("  ").passes(basin) && Filter::everyone().passes(basin));
    let list = SkipList::parse("# none of these\n\nuser@a.b # why\n").unwrap();
    assert!(list.names("did:mailto:a.b:user") && !list.names("did:mailto:a.b:use"));
    assert!(
        SkipList::parse(r#"["user@a.b"]"#)
            .unwrap()
            .names("did:mailto:a.b:user")
    );
    assert_eq!(SkipList::parse("[1, 2"), None);
}

/// Pitfalls 55, 59, 80: one entry per space, the better provider's customer, nothing dropped in silence.
#[test]
fn consumer_rows_become_one_entry_per_space_and_oddities_are_kept() {
    let row = |at, owner: Option<u64>, provider: &str| ConsumerRow {
        space: space(at),
        customer: owner.map(customer),
        provider: provider.to_owned(),
    };
    let stranger: CustomerDid = "did:key:z6Mkstranger".parse().unwrap();
    let rows = vec![
        row(1, Some(1), "old"),
        row(1, Some(1), "new"),
        row(2, Some(7), "old"),
        row(2, Some(2), "new"),
        row(3, None, "new"),
        row(4, None, "old"),
        row(4, Some(4), "new"),
        ConsumerRow {
            customer: Some(stranger.clone()),
            ..row(5, None, "new")
        },
    ];
    let providers = ["new".to_owned(), "old".to_owned()];
    let chosen = choose(
        rows.clone(),
        &providers,
        &Filter::everyone(),
        &SkipList::default(),
    );
    let spaces: Vec<_> = chosen
        .spaces
        .iter()
        .map(|(space, owner)| (space.clone(), owner.clone()))
        .collect();
    let wanted = [
        (space(1), customer(1)),
        (space(2), customer(2)),
        (space(4), customer(4)),
        (space(5), stranger.clone()),
    ];
    assert_eq!(spaces, wanted);
    assert_eq!(chosen.without_customer, [space(3)]);
    assert_eq!(
        chosen.conflicts,
        [Conflict {
            space: space(2),
            chosen: customer(2),
            others: vec![customer(7)]
        }]
    );
    assert_eq!(chosen.not_mail, [stranger]);
    let skip = SkipList::parse("user1@example.com").unwrap();
    let filtered = choose(rows, &providers, &Filter::of("example.com"), &skip);
    assert_eq!((filtered.filtered, filtered.skipped), (1, 1));
    assert_eq!(
        filtered.spaces.keys().cloned().collect::<BTreeSet<_>>(),
        BTreeSet::from([space(2), space(4)])
    );
}

#[test]
fn an_estimate_is_a_range_around_the_largest_share() {
    let plan = distribute(
        loads(&[(1, 600), (2, 300)]),
        Options {
            instances: 2,
            split_over: None,
        },
    );
    let estimate = estimate(
        &plan,
        Pace {
            workers: 10,
            uploads_per_worker_minute: 6.0,
        },
    );
    assert_eq!(
        (estimate.shortest.as_secs(), estimate.longest.as_secs()),
        (400, 1_200)
    );
}
