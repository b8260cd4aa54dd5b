//! Whose spaces take part, and the file that says so.

use std::collections::BTreeSet;

use super::*;
use crate::model::PlanId;
use crate::proto::{CustomerDid, SpaceDid};

fn customer(number: u64) -> CustomerDid {
    format!("did:mailto:example.com:user{number}")
        .parse()
        .unwrap()
}

fn space(number: u64) -> SpaceDid {
    format!("did:key:z6Mk{number:07}").parse().unwrap()
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
fn a_customers_file_names_whole_customers_and_parts() {
    let id = PlanId::new("1f3a");
    let head = Head {
        plan: &id,
        state: &"here".into(),
        instance: 1,
        workers: Some(8),
    };
    let totals = Totals {
        customers: 2,
        spaces: 3,
        uploads: 24,
    };
    let (one, two, place) = (customer(1), customer(2), space(1));
    let part = Entry::Part {
        customer: one.as_str(),
        spaces: vec![place.as_str()],
    };
    let text = customers_file(head, totals, vec![part, Entry::Whole(two.as_str())]);
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
    assert_eq!(
        value["customers"],
        serde_json::json!([
            { "customer": one.as_str(), "spaces": [place.as_str()] },
            two.as_str()
        ])
    );
    assert_eq!(
        value["totals"],
        serde_json::json!({ "customers": 2, "spaces": 3, "uploads": 24 })
    );
    assert_eq!(customers_file_instance(&customers_file_name(12)), Some(12));
    assert_eq!(customers_file_instance("instance-x-customers.json"), None);
}
