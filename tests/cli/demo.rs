//! `demo` as a newcomer runs it, in a small world.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::run::Place;

const SMALL: [&str; 9] = [
    "demo",
    "--customers",
    "3",
    "--spaces",
    "4",
    "--uploads",
    "16",
    "--instances",
    "2",
];

/// Uploads of a world by what must become of them, a failure by its reason.
fn outcomes(world: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for upload in world["uploads"].as_array().unwrap() {
        let outcome = match &upload["expected"] {
            Value::String(outcome) => outcome.clone(),
            failed => failed["failed"].as_str().unwrap().to_owned(),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

fn read(path: &Value) -> Value {
    let text = std::fs::read(Path::new(path.as_str().unwrap())).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn a_demonstration_holds_and_its_summary_is_what_the_world_was_made_for() {
    let place = Place::new();
    let other = place.file("migration-state/instance-1-checkpoint.json", "not ours");
    let ran = place
        .sterna(SMALL.into_iter().chain(["--output", "json"]))
        .ends(0);
    let summary = ran.json();
    assert_eq!(summary["schema"], "sterna.demo");
    assert_eq!(summary["held"], true);

    let world = read(&summary["paths"]["world"]);
    let mut wanted = outcomes(&world);
    let uploads = &summary["uploads"];
    let count = |wanted: &mut BTreeMap<String, u64>, word: &str| wanted.remove(word).unwrap_or(0);
    assert_eq!(uploads["migrated"], count(&mut wanted, "migrated"));
    assert_eq!(
        uploads["already_complete"],
        count(&mut wanted, "already-complete")
    );
    assert_eq!(uploads["set_aside"], wanted.values().sum::<u64>());
    let reasons: BTreeMap<String, u64> =
        serde_json::from_value(uploads["set_aside_by_reason"].clone()).unwrap();
    assert_eq!(reasons, wanted);
    assert!(!wanted.is_empty(), "a world without damage proves little");

    let all = world["uploads"].as_array().unwrap();
    let served = all
        .iter()
        .filter(|upload| upload["retrievable"] == true)
        .count();
    assert_eq!(summary["retrieval"]["uploads"], served);
    assert_eq!(summary["retrieval"]["refused"], all.len() - served);
    assert!(summary["retrieval"]["bytes"].as_u64().unwrap() > 0);
    assert_eq!(summary["requests"]["audit"]["mutating"], 0);
    assert_eq!(read(&summary["paths"]["report"])["uploads"], *uploads);
    assert!(
        Path::new(summary["paths"]["logs"].as_str().unwrap())
            .join("migrate-1.log")
            .exists()
    );
    assert_eq!(std::fs::read_to_string(other).unwrap(), "not ours");
    ran.tells(&["network", "migrate", "audit", "retrieval"]);
}

#[test]
fn a_folder_that_no_demonstration_made_is_left_alone() {
    let place = Place::new();
    let file = place.file("migration-state/demo/thesis.txt", "three years of work");
    place
        .sterna(SMALL)
        .ends(2)
        .tells(&["do not belong to a demonstration", "--state-dir"]);
    assert!(file.exists());
}
