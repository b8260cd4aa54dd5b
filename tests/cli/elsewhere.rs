//! Settings that name another place, and a service that takes no writes: told before any upload pays for it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use crate::auditing::control;
use crate::foreign::variable;
use crate::network::{Network, changes, seed};
use crate::plan::{FIRST, setup};
use crate::run::Place;

/// A carpark that has nothing.
fn empty() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Whatever is asked.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
    });
    url
}

fn with_carpark(place: Place, url: &str) -> Place {
    let names = [
        "CARPARK_PUBLIC_URL",
        "CARPARK_PUBLIC_URLS",
        "BLOB_CARPARK_PUBLIC_URL",
        "STORE_CARPARK_PUBLIC_URL",
    ];
    names.iter().fold(place, |place, name| place.env(name, url))
}

fn world(place: &Place, uploads: &str) {
    seed(place, ["3", "6", uploads]);
    setup(place, "1", 0);
}

#[test]
fn a_wrong_carpark_is_reported_beforehand_and_what_is_expected_is_accepted() {
    let place = Place::new();
    let _network = Network::start(&place);
    world(&place, "260");
    let right = variable(&place, "CARPARK_PUBLIC_URL");
    let place = with_carpark(place, &empty());
    let run = ["migrate", "--concurrency", "32", "--customers-file", FIRST];
    let before = changes(&place);
    let refused = place.sterna(run).ends(8).tells(&[
        "no shard is in a carpark",
        "CARPARK_PUBLIC_URL",
        "--expect MISSING_BLOB",
        "nothing was done",
    ]);
    drop(refused);
    // The rows of customers say how many spaces they have; nothing else was written.
    let noted = 3;
    assert!(changes(&place) - before <= 2 * noted, "nothing was done");

    // Some of it is expected; all of it is too much.
    // (Of some uploads claims lead to the right one, which these settings do not expect: nothing can be told of them.)
    let run = [&run[..], &["--max-failure-rate", "100%", "--expect"]].concat();
    let stopped = place.sterna(run.iter().chain(&["MISSING_BLOB=30%"]));
    let stopped = stopped.ends(7).text();
    for word in [
        "MISSING_BLOB",
        "CARPARK_PUBLIC_URL",
        "--expect MISSING_BLOB=",
    ] {
        assert!(stopped.contains(word), "{stopped}");
    }
    let accepted = ["MISSING_BLOB=100%", "--output", "json"];
    let accepted = place.sterna(run.iter().chain(&accepted)).ends(3).json();
    let missing = accepted["failures"]["MISSING_BLOB"].as_u64().unwrap();
    assert!(missing > 100, "{accepted}");

    // Put right, one command takes up what was quarantined.
    let place = with_carpark(place, &right);
    let retry = [
        "retry",
        "--failed",
        "--reason",
        "MISSING_BLOB",
        "--limit",
        "12",
    ];
    let ran = place
        .sterna(retry.iter().chain(&["--output", "json"]))
        .json();
    assert!(ran["counts"]["done"].as_u64().unwrap() > 6, "{ran}");
}

#[test]
fn another_table_under_a_name_is_known_by_its_keys() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    let place = place
        .env("UPLOAD_TABLE_NAME", "local-w3infra-store")
        .env("BLOB_REGISTRY_TABLE_NAME", "local-w3infra-consumer");
    let before = changes(&place);
    let refused = place.sterna(["migrate", "--limit", "1"]).ends(8).tells(&[
        "keyed by space and link, not by space and root",
        "UPLOAD_TABLE_NAME",
        "keyed by subscription and provider, not by space and digest",
        "BLOB_REGISTRY_TABLE_NAME",
    ]);
    drop(refused);
    assert_eq!(changes(&place), before);
}

#[test]
fn a_service_that_takes_no_writes_is_named_and_waited_for() {
    let place = Place::new();
    let _network = Network::start(&place);
    world(&place, "12");
    let fault = json!({ "service": "upload", "receipt_error": "ServiceUnavailable" });
    control(&place, "POST", &fault.to_string());
    let mut run = place.start(["migrate", "--customers-file", FIRST, "--output", "json"]);
    run.says("the upload service takes no writes now (ServiceUnavailable");
    control(&place, "DELETE", "");
    let ended = run.end();
    assert!([0, 3].contains(&ended.code), "{}", ended.stderr);
    let report = ended.json();
    assert!(report["this_run"]["done"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["this_run"]["failed"], 0, "{report}");
}
