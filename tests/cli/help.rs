//! Instances that help each other, as real processes: one is killed, the others do its work.

use serde_json::Value;

use crate::network::Network;
use crate::run::{Place, Ran, Running, until};

fn start(place: &Place, number: u32) -> Running {
    let file = format!("migration-state/instance-{number}-customers.json");
    let flags = ["--steal", "--output", "json", "--concurrency", "4"];
    place.start(["migrate", "--customers-file", &file].iter().chain(&flags))
}

/// What a run says it did: of its own, and for others.
fn told(ran: &Ran) -> (Value, u64) {
    // 3 where something seeded to fail was met.
    assert!([0, 3].contains(&ran.code), "{}: {}", ran.code, ran.stderr);
    let report = ran.json();
    assert_eq!(report["ended"]["how"], "finished");
    let helped = report["helped"].as_object().unwrap().values();
    let settled = |counts: &Value| {
        let number = |name: &str| counts[name].as_u64().unwrap();
        let bad = number("failed") + number("quarantined") + number("unknown");
        number("done") + number("skipped") + bad
    };
    (report["counts"].clone(), helped.map(settled).sum())
}

#[test]
fn the_work_of_a_killed_instance_is_finished_by_the_others() {
    // The third's leases run out in seconds, not in a minute.
    let place = Place::new().env("STERNA_LEASE_TERM", "8");
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    let world = ["--customers", "6", "--spaces", "12", "--uploads", "60"];
    let seeded = place.sterna(["sandbox", "seed", "--output", "json"].iter().chain(&world));
    seeded.ends(0);
    place.sterna(["setup", "--instances", "3"]).ends(0);
    // Slow enough that the third dies in the middle of its work.
    let slow = ["ctl", "set", "rate=30", "--why", "the test looks"];
    place
        .sterna(slow.iter().chain(&["--instance", "3"]))
        .ends(0);
    let third = start(&place, 3);
    let before = until("work of the third", || {
        let status = place.sterna(["ctl", "status", "--output", "json"]);
        let status = status.ends(0).json();
        let third = &status["instances"][2];
        let done = third["counts"]["done"].as_u64()?;
        (done > 0 && done < third["counts"]["planned"].as_u64()?).then_some(done)
    });
    third.signal("KILL");
    assert_eq!(third.end().code, -1);
    assert!(before > 0);

    let (first, second) = (start(&place, 1), start(&place, 2));
    let (own_first, for_first) = told(&first.end());
    let (own_second, for_second) = told(&second.end());
    assert!(for_first + for_second > 0);
    for own in [own_first, own_second] {
        assert!(own["planned"].as_u64() > Some(0));
    }

    let monitor = place.sterna(["monitor", "--output", "json"]).ends(0).json();
    let counts = &monitor["totals"]["counts"];
    let number = |name: &str| counts[name].as_u64().unwrap();
    let settled = number("done") + number("skipped") + number("failed") + number("quarantined");
    assert_eq!(settled, number("planned"), "{counts}");
    let customers = &monitor["totals"]["customers"];
    let open = (&customers["pending"], &customers["in_progress"]);
    assert_eq!(open, (&0.into(), &0.into()), "{customers:?}");
    // The third starts again and finds all of it ended.
    let again = place.sterna([
        "migrate",
        "--customers-file",
        "migration-state/instance-3-customers.json",
    ]);
    let told = again.text();
    assert!(
        told.contains(" settled") && !told.contains(" left"),
        "{told}"
    );
    let audit = place.sterna(["verify", "--limit", "all", "--output", "json"]);
    let failed = place
        .sterna(["monitor", "--failed", "--output", "json"])
        .ends(0)
        .json();
    let failed = failed["failures"].as_array().unwrap();
    let uploads = |row: &serde_json::Value| row["uploads"].as_u64().unwrap();
    let set_aside: u64 = failed.iter().map(uploads).sum();
    let verdicts = &audit.ends(4).json()["verdicts"];
    let wrong = verdicts["missing"].as_u64().unwrap() + verdicts["wrong"].as_u64().unwrap();
    assert_eq!(wrong, set_aside, "nothing else is missing");
}
