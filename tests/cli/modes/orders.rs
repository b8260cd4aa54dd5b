//! The three tests of one step in each order, on a fresh world and on one that a run has begun.

use serde_json::Value;

use super::{FILE, network_changes, number, planned};
use crate::run::Place;

const INDEX: &str = "--only=index";
const LOCATION: &str = "--test-location-claims";
const GATEWAY: &str = "--test-gateway-auth";

const ORDERS: [[&str; 3]; 6] = [
    [INDEX, GATEWAY, LOCATION],
    [INDEX, LOCATION, GATEWAY],
    [GATEWAY, INDEX, LOCATION],
    [GATEWAY, LOCATION, INDEX],
    [LOCATION, INDEX, GATEWAY],
    [LOCATION, GATEWAY, INDEX],
];

/// Runs one step; gives its report.
fn only(place: &Place, step: &str, codes: &[i32]) -> Value {
    let args = [
        "migrate",
        "--customers-file",
        FILE,
        step,
        "--output",
        "json",
    ];
    let ran = place.sterna(args);
    assert!(
        codes.contains(&ran.code),
        "{step}: {}\n{}",
        ran.code,
        ran.stderr
    );
    let report = ran.json();
    assert_eq!(report["ended"]["how"], "finished", "{report:#}");
    let named = report["only"].as_str().unwrap();
    assert!(step.ends_with(named), "{named}");
    report
}

fn applied(report: &Value, step: &str) -> u64 {
    number(&report["steps"][step], "applied")
}

/// The steps in this order, the claims once more if they came before what they wait for; then a run of all steps,
/// which finds everything there.
fn in_order(place: &Place, order: [&str; 3], begun: bool) {
    let mut authorised = false;
    let mut withheld = false;
    for step in order {
        if step == LOCATION && !authorised {
            let before = network_changes(place);
            let report = only(place, LOCATION, &[8]);
            withheld = true;
            assert!(
                number(&report["failures"], "GATEWAY_NOT_AUTHORIZED") > 0,
                "{report:#}"
            );
            if !begun {
                assert_eq!(applied(&report, "location-claims"), 0);
                assert_eq!(network_changes(place), before, "{order:?}");
            }
            continue;
        }
        if step == LOCATION && !begun {
            let dry = ["migrate", "--customers-file", FILE, LOCATION, "--dry-run"];
            let text = place.sterna(dry).ends(0).text();
            assert!(text.contains("would: publish "), "{text}");
        }
        let report = only(place, step, &[0, 3]);
        match step {
            GATEWAY => {
                authorised = true;
                let again = only(place, GATEWAY, &[0, 3]);
                let (now, then) = (
                    &report["steps"]["gateway-auth"],
                    &again["steps"]["gateway-auth"],
                );
                assert!(number(now, "applied") > 0, "{report:#}");
                assert_eq!(number(then, "applied"), 0, "{again:#}");
                assert_eq!(
                    number(then, "found"),
                    number(now, "applied") + number(now, "found")
                );
                assert_eq!(then["failed"], now["failed"]);
            }
            INDEX => assert!(applied(&report, "register-index") > 0, "{report:#}"),
            _ => assert!(applied(&report, "location-claims") > 0, "{report:#}"),
        }
    }
    if withheld {
        let report = only(place, LOCATION, &[0, 3]);
        assert!(
            applied(&report, "location-claims") > 0,
            "{order:?}: {report:#}"
        );
    }
    nothing_is_left(place, order);
}

fn nothing_is_left(place: &Place, order: [&str; 3]) {
    let before = network_changes(place);
    let args = ["migrate", "--customers-file", FILE, "--output", "json"];
    let report = place.sterna(args).ends(3).json();
    assert_eq!(network_changes(place), before, "{order:?}: {report:#}");
    assert!(report["steps"].is_null(), "{order:?}: {report:#}");
    let audit = ["verify", "--customers-file", FILE, "--output", "json"];
    let verdicts = place.sterna(audit).ends(4).json()["verdicts"].clone();
    let counts = &report["counts"];
    assert_eq!(number(&verdicts, "ok"), number(counts, "done"), "{order:?}");
    let bad = number(counts, "quarantined") + number(counts, "failed") + number(counts, "unknown");
    assert_eq!(number(counts, "planned"), number(counts, "done") + bad);
    // What the tests of one step made is known to a rollback.
    let listed = [
        "rollback",
        "--customers-file",
        FILE,
        "--dry-run",
        "--output",
        "json",
    ];
    let plan = place.sterna(listed).ends(0).json()["plan"].clone();
    let undone = plan["undone"].as_array().unwrap();
    let stored = undone.iter().find(|kind| kind["kind"] == "index-stored");
    assert!(number(stored.unwrap(), "effects") > 0, "{plan:#}");
    assert_eq!(plan["unaccounted"].as_array().unwrap().len(), 0, "{plan:#}");
}

#[test]
fn the_tests_of_one_step_leave_nothing_to_a_full_run_in_whichever_order() {
    for order in ORDERS {
        let place = Place::new();
        let _network = planned(&place);
        in_order(&place, order, false);
    }
}

#[test]
fn the_tests_of_one_step_leave_nothing_to_a_full_run_that_had_begun() {
    for order in ORDERS {
        let place = Place::new();
        let _network = planned(&place);
        let some = ["migrate", "--customers-file", FILE, "--limit", "3"];
        let ran = place.sterna(some.iter().chain(&["--concurrency", "1"]));
        assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
        in_order(&place, order, true);
    }
}

#[test]
fn a_test_of_one_step_says_what_that_step_did_and_what_must_come_first() {
    let place = Place::new();
    let _network = planned(&place);
    let text = |step: &str, code| {
        let ran = place.sterna(["migrate", "--customers-file", FILE, step]);
        ran.ends(code).text()
    };
    let first = text(LOCATION, 8);
    for word in [
        "this run: ",
        "GATEWAY_NOT_AUTHORIZED",
        "sterna migrate --test-gateway-auth",
    ] {
        assert!(first.contains(word), "{word}: {first}");
    }
    let gateway = text(GATEWAY, 3);
    assert!(
        gateway.contains(" authorised; not authorised: 1 MISSING_DELEGATION"),
        "{gateway}"
    );
    // One upload alone finds the gateway authorised, too.
    let index = text(INDEX, 3);
    assert!(
        index.contains(" stored, ") && index.contains(" registered, "),
        "{index}"
    );
    let claims = text(LOCATION, 3);
    assert!(claims.contains(" claims published, "), "{claims}");
    let again = text(LOCATION, 3);
    assert!(
        again.contains(" already complete; ") && !again.contains(" 0 "),
        "{again}"
    );
    let limited = ["migrate", GATEWAY, "--limit", "2", "--output", "json"];
    let limited = place.sterna(limited);
    assert!([0, 3].contains(&limited.code), "{}", limited.stderr);
    let spaces = &limited.json()["steps"]["gateway-auth"];
    let failed: u64 = spaces["failed"].as_object().map_or(0, |failed| {
        failed.values().map(|count| count.as_u64().unwrap()).sum()
    });
    assert_eq!(
        number(spaces, "applied") + number(spaces, "found") + failed,
        2
    );
}
