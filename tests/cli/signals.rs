//! Signals as a real process meets them: the first drains, the second aborts, the third ends.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::auditing::control as fault;
use crate::control::{MIGRATE, slow_run};
use crate::network::{Network, changes, state};
use crate::run::{Place, Running, until};

/// Spaces that somebody holds, by the rows of all customers.
fn held(place: &Place) -> Vec<String> {
    let seen = place.sterna(["monitor", "--instance", "1", "--output", "json"]);
    // Before its first report nobody knows of it.
    if seen.code == 10 {
        return Vec::new();
    }
    let seen = seen.ends(0).json();
    let spaces = seen["spaces"].as_array().unwrap();
    let holder = |line: &Value| Some(line["held_by"].as_str()?.to_owned());
    spaces.iter().filter_map(holder).collect()
}

/// Questions that the indexing service was asked so far.
fn claims_asked(place: &Place) -> u64 {
    let status = place.sterna(["sandbox", "status", "--output", "json"]);
    let asked = &status.ends(0).json()["requests"]["indexer"]["operations"]["GET /claims"];
    asked["count"].as_u64().unwrap_or_default()
}

/// A run that has leases and an item whose claims were just asked for.
fn at_work(place: &Place) -> Running {
    let before = claims_asked(place);
    let run = place.start(MIGRATE.iter().chain(&["--log-level", "warn"]));
    until("items in flight", || {
        (claims_asked(place) > before && !held(place).is_empty()).then_some(())
    });
    run
}

#[test]
fn the_first_signal_drains_says_what_is_left_and_gives_leases_back() {
    let place = Place::new();
    let _network = Network::start_with(&place, &["--latency", "20ms"]);
    slow_run(&place);
    for name in ["TERM", "INT", "HUP"] {
        let run = at_work(&place);
        run.signal(name);
        let ran = run.end().ends(6);
        let said = ran.text();
        assert!(said.contains(&format!("SIG{name}")), "{said}");
        assert!(said.contains(" still have work"), "{said}");
        assert!(held(&place).is_empty());
    }
}

#[test]
fn the_second_signal_aborts_and_gives_leases_back_the_third_waits_for_nothing() {
    let place = Place::new();
    let network = Network::start_with(&place, &["--latency", "200ms"]);
    slow_run(&place);
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        let mut run = at_work(&place);
        run.signal(name);
        run.says("stopping (");
        run.signal(name);
        run.end().ends(code).tells(&["aborting ("]);
        assert!(held(&place).is_empty(), "releasing leases");
    }
    let mut run = at_work(&place);
    network.freeze();
    for word in ["stopping (", "aborting ("] {
        run.signal("TERM");
        run.says(word);
    }
    run.signal("TERM");
    let ran = run.end().ends(143);
    assert!(
        !ran.stderr.contains("not released in time"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_drain_gives_up_on_a_service_that_is_down_and_gives_leases_back() {
    let place = Place::new();
    let _network = Network::start_with(&place, &["--latency", "20ms"]);
    slow_run(&place);
    let mut run = at_work(&place);
    let down = json!({ "service": "indexer", "status": 503, "clients_only": true });
    fault(&place, "POST", &down.to_string());
    run.says("waiting for");
    let asked = Instant::now();
    run.signal("TERM");
    let ran = run.end().ends(6);
    // Ten seconds, and what a busy machine needs beside.
    assert!(asked.elapsed() < Duration::from_mins(1), "{}", ran.stderr);
    let said = ran.text();
    assert!(
        said.contains("SIGTERM; the drain waited 10 s for"),
        "{said}"
    );
    assert!(held(&place).is_empty());
}

#[test]
fn a_hangup_that_the_process_was_started_to_ignore_stays_ignored() {
    let place = Place::new();
    let sterna = env!("CARGO_BIN_EXE_sterna");
    let script = format!("trap '' HUP; exec {sterna} sandbox start");
    let mut run = place.start_as(Command::new("/bin/sh").args(["-c", &script]));
    run.says("the local network is running");
    run.signal("HUP");
    run.signal("TERM");
    let ran = run.end().ends(0).tells(&["stopping (SIGTERM)"]);
    assert!(!ran.stderr.contains("aborting"), "{}", ran.stderr);
}

#[test]
fn the_first_signal_ends_a_start_that_takes_long_and_nothing_is_done() {
    let place = Place::new();
    let _network = Network::start_with(&place, &["--latency", "100ms"]);
    place.sterna(["init"]).ends(0);
    let customers: Vec<String> = (0..20_000)
        .map(|number| format!("did:mailto:example.org:c{number}"))
        .collect();
    place.file("c.json", serde_json::to_string(&customers).unwrap());
    let before = changes(&place);
    for (command, what) in [("migrate", "migrate uploads"), ("verify", "audit uploads")] {
        let mut run = place.start([command, "--customers-file", "c.json"]);
        run.says("reading the spaces of customers: ");
        run.signal("INT");
        let ran = run.end().ends(6);
        ran.tells(&[what, "SIGINT, before the work started", "nothing was done"]);
    }
    assert_eq!(changes(&place), before);
    assert!(state(&place).is_empty());
}

#[test]
fn a_reader_that_goes_away_ends_what_is_watched() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    for form in ["table", "json", "ndjson"] {
        let mut watch = place.start(["monitor", "--watch", "--interval", "10m", "--output", form]);
        assert!(!watch.read_one_line().is_empty());
        let gone = Instant::now();
        let ran = watch.end().ends(0);
        assert!(gone.elapsed() < Duration::from_mins(1), "{form}");
        assert!(ran.stderr.is_empty(), "{form}: {}", ran.stderr);
    }
}

#[test]
fn commands_that_print_outlive_their_reader() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    for args in [
        &["--help"][..],
        &["completions", "bash"],
        &["init", "--print"],
        &["config", "show", "--origin"],
        &["monitor"],
        &["monitor", "--output", "ndjson"],
    ] {
        let sterna = env!("CARGO_BIN_EXE_sterna");
        let words = args.join(" ");
        let script = format!("{sterna} {words} | true; echo \"${{PIPESTATUS[0]}}\" >&2");
        let run = place.start_as(Command::new("/bin/bash").args(["-c", &script]));
        let ran = run.end().ends(0);
        assert_eq!(ran.stderr, "0\n", "{args:?}");
    }
}
