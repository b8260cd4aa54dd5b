//! Flags that no other test needs: each does what its help says, end to end.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::network::{Network, seed};
use crate::plan::FIRST;
use crate::run::{Place, until};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Distributes with these flags; gives the customers files.
fn distributed(place: &Place, flags: &[&str]) -> Vec<Value> {
    let asked = ["setup", "--output", "json"];
    place.sterna(asked.iter().chain(flags)).ends(0);
    let folder = place.path().join("migration-state");
    let file = |number: usize| folder.join(format!("instance-{number}-customers.json"));
    let files = (1..).map(file).take_while(|path| path.exists());
    files.map(|path| read(&path)).collect()
}

fn customers(files: &[Value]) -> BTreeSet<String> {
    let named = files
        .iter()
        .flat_map(|file| file["customers"].as_array().unwrap());
    // One that is split is named with its spaces.
    let name = |one: &Value| one.as_str().or(one["customer"].as_str()).map(str::to_owned);
    named.map(|one| name(one).unwrap()).collect()
}

#[test]
fn what_shapes_a_plan_is_seen_in_its_files() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["4", "12", "60"]);
    let all = distributed(&place, &["--instances", "2", "--parallel-segments", "3"]);
    let everybody = customers(&all);
    assert_eq!((all.len(), everybody.len()), (2, 4));
    assert!(all[0].get("workers").is_none_or(Value::is_null));

    let workers = ["--instances", "2", "--workers-per-instance", "7"];
    let files = distributed(&place, &workers);
    assert_eq!(customers(&files), everybody);
    assert!(files.iter().all(|file| file["workers"] == 7), "{files:?}");

    // One customer, then none that is small.
    let one = everybody.first().unwrap();
    let files = distributed(&place, &["--instances", "1", "--filter", one]);
    assert_eq!(customers(&files), BTreeSet::from([one.clone()]));
    let counted = |customer: &String| {
        let seen = ["monitor", "--customer", customer, "--output", "json"];
        let seen = place.sterna(seen).ends(0).json();
        seen["counts"]["planned"].as_u64().unwrap()
    };
    let most = everybody.iter().map(counted).max().unwrap();
    let big = everybody.iter().filter(|one| counted(one) >= most);
    let at_least = most.to_string();
    let files = distributed(&place, &["--instances", "1", "--min-uploads", &at_least]);
    assert_eq!(customers(&files), big.cloned().collect());

    // Whoever is larger than a hundredth of a share stands in several files.
    let files = distributed(&place, &["--instances", "2", "--split-over", "1%"]);
    let twice = customers(&files[..1]);
    let twice = twice.intersection(&customers(&files[1..])).count();
    assert!(twice > 0, "{files:?}");
}

#[test]
fn a_retry_takes_what_failed_lately_and_logs_are_lines_of_json() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["2", "4", "40"]);
    crate::plan::setup(&place, "1", 0);
    let logged = ["migrate", "--customers-file", FIRST, "--log-format", "json"];
    let ran = place.sterna(logged).ends(3);
    let lines = ran.stderr.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let warned = |line: &Value| line["level"] == "WARN" && line["reason"] == "MISSING_BLOB";
    assert!(lines.iter().any(warned), "{}", ran.stderr);

    let taken = |since: &str| {
        let asked = ["retry", "--failed", "--since", since, "--dry-run"];
        let asked = place.sterna(asked.iter().chain(&["--output", "json"]));
        asked.json()["counts"]["planned"].as_u64().unwrap()
    };
    until("the failures are older than a second", || {
        (taken("1s") == 0).then_some(())
    });
    assert!(taken("1h") > 0);
    place
        .sterna(["retry", "--failed", "--instance", "9"])
        .ends(10)
        .tells(&["instance 9", "nothing was done"]);
}

#[test]
fn a_network_may_have_a_folder_of_its_own() {
    let place = Place::new();
    let folder = place.path().join("elsewhere");
    let network = Network::start_with(&place, &["--dir", folder.to_str().unwrap()]);
    assert!(folder.join("sandbox.env").exists());
    assert!(!place.path().join("migration-state/local").exists());
    let env = folder.join("sandbox.env");
    place
        .sterna(["init", "--env-file", env.to_str().unwrap()])
        .ends(0);
    place
        .sterna(["sandbox", "stop", "--dir", folder.to_str().unwrap()])
        .ends(0);
    drop(network);
}
