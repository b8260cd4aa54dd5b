//! Credentials and clocks: none at all, ended in the middle, of another time. What stops everything is no fault of an
//! upload.

use serde_json::{Value, json};

use crate::auditing::control;
use crate::network::{Network, seed};
use crate::plan::{FIRST, setup};
use crate::run::Place;

#[test]
fn without_credentials_it_is_said_that_there_are_none() {
    let place = Place::new().env("AWS_EC2_METADATA_DISABLED", "true");
    place
        .sterna(["monitor", "--env", "staging"])
        .ends(12)
        .tells(&["no AWS credentials found"]);
}

/// All further requests to DynamoDB are answered with an error.
fn answer_all(place: &Place, code: &str, message: &str) {
    let plan = json!({
        "service": "dynamodb",
        "status": 400,
        "body": json!({ "__type": format!("com.amazon.coral.service#{code}"), "message": message }).to_string(),
    });
    control(place, "POST", &plan.to_string());
}

fn world(place: &Place) {
    seed(place, ["1", "2", "12"]);
    setup(place, "1", 0);
}

/// The totals; nothing is bad in them but what the world was made with.
fn totals(place: &Place) -> Value {
    let seen = place.sterna(["monitor", "--output", "json"]).ends(0).json();
    let totals = seen["totals"].clone();
    let seeded = ["CORRUPT_CAR", "MISSING_BLOB", "MISSING_DELEGATION"];
    let reasons = totals["reasons"].as_object().unwrap();
    assert!(
        reasons
            .keys()
            .all(|reason| seeded.contains(&reason.as_str())),
        "{totals}"
    );
    let counts = totals["counts"].clone();
    assert_eq!(
        (&counts["failed"], &counts["unknown"]),
        (&json!(0), &json!(0))
    );
    counts
}

#[test]
fn what_stops_everything_ends_the_run_and_sets_no_upload_aside() {
    let place = Place::new();
    let _network = Network::start(&place);
    world(&place);
    let whole = ["migrate", "--customers-file", FIRST];
    for (code, message, exit, words) in [
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            12,
            "have expired",
        ),
        (
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
            8,
            "the clock of this machine is wrong",
        ),
    ] {
        let slow = ["ctl", "set", "rate=60", "--why", "the test looks"];
        place.sterna(slow).ends(0);
        let mut run = place.start(whole);
        run.says(", instance 1, plan ");
        answer_all(&place, code, message);
        run.end().ends(exit).tells(&[words]);
        control(&place, "DELETE", "");
        assert!(totals(&place)["left"].as_u64() > Some(0), "{code}");
    }
    let fast = ["ctl", "set", "rate=default", "--why", "seen"];
    place.sterna(fast).ends(0);
    let ran = place.sterna(whole);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    assert_eq!(totals(&place)["left"], 0);
}
