//! Two machines on which the same instance number is typed: a live run is left alone, and says so.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::network::Network;
use crate::run::{Place, Running, until};

const FILE: &str = "migration-state/instance-1-customers.json";
const NETWORK: &str = "migration-state/local/sandbox.env";

/// A network, a plan for one instance, and its live run, slow enough to be met.
fn live(place: &Place) -> (Network, Running) {
    let network = Network::start(place);
    place.sterna(["init"]).ends(0);
    let world = ["--customers", "3", "--spaces", "3", "--uploads", "120"];
    let seed = ["sandbox", "seed"];
    place.sterna(seed.iter().chain(&world)).ends(0);
    place.sterna(["setup", "--instances", "1"]).ends(0);
    rate(place, "240");
    let args = ["migrate", "--customers-file", FILE, "--limit", "all"];
    let flags = ["--output", "json", "--concurrency", "4"];
    let running = place.start(args.iter().chain(&flags));
    (network, running)
}

fn rate(place: &Place, rate: &str) {
    let rate = format!("rate={rate}");
    let set = ["ctl", "set", rate.as_str(), "--why", "the test looks"];
    place.sterna(set).ends(0);
}

/// A space in the hands of the live run in which an upload has failed for good and many are left.
fn busy_space(place: &Place) -> String {
    until("a held space with a failed upload", || {
        let shown = place.sterna(["monitor", "--instance", "1", "--output", "json"]);
        let shown = shown.ends(0).json();
        let spaces = shown["spaces"].as_array()?;
        let busy = spaces.iter().find(|space| {
            let count = |name: &str| space["counts"][name].as_u64().unwrap();
            let settled = count("done") + count("quarantined");
            count("quarantined") > 0 && count("planned") > settled + 10
        })?;
        Some(busy["space"].as_str().unwrap().to_owned())
    })
}

/// A command with the number of the live run, in a state folder of its own.
fn beside(place: &Place, dir: &str, command: &[&str]) -> Running {
    let machine = ["--state-dir", dir, "--env-file", NETWORK];
    place.start(command.iter().chain(&machine))
}

/// It took nothing, in little more than a term, and says who has what it wanted.
#[track_caller]
fn took_nothing(twin: Running) -> String {
    let ran = twin.end().ends(11);
    let told = ran.text() + &ran.stderr;
    for word in ["instance 1 on ", "state folder", "another state folder"] {
        assert!(told.contains(word), "no {word:?} in {told}");
    }
    told
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        // Its own results are counted.
        let is_result = path.to_string_lossy().ends_with("-results.ndjson");
        if path.is_file() && !is_result {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Lines of result files by upload, of all state folders.
fn told(place: &Place, dirs: &[&str]) -> BTreeMap<(String, String), Vec<String>> {
    let mut told: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for dir in dirs {
        let path = place.path().join(dir).join("instance-1-results.ndjson");
        for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let upload = (text(&line["unit"]["name"]), text(&line["item"]));
            told.entry(upload).or_default().push(text(&line["settled"]));
        }
    }
    told
}

#[test]
fn whatever_is_typed_elsewhere_under_its_number_a_live_run_goes_on_to_its_end() {
    let place = Place::new().env("STERNA_LEASE_TERM", "12");
    let (_network, running) = live(&place);
    let space = busy_space(&place);
    rate(&place, "60");
    copy(
        &place.path().join("migration-state"),
        &place.path().join("copied"),
    );
    let only = ["--space", space.as_str()];
    let with = |command: &[&'static str]| -> Vec<String> {
        let all = command.iter().chain(&only);
        all.map(|word| (*word).to_owned()).collect()
    };
    let start = |dir: &str, command: &[&'static str]| {
        let command = with(command);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        beside(&place, dir, &words)
    };
    let migrate = start("copied", &["migrate"]);
    let retry = start("second", &["retry", "--failed"]);
    let rollback = start(
        "third",
        &["rollback", "--yes", "--journal", "migration-state"],
    );
    let copied = took_nothing(migrate);
    assert!(copied.contains("was copied or moved"), "{copied}");
    took_nothing(retry);
    took_nothing(rollback);

    // The live run is seen, whoever reported under its number since.
    let shown = place.sterna(["monitor", "--output", "json"]).ends(0).json();
    let lines = shown["instances"].as_array().unwrap();
    let runs = lines.iter().filter(|line| line["state"] == "running");
    let counts: Vec<&Value> = runs.map(|line| &line["instance"]).collect();
    assert_eq!(counts, ["1"], "{shown}");
    rate(&place, "default");

    let live = running.end();
    let report = live.json();
    let counts = &report["counts"];
    let count = |name: &str| counts[name].as_u64().unwrap();
    let bad = count("quarantined");
    assert_eq!(live.code, if bad > 0 { 3 } else { 0 }, "{}", live.stderr);
    assert_eq!(count("done") + bad, 120, "{counts}");
    let told = told(&place, &["migration-state", "copied", "second", "third"]);
    let twice = told.values().filter(|lines| lines.len() > 1).count();
    assert_eq!((told.len(), twice), (120, 0));
}

#[test]
fn the_instance_comes_from_the_customers_file_and_may_not_contradict_it() {
    let place = Place::new();
    place.file(
        "two.json",
        r#"{"instanceId": 2, "customers": ["did:mailto:example.com:alice"]}"#,
    );
    place.file(
        "none.json",
        r#"{"instanceId": "second", "customers": ["did:mailto:example.com:alice"]}"#,
    );
    for command in ["migrate", "verify", "rollback"] {
        let file = ["--customers-file", "two.json", "--instance", "1"];
        let ran = place.sterna([command].iter().chain(&file)).ends(2);
        ran.tells(&["--instance 1 does not fit two.json", "instance 2"]);
        let ran = place.sterna([command, "--customers-file", "none.json"]);
        ran.ends(2).tells(&["instanceId", "second"]);
    }
}
