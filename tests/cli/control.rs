//! What the operator asks of instances that run: done by real processes, kept over their restarts.

use std::path::Path;

use serde_json::Value;

use crate::network::{Network, seed};
use crate::run::{Place, Running, until};

/// The fleet row of instance 1, once it says what is looked for.
fn instance(place: &Place, what: &str, says: impl Fn(&Value) -> bool) -> Value {
    until(what, || {
        let status = place.sterna(["ctl", "status", "--output", "json"]);
        let status = status.ends(0).json();
        let found = status["instances"].as_array().unwrap().first().cloned();
        found.filter(|line| says(line))
    })
}

fn paused(line: &Value) -> bool {
    line["state"] == "paused" && line["in_flight"] == 0
}

fn done(line: &Value) -> u64 {
    let counts = &line["counts"];
    let number = |name: &str| counts[name].as_u64().unwrap();
    let bad = number("failed") + number("quarantined") + number("unknown");
    number("done") + number("skipped") + bad
}

/// Settled uploads in the results, if the checkpoint that goes with them is written.
fn in_files(place: &Place) -> Option<u64> {
    let folder = place.path().join("migration-state");
    let results = folder.join("instance-1-results.ndjson");
    let written = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
    let whole = written(&folder.join("instance-1-checkpoint.json")) >= Some(written(&results)?);
    let lines = std::fs::read_to_string(results).ok()?.lines().count();
    whole.then_some(lines as u64)
}

fn ask(place: &Place, args: &[&str]) -> String {
    let ran = place.sterna(["ctl"].iter().chain(args)).ends(0);
    ran.text()
}

/// A network with one plan and a rate that leaves work for a long time.
pub fn slow_run(place: &Place) {
    seed(place, ["2", "4", "90"]);
    ask(place, &["set", "rate=90", "--why", "the test looks"]);
}

pub const MIGRATE: [&str; 3] = ["migrate", "--limit", "all"];

#[test]
fn a_pause_holds_over_a_crash_and_a_drain_over_a_restart() {
    // Instances look at what is asked of them every second.
    let place = Place::new()
        .env("USER", "ann")
        .env("STERNA_LEASE_TERM", "12");
    let _network = Network::start(&place);
    slow_run(&place);
    let first = place.start(MIGRATE);
    let line = instance(&place, "progress", |line| done(line) > 2);
    assert_eq!(line["begun_per_minute_at_most"], 90);

    let told = ask(&place, &["pause", "--why", "deploy of the index service"]);
    assert!(told.contains("instance 1 acts on it within 10 s"), "{told}");
    let line = instance(&place, "pause", paused);
    let note = line["note"].as_str().unwrap();
    assert!(note.contains("ann@") && note.contains("deploy of the index service"));
    let settled = done(&line);
    // A crash may cost the bookkeeping that was not written down yet.
    until("a checkpoint of all that is settled", || {
        (in_files(&place) == Some(settled)).then_some(())
    });
    first.signal("KILL");
    assert_eq!(first.end().code, -1);

    let second = place.start(MIGRATE);
    begins_nothing(&place, second.pid(), settled);
    goes_on(&place, settled);
    is_drained(&place, second);
    everything_is_logged(&place);
}

fn begins_nothing(place: &Place, pid: u32, settled: u64) {
    let here = |line: &Value| line["pid"] == pid && line["state"] == "paused";
    let line = instance(place, "the pause of a new process", here);
    // It reports twice more and has begun nothing.
    let before = line["heartbeat_at"].clone();
    let later = |line: &Value| line["heartbeat_age_seconds"].as_u64() < Some(2);
    instance(place, "a report", |line| {
        later(line) && line["heartbeat_at"] != before
    });
    let line = instance(place, "paused", paused);
    assert_eq!(done(&line), settled, "{line}");
}

fn goes_on(place: &Place, settled: u64) {
    let told = ask(place, &["resume", "--instance", "1"]);
    assert!(told.contains("fleet is still paused by ann@"), "{told}");
    ask(place, &["resume"]);
    let three = ["set", "concurrency=3", "--instance", "1"];
    ask(place, &[&three[..], &["--why", "slow disk"]].concat());
    instance(place, "work again, under another limit", |line| {
        done(line) > settled && line["concurrency"] == 3
    });
    // Each setting says who asked for it and why, whatever was asked since.
    let status = place.sterna(["ctl", "status", "--output", "json"]).ends(0);
    let status = status.json();
    let asked = status["asked"].as_array().unwrap();
    let why: Vec<(&str, &str)> = asked
        .iter()
        .map(|line| {
            (
                line["what"].as_str().unwrap(),
                line["why"].as_str().unwrap(),
            )
        })
        .collect();
    let wanted = [
        ("at most 90 uploads a minute per instance", "the test looks"),
        ("at most 3 uploads in flight per instance", "slow disk"),
    ];
    assert_eq!(why, wanted);
}

fn is_drained(place: &Place, second: Running) {
    ask(place, &["drain", "--why", "end of the window"]);
    let ran = second.end().ends(6);
    let said = ran.text();
    assert!(
        said.contains("end of the window") && said.contains("sterna ctl resume"),
        "{said}"
    );
    let again = place.sterna(MIGRATE).ends(6);
    let said = again.text();
    assert!(said.starts_with("stopped: drained by ann@"), "{said}");
    assert!(said.contains("this run: nothing settled, "), "{said}");
    let next = "next: sterna ctl resume; then sterna migrate --limit all";
    assert!(said.trim_end().ends_with(next), "{said}");

    ask(place, &["resume"]);
    ask(place, &["set", "rate=default", "--why", "all is well"]);
    let ran = place.sterna(MIGRATE.iter().chain(&["--output", "json"]));
    let report = ran.ends(3).json();
    assert_eq!(report["ended"]["how"], "finished");
}

fn everything_is_logged(place: &Place) {
    let log = place
        .sterna(["ctl", "log", "--output", "json"])
        .ends(0)
        .json();
    let wishes = log["wishes"].as_array().unwrap();
    let what: Vec<&str> = wishes
        .iter()
        .map(|wish| wish["what"].as_str().unwrap())
        .collect();
    let wanted = [
        "set rate=90",
        "pause",
        "resume",
        "resume",
        "set concurrency=3",
        "drain",
        "resume",
        "set rate=default",
    ];
    assert_eq!(what, wanted);
    assert!(
        wishes
            .iter()
            .all(|wish| wish["by"].as_str().unwrap().starts_with("ann@"))
    );
    let monitor = place.sterna(["monitor"]).ends(0).text();
    assert!(monitor.contains("instance 1") && monitor.contains("at most 3 uploads in flight"));
}

#[test]
fn a_command_that_says_nothing_is_refused() {
    let place = Place::new();
    for wrong in [
        &["pause"][..],
        &["drain", "--why", " "],
        &["set", "--why", "x"],
        &["set", "speed=3", "--why", "x"],
        &["set", "rate=0", "--why", "x"],
        &["set", "rate=5", "rate=6", "--why", "x"],
        &["pause", "--instance", "0", "--why", "x"],
    ] {
        place.sterna(["ctl"].iter().chain(wrong)).ends(2);
    }
}
