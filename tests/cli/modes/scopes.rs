//! Scopes that come to nothing, and those that say two things.

use serde_json::Value;

use super::{FILE, planned};
use crate::network::changes;
use crate::run::{Place, ROOT};

/// Every space that has uploads, after its customer: on a fresh world a dry run names them all.
fn spaces(place: &Place) -> Vec<(String, String)> {
    let plan = ["migrate", "--customers-file", FILE, "--dry-run"];
    let plan = place.sterna(plan.iter().chain(&["--output", "json"]));
    let plan = plan.ends(0).json();
    let report = place.path().join(plan["files"][0].as_str().unwrap());
    let report = std::fs::read_to_string(report).unwrap();
    let mut all = std::collections::BTreeSet::new();
    for line in report.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| Some(line["unit"][name].as_str()?.to_owned());
        all.extend(text("owner").zip(text("name")));
    }
    all.into_iter().collect()
}

#[test]
fn a_root_that_a_space_does_not_have_is_not_found_whatever_is_asked() {
    let place = Place::new();
    let _network = planned(&place);
    let (customer, space) = spaces(&place).remove(0);
    let before = changes(&place);
    for command in [
        &["migrate", "--cid", ROOT][..],
        &["migrate", "--cid", ROOT, "--dry-run"],
        &["migrate", "--cid", ROOT, "--test-index"],
        &["migrate", "--cid", ROOT, "--verify-only"],
        &["verify", "--cid", ROOT],
        &["retry", "--failed", "--cid", ROOT],
        &["explain", ROOT],
    ] {
        let refused = place.sterna(command.iter().chain(&["--space", &space]));
        drop(refused.ends(10).tells(&[ROOT, "cause:", "next:"]));
        if command[0] != "explain" {
            let refused = place.sterna(command.iter().chain(&["--customer", &customer]));
            drop(refused.ends(10).tells(&[ROOT]));
        }
    }
    let unknown = crate::run::did(5);
    let refused = place
        .sterna(["retry", "--failed", "--space", &unknown])
        .ends(10);
    drop(refused.tells(&[&unknown]));
    drop(
        place
            .sterna(["retry", "--failed", "--cid", ROOT])
            .ends(10)
            .tells(&[ROOT]),
    );
    assert_eq!(changes(&place), before);
    // That nothing failed is an answer, and is given.
    let none = place
        .sterna(["retry", "--failed", "--space", &space])
        .ends(0);
    drop(none.tells(&["no failed upload fits"]));
}

#[test]
fn a_customers_file_names_somebody_and_says_each_thing_once_or_is_refused() {
    let place = Place::new();
    let _network = planned(&place);
    let all = spaces(&place);
    let of_one = |owner: &String| -> Vec<&str> {
        let theirs = all.iter().filter(|(customer, _)| customer == owner);
        theirs.map(|(_, space)| space.as_str()).collect()
    };
    let (owner, _) = all
        .iter()
        .find(|(owner, _)| of_one(owner).len() > 1)
        .unwrap();
    let theirs = of_one(owner);
    let part = |space: &str| serde_json::json!({"customer": owner, "spaces": [space]});
    let both = serde_json::json!([part(theirs[0]), part(theirs[1])]).to_string();
    place.file("both.json", both);
    place.file("empty.json", r#"{"customers": []}"#);
    place.file(
        "odd.json",
        serde_json::json!([{"customer": owner, "spcaes": []}]).to_string(),
    );
    let before = changes(&place);
    for command in [
        &["migrate"][..],
        &["migrate", "--dry-run"],
        &["verify"],
        &["rollback", "--dry-run"],
    ] {
        let with = |file| place.sterna(command.iter().chain(&["--customers-file", file]));
        drop(with("empty.json").ends(2).tells(&["names no customer"]));
        drop(with("odd.json").ends(2).tells(&["`spcaes`", "`spaces`"]));
    }
    let planned = [
        "migrate",
        "--dry-run",
        "--customers-file",
        "both.json",
        "--output",
        "json",
    ];
    let planned = place.sterna(planned).ends(0);
    let looked: u64 = planned.json()["verdicts"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    drop(planned.tells(&["note: ", owner, "the 2 spaces of all entries are selected"]));
    let each = [theirs[0], theirs[1]].map(|space| {
        let one = ["migrate", "--dry-run", "--space", space, "--output", "json"];
        let one = place.sterna(one).ends(0).json();
        one["verdicts"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_u64)
            .sum::<u64>()
    });
    assert_eq!(looked, each[0] + each[1], "both spaces were looked at");
    assert_eq!(changes(&place), before);
}

#[test]
fn an_instance_without_a_share_says_so_and_may_help() {
    let place = Place::new();
    let _network = planned(&place);
    place.sterna(["setup", "--instances", "9"]).ends(0);
    let file = "migration-state/instance-9-customers.json";
    assert!(
        std::fs::read_to_string(place.path().join(file))
            .unwrap()
            .contains(r#""customers": []"#)
    );
    let refused = place.sterna(["migrate", "--customers-file", file]).ends(2);
    drop(refused.tells(&["names no customer", "--steal"]));
    let helps = [
        "migrate",
        "--customers-file",
        file,
        "--steal",
        "--output",
        "json",
    ];
    let ran = place.sterna(helps);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    assert!(!ran.json()["helped"].as_object().unwrap().is_empty());
}
