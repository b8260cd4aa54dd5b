//! Plans by real processes: a customers file of another plan is refused, and the way on loses nothing.

use serde_json::{Value, json};

use crate::control::slow_run;
use crate::network::{Network, changes};
use crate::run::{Place, until};

pub const FIRST: &str = "migration-state/instance-1-customers.json";
const SECOND: &str = "migration-state/instance-2-customers.json";

pub fn setup(place: &Place, instances: &str, code: i32) -> crate::run::Ran {
    let args = ["setup", "--instances", instances, "--output", "json"];
    place.sterna(args).ends(code)
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap()
}

/// Every instance as the monitor shows it.
fn overview(place: &Place) -> Value {
    let seen = place.sterna(["monitor", "--output", "json"]);
    seen.ends(0).json()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story of two plans")]
fn a_customers_file_of_another_plan_is_refused_and_the_way_on_is_short() {
    let place = Place::new().env("USER", "ann");
    let _network = Network::start(&place);
    slow_run(&place);
    let two = setup(&place, "2", 0).json();
    let old = two["plan"]["id"].as_str().unwrap().to_owned();
    assert!(two["plan"]["replaces"].is_null() && two["plan"]["was_in_force"] == false);
    // The second machine has its file.
    let stale = place.file(
        "stale.json",
        std::fs::read(place.path().join(SECOND)).unwrap(),
    );
    let stale = stale.to_str().unwrap();
    a_number_of_another_share_is_refused(&place);
    let some = ["migrate", "--customers-file", FIRST, "--limit", "4"];
    let ran = place.sterna(some.iter().chain(&["--output", "json"]));
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    let report = ran.json();
    assert_eq!(report["plan"], old.as_str());
    let run = report["run"].as_str().unwrap().to_owned();
    let ran = ran.tells(&[&format!("run {run}, instance 1, plan {}", &old[..8])]);
    drop(ran);

    // The same again is the same plan, and refuses nothing.
    let again = setup(&place, "2", 0).json();
    assert_eq!(
        (&again["plan"]["id"], &again["plan"]["was_in_force"]),
        (&two["plan"]["id"], &json!(true))
    );

    // Instances that run keep their spaces.
    let mut running = place.start(["migrate", "--customers-file", FIRST]);
    running.says(", instance 1, plan ");
    until("work", || {
        let seen = overview(&place);
        let line = seen["instances"].as_array()?.first()?.clone();
        (line["alive"] == "yes" && number(&line["counts"], "done") > 4).then_some(())
    });
    let before = changes(&place);
    let refused = setup(&place, "1", 0);
    let moved = refused.json();
    assert_eq!(
        moved["plan"]["spaces_moved"].as_u64(),
        two["instances"][1]["spaces"].as_u64()
    );
    assert!(changes(&place) > before);
    let new = moved["plan"]["id"].as_str().unwrap().to_owned();
    assert_eq!(moved["plan"]["replaces"]["id"], old.as_str());

    // Back to two would take spaces from instance 1, which has all of them by the plan in force.
    let refused = setup(&place, "2", 13).tells(&[
        "running instances would lose spaces",
        "instance 1: ",
        "--instances 1",
        "by ann@",
        "sterna ctl drain",
        "--while-running",
        "Nothing was changed",
    ]);
    drop(refused);
    let looked = place
        .sterna(["setup", "--instances", "2", "--analyze"])
        .ends(0)
        .text();
    assert!(
        looked.contains(&format!("plan {} would be new", &old[..8])),
        "{looked}"
    );
    let seen = overview(&place);
    assert_eq!(seen["plan"]["id"], new.as_str());
    let line = &seen["instances"][0];
    assert_eq!(
        (&line["plan"], &line["plan_in_force"]),
        (&json!(old), &json!(false))
    );
    let text = place.sterna(["monitor"]).ends(0).text();
    assert!(
        text.contains(&format!("works on plan {}, which is superseded", &old[..8])),
        "{text}"
    );

    // The file of the second machine names what is instance 1's now.
    for command in [
        &["migrate"][..],
        &["migrate", "--dry-run"],
        &["verify"],
        &["rollback", "--dry-run"],
    ] {
        let args = [command, &["--customers-file", stale]].concat();
        place.sterna(args).ends(13).tells(&[
            "it belongs to another plan",
            &format!("in the file: plan {}: 2 instances", &old[..8]),
            &format!("in force:    plan {}: 1 instance,", &new[..8]),
            "now assigned to instance 1",
            "copy instance-2-customers.json",
            "nothing was done",
        ]);
    }
    // A list is of no plan, and is worked on as ever.
    let list: Value = serde_json::from_slice(&std::fs::read(stale).unwrap()).unwrap();
    let list = place.file("list.json", list["customers"].to_string());
    let list = [
        "migrate",
        "--dry-run",
        "--customers-file",
        list.to_str().unwrap(),
    ];
    place.sterna(list).ends(0);

    // The way on: end it, start it with the new file. Its checkpoint and positions are good.
    running.signal("TERM");
    let first = running.end().ends(6);
    drop(first);
    let settled = number(&overview(&place)["instances"][0]["counts"], "done");
    assert!(settled > 4);
    place
        .sterna(["ctl", "set", "rate=default", "--why", "no need to look"])
        .ends(0);
    let migrate = ["migrate", "--customers-file", FIRST, "--output", "json"];
    let report = place.sterna(migrate).ends(3).json();
    let counts = &report["counts"];
    let good = number(counts, "done") + number(counts, "skipped");
    let bad = number(counts, "failed") + number(counts, "quarantined") + number(counts, "unknown");
    assert_eq!(
        (number(counts, "planned"), good + bad),
        (90, 90),
        "{report:#}"
    );
    assert_eq!(report["plan"], new.as_str());
    each_upload_was_settled_once(&place);
    let verify = ["verify", "--customers-file", FIRST, "--output", "json"];
    let verdicts = place.sterna(verify).ends(4).json()["verdicts"].clone();
    assert_eq!(number(&verdicts, "ok"), good, "{verdicts}");
    the_runs_can_be_found(&place, &run);
}

/// What was settled under one plan is not settled again under the next.
fn a_number_of_another_share_is_refused(place: &Place) {
    let text = std::fs::read(place.path().join(FIRST)).unwrap();
    let mut file: Value = serde_json::from_slice(&text).unwrap();
    for (number, why) in [(7, "has 2 instances"), (2, "to instance 1, and")] {
        file["instanceId"] = json!(number);
        let wrong = place.file("wrong.json", file.to_string());
        let args = ["migrate", "--customers-file", wrong.to_str().unwrap()];
        let says = format!("says that it is instance {number}'s");
        let ran = place.sterna(args).ends(13);
        drop(ran.tells(&[why, &says, "correct `instanceId`", "nothing was done"]));
    }
}

fn each_upload_was_settled_once(place: &Place) {
    let path = place
        .path()
        .join("migration-state/instance-1-results.ndjson");
    let lines = std::fs::read_to_string(path).unwrap();
    let mut told: Vec<(String, String)> = lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            (line["unit"]["name"].to_string(), line["item"].to_string())
        })
        .collect();
    assert_eq!(told.len(), 90);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 90, "some upload was settled twice");
}

/// `rollback --run` wants an id: the monitor has the last one of each instance, the journals have all.
fn the_runs_can_be_found(place: &Place, first: &str) {
    let last = overview(place)["instances"][0]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = place.sterna(["monitor", "--instance", "1"]).ends(0).text();
    assert!(text.contains(&last), "{text}");
    let unknown = place
        .sterna(["rollback", "--run", "never", "--dry-run"])
        .ends(10);
    let unknown = unknown.tells(&["the last runs in them", first, &last, " effects, "]);
    drop(unknown);
    let listed = ["rollback", "--run", first, "--dry-run", "--output", "json"];
    let listed = place.sterna(listed).ends(0).json();
    let undone = listed["plan"]["undone"].as_array().unwrap();
    assert!(!undone.is_empty());
    let log = place.sterna(["ctl", "log"]).ends(0).text();
    assert_eq!(log.matches("setup: plan ").count(), 2, "{log}");
}
