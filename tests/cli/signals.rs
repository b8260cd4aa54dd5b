//! Signals as a real process meets them: the first drains, the second aborts, the third ends.

use serde_json::Value;

use crate::control::{MIGRATE, slow_run};
use crate::network::Network;
use crate::run::{Place, Running, until};

/// Spaces that somebody holds, by the rows of all customers.
fn held(place: &Place) -> Vec<String> {
    let seen = place.sterna(["monitor", "--instance", "1", "--output", "json"]);
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
        (claims_asked(place) > before).then_some(())
    });
    assert!(!held(place).is_empty());
    run
}

#[test]
fn the_first_signal_drains_says_what_is_left_and_gives_leases_back() {
    let place = Place::new();
    let _network = Network::start_with(&place, &["--latency", "20ms"]);
    slow_run(&place);
    for name in ["TERM", "INT"] {
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
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut run = at_work(&place);
        run.signal(name);
        run.says("stopping:");
        run.signal(name);
        run.end().ends(code).tells(&["aborting:"]);
        assert!(held(&place).is_empty(), "leases are given back");
    }
    let mut run = at_work(&place);
    network.freeze();
    for word in ["stopping:", "aborting:"] {
        run.signal("TERM");
        run.says(word);
    }
    run.signal("TERM");
    let ran = run.end().ends(143);
    assert!(
        !ran.stderr.contains("not given back in time"),
        "{}",
        ran.stderr
    );
}
