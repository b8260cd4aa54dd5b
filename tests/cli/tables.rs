//! Tables of the same name that are others: made again, or of another network. What was written for the former ones is
//! not trusted.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sterna::state::files::Sealed;

use crate::foreign::{client, store};
use crate::network::{Network, changes};
use crate::plan::{FIRST, setup};
use crate::run::Place;

const WORLD: [&str; 6] = ["--customers", "2", "--spaces", "4", "--uploads", "40"];
const TABLES: [&str; 7] = [
    "customers",
    "progress",
    "parts",
    "spaces",
    "failures",
    "fleet",
    "control",
];

fn seed(place: &Place) {
    place
        .sterna(["sandbox", "seed"].iter().chain(&WORLD))
        .ends(0);
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap()
}

/// The id that the tables have, as `init` says it.
fn tables_id(place: &Place) -> String {
    let made = place.sterna(["init", "--output", "json"]).ends(0).json();
    let state = &made["state"];
    assert_eq!(
        (&state["environment"], &state["tables"]),
        (&"local".into(), &"local-migration-progress".into())
    );
    assert_eq!(state["account"], "000000000000");
    assert!(
        state["region"]
            .as_str()
            .is_some_and(|region| !region.is_empty())
    );
    state["id"].as_str().unwrap().to_owned()
}

/// Runs the whole share of instance 1; gives the report.
fn migrate(place: &Place) -> Value {
    let ran = place.sterna(["migrate", "--customers-file", FIRST, "--output", "json"]);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    ran.json()
}

/// Uploads that an audit finds right, and all.
fn audit(place: &Place) -> (u64, u64) {
    let ran = place.sterna([
        "verify",
        "--customers-file",
        FIRST,
        "--limit",
        "all",
        "--output",
        "json",
    ]);
    assert!([0, 4].contains(&ran.code), "{}", ran.stderr);
    let report = ran.json();
    let verdicts = &report["verdicts"];
    let names = ["ok", "missing", "wrong", "could_not_tell"];
    (
        number(verdicts, "ok"),
        names.map(|name| number(verdicts, name)).iter().sum(),
    )
}

fn wait(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work);
}

fn delete(place: &Place, tables: &[&str]) {
    wait(async {
        let client = client(place);
        for table in tables {
            let name = format!("local-migration-{table}");
            client.delete_table().table_name(name).send().await.unwrap();
        }
    });
}

fn aside(path: &Path) -> PathBuf {
    let to = path.with_extension("former");
    std::fs::rename(path, &to).unwrap();
    to
}

/// What an operator has to move away, told by the refusals; in between nothing is done.
fn set_up_again(place: &Place, former: &str) -> Value {
    let now = tables_id(place);
    assert_ne!(former, now);
    let before = changes(place);
    let refused = place
        .sterna(["migrate", "--customers-file", FIRST])
        .ends(13);
    let refused = refused.tells(&[former, &now, "sterna setup", "nothing was done"]);
    drop(refused);
    let refused = setup(place, "1", 13).tells(&[former, &now, "nothing was changed"]);
    drop(refused);
    aside(&place.path().join(FIRST));
    assert_eq!(changes(place), before, "nothing was done");
    setup(place, "1", 0);
    let before = changes(place);
    let checkpoint = place
        .path()
        .join("migration-state/instance-1-checkpoint.json");
    let held = std::fs::read(&checkpoint).unwrap();
    let refused = place
        .sterna(["migrate", "--customers-file", FIRST])
        .ends(13);
    let refused = refused.tells(&[
        former,
        &now,
        "instance-1-checkpoint.json (and the .previous.json beside it)",
        "nothing was changed",
    ]);
    drop(refused);
    assert_eq!(changes(place), before, "nothing was done");
    assert_eq!(std::fs::read(&checkpoint).unwrap(), held);
    aside(&checkpoint);
    // Written once only, there is none before it.
    let previous = checkpoint.with_extension("previous.json");
    if previous.exists() {
        aside(&previous);
    }
    migrate(place)
}

/// The network is another one (another account, a staging network that was set up again); the state folder stayed.
#[test]
fn what_was_written_for_another_network_of_the_same_names_is_not_trusted() {
    let place = Place::new();
    let network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    seed(&place);
    setup(&place, "1", 0);
    let former = tables_id(&place);
    let first = migrate(&place);
    assert_eq!(first["state"]["id"], former.as_str());
    let right = audit(&place);
    drop(network);
    std::fs::remove_dir_all(place.path().join("migration-state/local")).unwrap();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    seed(&place);
    let again = set_up_again(&place, &former);
    assert_eq!(again["counts"], first["counts"], "all of it was done again");
    assert_eq!(audit(&place), right, "and nothing is missing");
}

/// The tables were made again on the same network: everything is there, and is found.
#[test]
fn tables_that_were_made_again_start_over_and_find_what_is_there() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    seed(&place);
    setup(&place, "1", 0);
    let former = tables_id(&place);
    let first = migrate(&place);
    let right = audit(&place);
    delete(&place, &TABLES);
    place.sterna(["init"]).ends(0);
    let again = set_up_again(&place, &former);
    let (first, again) = (&first["counts"], &again["counts"]);
    for same in [
        "planned",
        "done",
        "skipped",
        "failed",
        "quarantined",
        "unknown",
    ] {
        assert_eq!(again[same], first[same], "{same}");
    }
    assert_eq!(again["found"], again["done"], "nothing was made twice");
    assert_eq!(audit(&place), right);
}

/// Tables of an earlier version, of `CloudFormation`, of the existing tool.
#[test]
fn tables_without_an_id_ask_for_init_and_are_shown_all_the_same() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    seed(&place);
    delete(&place, &["control"]);
    // The table alone, as CloudFormation makes it.
    wait(async {
        store(&place).create_tables().await.unwrap();
    });
    let before = changes(&place);
    for command in [
        &["setup", "--instances", "1"][..],
        &["migrate", "--limit", "all"],
        &["migrate", "--dry-run"],
        &["verify"],
        &["retry", "--failed"],
        &["rollback", "--run", "x", "--dry-run"],
    ] {
        place
            .sterna(command)
            .ends(8)
            .tells(&["have no id", "sterna init", "nothing was done"]);
    }
    assert_eq!(changes(&place), before);
    place.sterna(["monitor"]).ends(0);
    place.sterna(["ctl", "status"]).ends(0);
    tables_id(&place);
    setup(&place, "1", 0);
    migrate(&place);
}

/// A checkpoint that does not say which tables it is of: the tables are enough.
#[test]
fn a_checkpoint_of_an_earlier_version_is_not_used_and_is_written_over() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    seed(&place);
    setup(&place, "1", 0);
    let part = ["migrate", "--customers-file", FIRST, "--limit", "12"];
    place.sterna(part);
    let checkpoint = "migration-state/instance-1-checkpoint.json";
    let checkpoint = place.path().join(checkpoint);
    let mut body = crate::foreign::body(&checkpoint);
    assert!(body["state"]["id"].is_string());
    body["state"] = "local local-migration-progress".into();
    Sealed::new(&checkpoint, "sterna.checkpoint", 1)
        .write(&body)
        .unwrap();
    let previous = checkpoint.with_extension("previous.json");
    if previous.exists() {
        std::fs::remove_file(&previous).unwrap();
    }
    let more = place.sterna(part);
    more.tells(&[
        "instance-1-checkpoint.json",
        "written by an earlier version",
        "the tables are enough",
    ]);
    assert!(crate::foreign::body(&checkpoint)["state"]["id"].is_string());
    let report = migrate(&place);
    assert_eq!(number(&report["counts"], "left"), 0);
    let (right, all) = audit(&place);
    let bad: u64 = ["failed", "quarantined", "unknown"]
        .map(|name| number(&report["counts"], name))
        .iter()
        .sum();
    assert_eq!(right + bad, all, "nothing is missing");
}

/// A table that is gone is named and never read as "none"; `--exact` reads all rows now.
#[test]
fn a_check_names_the_table_that_is_gone() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    seed(&place);
    setup(&place, "1", 0);
    migrate(&place);
    let plain = place.sterna(["monitor", "--output", "json"]).ends(0).json();
    let exact = ["monitor", "--exact", "--output", "json"];
    let counted = place.sterna(exact).ends(0).json();
    assert_eq!(counted["totals"]["counts"], plain["totals"]["counts"]);
    assert_eq!(counted["totals"]["live"], true);

    delete(&place, &["failures"]);
    let seen = place.sterna(exact).ends(8).json();
    assert_eq!(seen["missing_tables"][0], "local-migration-failures");
    assert!(seen["failure_rows"].is_null());
    assert_eq!(seen["totals"]["counts"], plain["totals"]["counts"]);
    let text = place.sterna(["monitor"]).ends(8).text();
    let lost = "table local-migration-failures does not exist";
    assert!(text.contains(lost), "{text}");
    place.sterna(["monitor", "--failed"]).ends(8);
    delete(&place, &["progress"]);
    let lost = place.sterna(exact).ends(8).json();
    assert!(lost["totals"].is_null(), "{lost}");
    let text = place.sterna(["monitor", "--exact"]).ends(8).text();
    assert!(text.contains("cannot be counted"), "{text}");

    // Made again, it has no row of what the plan has; that is said.
    place.sterna(["init"]).ends(0);
    let seen = place.sterna(exact).ends(0).json();
    assert_eq!(seen["spaces_without_row"], seen["plan"]["spaces"]);
    let text = place.sterna(["monitor"]).ends(0).text();
    assert!(
        text.contains("spaces of the plan without a row") && text.contains("sterna setup"),
        "{text}"
    );
    setup(&place, "1", 0);
    let seen = place.sterna(exact).ends(0).json();
    assert_eq!(seen["spaces_without_row"], 0);
}
