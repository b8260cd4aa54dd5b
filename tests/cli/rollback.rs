//! Rollbacks by real processes: refused, listed, killed, gone on with, repeated, migrated again.

use std::path::Path;

use serde_json::Value;

use crate::network::{Network, changes, seed};
use crate::run::{Place, until};

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

/// A world with a plan for one instance, and leases that run out soon.
fn seeded(place: &Place) {
    place.file(".env", "STERNA_LEASE_TERM=3\n");
    seed(place, ["2", "4", "40"]);
    place.sterna(["setup", "--instances", "1"]).ends(0);
}

#[test]
fn a_rollback_lists_first_survives_a_kill_and_leaves_everything_to_be_migrated_again() {
    let place = Place::new();
    let _network = Network::start(&place);
    seeded(&place);
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
    running.says("what is undone");
    running.says("stored indexes");
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
    for word in [
        "Examples:",
        "Exit codes:",
        "--journal",
        "--allow-missing-journal",
        "--confirm",
    ] {
        assert!(help.contains(word), "{word}");
    }
    let both = ["rollback", "--space", "x", "--customers-file", "y"];
    place.sterna(both).ends(2);
}

#[test]
fn beside_a_living_instance_a_rollback_is_refused_with_its_name_and_the_way_to_stop_it() {
    let place = Place::new();
    let _network = Network::start(&place);
    seeded(&place);
    let customers = std::fs::read_to_string(place.path().join(FILE)).unwrap();
    let customer = customers
        .split('"')
        .find(|word| word.starts_with("did:mailto:"));
    let customer = customer.unwrap().to_owned();
    // Another machine: a state folder of its own.
    let network = place.path().join("migration-state/local/sandbox.env");
    let network = std::fs::read_to_string(network).unwrap();
    place.file("machine.env", format!("{network}\nSTERNA_LEASE_TERM=3\n"));
    let asked = [
        "rollback",
        "--customer",
        &customer,
        "--journal",
        "migration-state",
    ];
    let machine = ["--state-dir", "elsewhere", "--env-file", "machine.env"];
    let back = |more: &[&str]| {
        let args = asked.iter().chain(&machine).chain(more);
        place.sterna(args)
    };

    let mut running = place.start(["migrate", "--customers-file", FILE, "--concurrency", "1"]);
    running.says("run ");
    let pause = ["ctl", "pause", "--instance", "1", "--why", "to look at it"];
    place.sterna(pause).ends(0);
    until("it holds leases", || {
        let rows = place.sterna(["monitor", "--output", "json"]).text();
        rows.contains("\"paused\"").then_some(())
    });
    let listed = || {
        let listed = back(&["--dry-run", "--output", "json"]).ends(0).json();
        listed["plan"]["undone"].clone()
    };
    let before = listed();
    let refused = back(&[]).ends(11);
    refused.tells(&["instance 1", "run ", "sterna ctl drain --instance 1"]);
    assert_eq!(listed(), before, "nothing was changed");

    // Dead, it is waited for and taken over.
    running.signal("KILL");
    running.end();
    place.sterna(["ctl", "resume", "--instance", "1"]).ends(0);
    let done = back(&["--output", "json"]);
    assert_eq!(done.ends(0).json()["ended"]["how"], "finished");
}

/// What an operator can put right has its cause and its code: a journal that is damaged inside, a folder in its place, a
/// state folder that is a link to nowhere. Takes the journal away.
fn refuses_what_cannot_be_read(place: &Place, journal: &Path, whole: &str) {
    let back = ["rollback", "--customers-file", FILE];
    std::fs::write(journal, format!("garbage\n{whole}")).unwrap();
    let damaged = place.sterna(back).ends(13);
    damaged.tells(&["instance-1-journal.ndjson line 1", "damaged", "intact copy"]);
    std::fs::remove_file(journal).unwrap();
    std::fs::create_dir(journal).unwrap();
    let folder = place.sterna(back).ends(2);
    folder.tells(&["instance-1-journal.ndjson", "a folder is where a file"]);
    std::fs::remove_dir(journal).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", place.path().join("gone")).unwrap();
    let gone = ["migrate", "--customers-file", FILE, "--env-file"];
    let env = "migration-state/local/sandbox.env";
    let gone = place.sterna(gone.iter().chain(&[env, "--state-dir", "gone"]));
    gone.ends(2)
        .tells(&["make gone", "leads nowhere", "--state-dir"]);
}

#[test]
fn without_all_journals_nothing_is_undone_unless_allowed_and_delegations_stay() {
    let place = Place::new();
    let _network = Network::start(&place);
    seeded(&place);
    place.sterna(["migrate", "--customers-file", FILE]).ends(3);
    let journal = place
        .path()
        .join("migration-state/instance-1-journal.ndjson");
    let whole = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let of = |lines: &[&str]| lines.join("\n") + "\n";
    let half = lines.len() / 2;
    let planned = report(&place, &["--dry-run"], 0);
    let planned = planned["plan"]["undone"].as_array().unwrap().clone();
    let planned = |kind: &str| {
        let of = planned.iter().find(|listed| listed["kind"] == kind);
        number(of.unwrap(), "effects")
    };
    let before = changes(&place);
    let back = ["rollback", "--customers-file", FILE];

    std::fs::write(&journal, of(&lines[..half])).unwrap();
    // A dry run promises nothing that the command itself refuses.
    let dry = place.sterna(back.iter().chain(&["--dry-run"])).ends(13);
    let text = dry.text();
    assert!(
        text.contains("is truncated") && text.contains("would be refused"),
        "{text}"
    );
    let told_to = ["--dry-run", "--allow-missing-journal"];
    place.sterna(back.iter().chain(&told_to)).ends(0);
    place
        .sterna(back)
        .ends(13)
        .tells(&["instance 1", "is truncated", "--journal"]);
    let holed = [&lines[..half], &lines[half + 2..]].concat();
    std::fs::write(&journal, of(&holed)).unwrap();
    let gap = format!("lines {} to {} are missing", half + 1, half + 2);
    place.sterna(back).ends(13).tells(&["has a gap", &gap]);
    let away = place.path().join("away.ndjson");
    std::fs::write(&away, &whole).unwrap();
    std::fs::remove_file(&journal).unwrap();
    let absent = place.sterna(back).ends(13);
    absent.tells(&["instance 1", "was not found", "--allow-missing-journal"]);
    refuses_what_cannot_be_read(&place, &journal, &whole);
    assert_eq!(changes(&place), before, "nothing was changed");

    // What is known goes. Of customers of whom all is known, that is all; the others keep their migration spaces.
    std::fs::write(&journal, of(&lines[..half])).unwrap();
    let known = report(&place, &["--allow-missing-journal"], 3);
    assert!(!known["plan"]["missing"].as_array().unwrap().is_empty());
    // With the whole journal the rest follows.
    let rest = report(&place, &["--journal", away.to_str().unwrap()], 0);
    for kind in ["index-stored", "space-delegated", "space-provisioned"] {
        let undone = |report: &Value| report["undone"][kind].as_u64().unwrap_or(0);
        assert!(undone(&known) < planned(kind), "{kind}: {known}");
        assert_eq!(undone(&known) + undone(&rest), planned(kind), "{kind}");
    }
}
