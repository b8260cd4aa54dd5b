//! `sandbox start` and `sandbox stop` as a walk through the README meets them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::run::Place;

#[test]
fn no_key_is_printed_and_what_is_printed_says_where_they_are() {
    let place = Place::new();
    let mut network = place.start(["sandbox", "start"]);
    let line = network.read_one_line();
    let notice: Value = serde_json::from_str(&line).unwrap();
    let file = PathBuf::from(notice["description"].as_str().unwrap());
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let whole: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(whole["endpoints"], notice["endpoints"]);
    let (all, told) = (&whole["env"], &notice["env"]);
    let mut secrets = 0;
    for (name, value) in all.as_object().unwrap() {
        let is_secret = [
            "PRIVATE_KEY",
            "_PROOF",
            "ENCRYPTION_KEY",
            "SECRET_ACCESS_KEY",
            "_TOKEN",
        ]
        .iter()
        .any(|part| name.ends_with(part));
        assert_eq!(told.get(name).is_none(), is_secret, "{name}");
        if is_secret {
            secrets += 1;
            assert!(!line.contains(value.as_str().unwrap()), "{name}");
        }
    }
    assert_eq!(secrets, 11);
    let env = std::fs::read_to_string(notice["env_file"].as_str().unwrap()).unwrap();
    assert!(env.contains("MIGRATION_AGENT_PRIVATE_KEY="));
    network.signal("TERM");
    let ran = network.end().ends(0);
    assert!(!ran.stderr.contains("PRIVATE_KEY"), "{}", ran.stderr);
}

#[test]
fn a_second_network_in_a_folder_is_refused_and_the_first_is_named_and_can_be_stopped() {
    let place = Place::new();
    let none = place.sterna(["sandbox", "stop"]).ends(0).text();
    assert!(none.contains("no local network runs in"), "{none}");
    assert!(place.entries().is_empty(), "it makes nothing");

    let mut network = place.start(["sandbox", "start"]);
    network.says("the local network is running");
    let first = format!("process {}", network.pid());
    let second = place.sterna(["sandbox", "start"]).ends(11);
    second.tells(&[&first, "sterna sandbox stop", "--state-dir"]);

    let stopped = place.sterna(["sandbox", "stop", "--output", "json"]);
    let stopped = stopped.ends(0).json();
    assert_eq!(stopped["schema"], "sterna.sandbox.stop");
    assert_eq!(stopped["stopped_pid"], network.pid());
    network.end().ends(0);
    let none = place.sterna(["sandbox", "stop"]).ends(0).text();
    assert!(none.contains("nothing to stop"), "{none}");
    // The folder is free again.
    let mut again = place.start(["sandbox", "start"]);
    again.says("the local network is running");
}

#[test]
fn a_network_that_does_not_answer_is_named() {
    let place = Place::new();
    let mut network = place.start(["sandbox", "start"]);
    network.says("the local network is running");
    network.signal("STOP");
    let kill = format!("kill {}", network.pid());
    let ran = place.sterna(["sandbox", "stop"]).ends(5);
    ran.tells(&["does not answer", &kill]);
}
