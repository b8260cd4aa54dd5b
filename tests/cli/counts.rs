//! One source of counts: whatever commands run under one number, totals are those of the spaces' rows.

use serde_json::Value;

use crate::network::{Network, seed};
use crate::plan::{FIRST, setup};
use crate::run::{Place, Ran};

const ALL: u64 = 40;

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap()
}

/// The overview's totals; they add up, and are of all uploads, at every instant.
#[track_caller]
fn totals(place: &Place) -> Value {
    let seen = place.sterna(["monitor", "--output", "json"]).ends(0).json();
    let totals = seen["totals"].clone();
    let counts = &totals["counts"];
    let terms = [
        "done",
        "skipped",
        "failed",
        "quarantined",
        "unknown",
        "left",
    ];
    let sum: u64 = terms.iter().map(|term| number(counts, term)).sum();
    assert_eq!((number(counts, "planned"), sum), (ALL, ALL), "{counts}");
    assert_eq!(totals["adds_up"], true, "{totals}");
    assert!(number(&totals, "age_seconds") < 60 && totals["live"] == true);
    totals
}

fn settled(totals: &Value) -> u64 {
    ALL - number(&totals["counts"], "left")
}

fn migrate(place: &Place, flags: &[&str]) -> Ran {
    let args = ["migrate", "--customers-file", FIRST];
    place.sterna(args.iter().chain(flags))
}

fn first_customer(place: &Place) -> String {
    let file = std::fs::read(place.path().join(FIRST)).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    file["customers"][0].as_str().unwrap().to_owned()
}

fn of_customer(place: &Place, customer: &str) -> Value {
    let seen = place.sterna(["monitor", "--customer", customer, "--output", "json"]);
    seen.ends(0).json()
}

/// Lines of JSON, each of them named.
fn records(ran: &Ran) -> Vec<Value> {
    let text = ran.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn totals_stay_whole_whatever_runs_under_a_number() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["2", "4", "40"]);
    setup(&place, "1", 0);
    assert_eq!(settled(&totals(&place)), 0);

    a_run_is_told_apart(&place);
    a_start_does_not_begin_at_nothing(&place);
    let ended = migrate(&place, &["--output", "ndjson"]).ends(3);
    let lines = records(&ended);
    assert_eq!(lines.len(), 1, "a run is one record");
    assert_eq!(lines[0]["schema"], "sterna.run");
    assert_eq!(lines[0]["totals"]["counts"]["left"], 0);
    let whole = totals(&place);
    assert_eq!(settled(&whole), ALL);

    one_space_again(&place, &whole);
    failures_agree(&place, &whole);
    explain_says_what_the_row_says(&place);
    what_nobody_knows_is_not_found(&place);
    half_is_rolled_back(&place, &whole);
}

/// A limit is no end, and what a run did is not what it found done.
fn a_run_is_told_apart(place: &Place) {
    let first = migrate(place, &["--limit", "12", "--output", "json"]);
    let first = first.json();
    assert_eq!(first["ended"]["how"], "limit");
    assert_eq!(number(&first["this_run"], "planned"), 12);
    assert_eq!(number(&first["counts"], "left"), ALL - 12);
    assert_eq!(settled(&first["totals"]), 12);
    let second = migrate(place, &["--limit", "5"]).text();
    let asked = format!("asked:    17 of {ALL} uploads settled, {} left", ALL - 17);
    let plan = format!("plan:     17 of {ALL} uploads settled, {} left", ALL - 17);
    for part in [
        "stopped: the limit is reached (--limit)\n  this run: ",
        &asked,
        &plan,
        " of 4 spaces ended",
        "next: sterna migrate --customers-file",
    ] {
        assert!(second.contains(part), "{part:?} in\n{second}");
    }
    assert_eq!(settled(&totals(place)), 17);
}

fn a_start_does_not_begin_at_nothing(place: &Place) {
    let slow = ["ctl", "set", "rate=30", "--why", "the test looks"];
    place.sterna(slow).ends(0);
    let mut run = place.start(["migrate", "--customers-file", FIRST]);
    run.says(", instance 1, plan ");
    assert!(settled(&totals(place)) >= 17);
    run.signal("TERM");
    run.end().ends(6);
    let again = ["ctl", "set", "rate=default", "--why", "seen"];
    place.sterna(again).ends(0);
    assert!(settled(&totals(place)) >= 17);
}

fn one_space_again(place: &Place, whole: &Value) {
    let seen = of_customer(place, &first_customer(place));
    let space = seen["spaces"][0]["space"].as_str().unwrap();
    let ran = place.sterna(["migrate", "--space", space, "--output", "json"]);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    let report = ran.json();
    assert_eq!(number(&report["this_run"], "planned"), 0);
    // 0 means that all that was asked is done: failures of other spaces are the plan's.
    let bad = ["failed", "quarantined", "unknown"].map(|name| number(&report["counts"], name));
    assert_eq!(ran.code == 3, bad.iter().sum::<u64>() > 0);
    assert_eq!(totals(place)["counts"], whole["counts"]);
}

/// The overview, the list and a retry read the same rows.
fn failures_agree(place: &Place, whole: &Value) {
    let seen = place.sterna(["monitor", "--output", "json"]).ends(0).json();
    let listed = place.sterna(["monitor", "--failed", "--output", "ndjson"]);
    let listed = records(&listed.ends(0));
    assert!(!listed.is_empty());
    assert!(
        listed
            .iter()
            .all(|line| line["record"] == "failure" && line["schema"] == "sterna.monitor")
    );
    assert_eq!(seen["failure_rows"]["reasons"], whole["reasons"]);
    assert!(seen["failure_rows"]["note"].is_null());
    let counted = whole["reasons"].as_object().unwrap().values();
    let counted: u64 = counted.map(|number| number.as_u64().unwrap()).sum();
    let told: u64 = listed.iter().map(|line| number(line, "uploads")).sum();
    assert_eq!(counted, told);

    let retry = place.sterna(["retry", "--failed", "--output", "json"]);
    let retry = retry.ends(3).json();
    assert_eq!(number(&retry["counts"], "planned"), counted);
    assert_eq!(retry["counts"], retry["this_run"]);
    assert_eq!(retry["totals"]["counts"], whole["counts"]);
    assert_eq!(totals(place)["counts"], whole["counts"]);
    let lines = records(&place.sterna(["monitor", "--output", "ndjson"]).ends(0));
    let told: Vec<&str> = lines
        .iter()
        .map(|line| line["record"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["overview", "instance"]);
}

/// A space that ended with failed uploads is not explained as being right.
fn explain_says_what_the_row_says(place: &Place) {
    let listed = place.sterna(["monitor", "--failed", "--output", "ndjson"]);
    let failed = &records(&listed.ends(0))[0];
    let space = failed["space"].as_str().unwrap();
    let explain = ["explain", "--space", space, "--output", "json"];
    let explained = place.sterna(explain).ends(0).json();
    let one = &explained["found"][0];
    assert_eq!(
        (&one["row"]["status"], &one["verdict"]),
        (&"failed".into(), &"wrong".into())
    );
    assert_eq!(one["look"]["verdict"], "ok", "the space itself is right");
    assert!(!one["failures"].as_array().unwrap().is_empty());
    assert_eq!(one["differs"], Value::Array(Vec::new()), "{one}");
    let item = failed["item"].as_str().unwrap();
    let last_at = one["failures"][0]["last_at"].as_str().unwrap();
    assert!(last_at.ends_with('Z') && last_at.contains('T'), "{last_at}");
    let explain = ["explain", item, "--space", space, "--output", "json"];
    let explained = place.sterna(explain).ends(0).json();
    let one = &explained["found"][0];
    assert_eq!(one["failures"].as_array().unwrap().len(), 1);
    assert_ne!(one["verdict"], "ok");
}

fn what_nobody_knows_is_not_found(place: &Place) {
    let nobody = "did:mailto:example.com:nobody";
    let nowhere = crate::run::did(77);
    for asked in [
        &["--customer", nobody][..],
        &["--space", &nowhere],
        &["--instance", "9"],
        &["--failed", "--customer", nobody],
        &["--failed", "--space", &nowhere],
        &["--stuck", "--instance", "9"],
    ] {
        let ran = place.sterna(["monitor"].iter().chain(asked)).ends(10);
        assert!(ran.tells(&["it has no row"]).stdout.is_empty());
    }
}

fn half_is_rolled_back(place: &Place, whole: &Value) {
    let customer = &first_customer(place);
    let counts = of_customer(place, customer)["counts"].clone();
    let (all, done) = (number(&counts, "planned"), number(&counts, "done"));
    assert!(done > 0 && all < ALL);
    place.sterna(["rollback", "--customer", customer, "--yes"]);
    let after = totals(place);
    // A space of which nothing was made keeps what is known of it.
    let left = number(&after["counts"], "left");
    assert!(left >= done && left <= all, "{left} of {counts}: {after}");
    assert!(number(&after["spaces"], "completed") < number(&whole["spaces"], "completed"));
}
