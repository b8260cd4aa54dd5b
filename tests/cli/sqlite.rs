//! The whole life of a migration whose rows are in one file.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::control::slow_run;
use crate::foreign::client;
use crate::network::{Network, changes};
use crate::run::{Place, until};

const FIRST: &str = "migration-state/instance-1-customers.json";

fn counts(place: &Place) -> Value {
    let overview = place.sterna(["monitor", "--output", "json"]).ends(0);
    overview.json()["totals"]["counts"].clone()
}

/// The tables of the migration in the network's `DynamoDB`.
fn tables(place: &Place) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tables = client(place).list_tables().send().await.unwrap();
        let mut names = tables.table_names().to_vec();
        names.retain(|name| name.starts_with("local-migration-"));
        names
    })
}

#[test]
fn a_migration_lives_its_whole_life_in_a_file() {
    let place = Place::new()
        .env("STERNA_STATE", "sqlite:rows.sqlite")
        .env("STERNA_LEASE_TERM", "12");
    let _network = Network::start(&place);
    // Before there are tables in the file, whoever needs them says how they are made.
    place.sterna(["monitor"]).ends(8).tells(&["sterna init"]);
    place.sterna(["init", "--dry-run"]).ends(0);
    assert!(!place.path().join("rows.sqlite").exists());
    slow_run(&place);
    let slower = ["ctl", "set", "rate=30", "--why", "it shall be killed"];
    place.sterna(slower).ends(0);
    place.sterna(["setup", "--instances", "1"]).ends(0);
    let migrate = ["migrate", "--customers-file", FIRST, "--limit", "all"];
    let first = place.start(migrate);
    until("some uploads", || {
        let counts = counts(&place);
        (counts["done"].as_u64()? > 3).then_some(())
    });
    first.signal("KILL");
    assert_eq!(first.end().code, -1);

    place
        .sterna(["ctl", "set", "rate=60000", "--why", "go on"])
        .ends(0);
    let again = place.sterna(migrate);
    assert!([0, 3].contains(&again.code), "{}", again.stderr);
    let counts = counts(&place);
    let number = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(number("planned"), 90, "{counts}");
    assert_eq!(number("done") + number("quarantined"), 90, "{counts}");

    let retry = place.sterna(["retry", "--failed"]);
    assert!([0, 3].contains(&retry.code), "{}", retry.stderr);
    let audit = place.sterna(["verify", "--customers-file", FIRST, "--limit", "all"]);
    assert!([0, 4].contains(&audit.code), "{}", audit.stderr);
    let before = changes(&place);
    let rollback = ["rollback", "--customers-file", FIRST, "--dry-run"];
    place.sterna(rollback).ends(0);
    assert_eq!(changes(&place), before);
    assert!(tables(&place).is_empty(), "nothing is in DynamoDB");
}

#[test]
fn a_store_that_is_none_is_named_and_left_alone() {
    let place = Place::new();
    place
        .sterna(["init", "--state", "postgres:x"])
        .ends(2)
        .tells(&[
            "`postgres:x` is neither dynamodb nor sqlite:FILE",
            "STERNA_STATE",
        ]);
    place
        .sterna(["init", "--state", "sqlite:no/such/folder/rows.sqlite"])
        .ends(2)
        .tells(&["no/such/folder/rows.sqlite", "--state sqlite:FILE"]);
    let text = place.file("notes.txt", "not a database, but a text of some length");
    place
        .sterna(["init", "--state", "sqlite:notes.txt"])
        .ends(13)
        .tells(&["notes.txt", "another program"]);
    assert_eq!(std::fs::read(&text).unwrap().len(), 41);
    symlink(&text, place.path().join("link")).unwrap();
    place
        .sterna(["init", "--state", "sqlite:link"])
        .ends(2)
        .tells(&["it is a symbolic link"]);
    // The file alone is enough: no network runs here. What comes next goes to it, too.
    for _ in 0..2 {
        let init = place
            .sterna(["init", "--state", "sqlite:rows.sqlite"])
            .ends(0);
        let text = String::from_utf8_lossy(&init.stdout).into_owned();
        let next = "next: sterna --state sqlite:rows.sqlite setup";
        assert!(text.contains(next), "{text}");
    }
    let shown = place.sterna([
        "config",
        "show",
        "--state",
        "sqlite:rows.sqlite",
        "--origin",
    ]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("STERNA_STATE "));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!(words, ["STERNA_STATE", "sqlite:rows.sqlite", "--state"]);
}
