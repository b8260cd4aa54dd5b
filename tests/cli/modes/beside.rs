//! What is run beside a run that lives, under its number and in its folder.

use super::network_changes;
use crate::control::{MIGRATE, slow_run};
use crate::network::Network;
use crate::run::{Place, until};

const FILES: [&str; 3] = [
    "instance-1-journal.ndjson",
    "instance-1-results.ndjson",
    "instance-1-checkpoint.json",
];

fn read(place: &Place, name: &str) -> Option<Vec<u8>> {
    std::fs::read(place.path().join("migration-state").join(name)).ok()
}

/// Result lines that are on disk.
fn lines(place: &Place) -> usize {
    let bytes = read(place, FILES[1]).unwrap_or_default();
    String::from_utf8_lossy(&bytes).matches('\n').count()
}

#[test]
fn audits_dry_runs_and_tests_of_one_step_leave_the_files_of_a_live_run_alone() {
    let place = Place::new();
    let _network = Network::start(&place);
    slow_run(&place);
    let run = place.start(MIGRATE);
    let lines = || lines(&place);
    until("results and a checkpoint", || {
        (lines() > 2 && read(&place, FILES[2]).is_some()).then_some(())
    });
    let before = FILES.map(|name| read(&place, name).unwrap());

    for step in [
        "--test-index",
        "--test-location-claims",
        "--test-gateway-auth",
    ] {
        let refused = place.sterna(["migrate", step, "--limit", "2"]).ends(11);
        drop(refused.tells(&["another process runs as this instance", "--state-dir"]));
    }
    for look in [
        &["verify", "--limit", "5"][..],
        &["migrate", "--dry-run", "--limit", "5"],
        &["migrate", "--verify-only", "--limit", "5"],
        &["retry", "--failed", "--dry-run"],
    ] {
        let ran = place.sterna(look);
        assert!([0, 4].contains(&ran.code), "{look:?}: {}", ran.stderr);
    }
    // What was on disk is there to the letter, and the run goes on behind it.
    for (name, before) in FILES[..2].iter().zip(&before) {
        assert!(read(&place, name).unwrap().starts_with(before), "{name}");
    }
    let now = lines();
    until("more results", || (lines() > now).then_some(()));
    run.signal("TERM");
    run.end().ends(6);
    for name in &FILES[..2] {
        let text = String::from_utf8(read(&place, name).unwrap()).unwrap();
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line)
                .unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        }
    }
}

#[test]
fn a_test_of_one_step_runs_beside_under_a_number_of_its_own_and_a_rollback_knows_it() {
    let place = Place::new();
    let _network = Network::start(&place);
    slow_run(&place);
    let mut run = place.start(MIGRATE);
    run.says("run ");
    let before = network_changes(&place);
    let other = ["migrate", "--test-index", "--limit", "3", "--instance", "7"];
    let ran = place.sterna(other.iter().chain(&["--output", "json"]));
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    let report = ran.json();
    assert!(network_changes(&place) > before);
    assert!(read(&place, "instance-7-checkpoint.json").is_none());
    let id = report["run"].as_str().unwrap();
    if super::number(&report["steps"]["store-index"], "applied") > 0 {
        let listed = ["rollback", "--run", id, "--dry-run", "--output", "json"];
        let plan = place.sterna(listed).ends(0).json()["plan"].clone();
        assert!(!plan["undone"].as_array().unwrap().is_empty(), "{plan:#}");
    }
    run.signal("TERM");
    run.end().ends(6);
}
