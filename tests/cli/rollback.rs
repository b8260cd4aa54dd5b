//! Rollbacks by real processes: refused, listed, killed, gone on with, repeated, migrated again.

use serde_json::Value;

use crate::network::{Network, changes};
use crate::run::Place;

const FILE: &str = "migration-state/instance-1-customers.json";

fn number(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap()
}

fn sum(effects: &Value) -> u64 {
    let kinds = effects.as_array().unwrap().iter();
    kinds.map(|kind| number(kind, "effects")).sum()
}

fn report(place: &Place, args: &[&str], code: i32) -> Value {
    let all = ["rollback", "--customers-file", FILE, "--output", "json"];
    let ran = place.sterna(all.iter().chain(args)).ends(code);
    ran.json()
}

#[test]
fn a_rollback_lists_first_survives_a_kill_and_leaves_everything_to_be_migrated_again() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    let world = ["--customers", "2", "--spaces", "4", "--uploads", "40"];
    place
        .sterna(["sandbox", "seed"].iter().chain(&world))
        .ends(0);
    place.sterna(["setup", "--instances", "1"]).ends(0);
    let migrate = ["migrate", "--customers-file", FILE, "--output", "json"];
    let first = place.sterna(migrate).ends(3).json();

    let before = changes(&place);
    place.sterna(["rollback", "--dry-run"]).ends(2);
    let unknown = place.sterna(["rollback", "--run", "never"]).ends(10);
    unknown.tells(&["run never", "no journal", "--journal"]);
    let nobody = ["rollback", "--customer", "did:mailto:example.com:nobody"];
    place.sterna(nobody).ends(10).tells(&["nobody"]);
    let lost = ["rollback", "--customers-file", FILE, "--journal", "nowhere"];
    place.sterna(lost).ends(10).tells(&["nowhere"]);

    let listed = report(&place, &["--dry-run"], 0);
    let plan = &listed["plan"];
    let (stays, undone) = (sum(&plan["stays"]), sum(&plan["undone"]));
    assert!(stays > 0 && undone > 0, "{plan}");
    assert_eq!(plan["unaccounted"].as_array().unwrap().len(), 0);
    assert_eq!(changes(&place), before, "nothing was changed so far");

    // Killed in the middle, it goes on.
    let args = ["rollback", "--customers-file", FILE, "--concurrency", "1"];
    let mut running = place.start(args);
    running.says("what is taken back");
    running.says("index-stored");
    let busy = place.sterna(args).ends(11);
    busy.tells(&["another process runs as this instance"]);
    running.signal("KILL");
    running.end();
    let second = report(&place, &[], 0);
    let taken: u64 = second["undone"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert!(taken <= undone);
    assert_eq!(number(&second, "failed"), 0);

    let again = report(&place, &[], 0);
    assert_eq!(sum(&again["plan"]["undone"]), 0, "{again}");
    assert_eq!(sum(&again["plan"]["stays"]), stays);
    assert_eq!(again["undone"].as_object().unwrap().len(), 0);

    // A rollback is a run, and says so of itself.
    let id = second["run"].as_str().unwrap();
    let own = place.sterna(["rollback", "--run", id]).ends(2);
    own.tells(&[id, "itself a rollback", "sterna migrate"]);

    let renewed = place.sterna(migrate).ends(3).json();
    assert_eq!(renewed["differences"], first["differences"], "all is ours");
    for count in ["planned", "done", "quarantined", "failed", "unknown"] {
        assert_eq!(renewed["counts"][count], first["counts"][count], "{count}");
    }
    assert_eq!(
        sum(&report(&place, &["--dry-run"], 0)["plan"]["undone"]),
        undone
    );
}

#[test]
fn a_real_network_is_not_rolled_back_without_its_name() {
    let place = Place::new();
    let help = place.sterna(["rollback", "--help"]).ends(0).text();
    for word in ["Examples:", "Exit codes:", "--journal", "--confirm"] {
        assert!(help.contains(word), "{word}");
    }
    let both = ["rollback", "--space", "x", "--customers-file", "y"];
    place.sterna(both).ends(2);
}
