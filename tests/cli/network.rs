//! Against a running local network: what is missing or unknown is told at once, and nothing is written.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::run::{Place, ROOT, signal};

/// A local network in the state folder of a place.
pub struct Network {
    child: Child,
}

impl Network {
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &[])
    }

    /// The same with more flags.
    pub fn start_with(place: &Place, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sterna"))
            .args(["sandbox", "start", "--seed", "7"])
            .args(flags)
            .current_dir(place.path())
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let described: Value = serde_json::from_str(&line).unwrap();
        assert!(described["env"]["UPLOAD_SERVICE_URL"].is_string());
        Self { child }
    }

    /// Makes every service fall silent, as a broken network does.
    pub fn freeze(&self) {
        signal(self.child.id(), "STOP");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the tables of the migration and seeds a world of so many customers, spaces and uploads.
pub fn seed(place: &Place, [customers, spaces, uploads]: [&str; 3]) {
    place.sterna(["init"]).ends(0);
    let world = [
        "sandbox",
        "seed",
        "--customers",
        customers,
        "--spaces",
        spaces,
        "--uploads",
        uploads,
    ];
    place.sterna(world).ends(0);
}

/// Changing requests of all services so far.
pub fn changes(place: &Place) -> u64 {
    let status = place.sterna(["sandbox", "status", "--output", "json"]);
    let status = status.ends(0).json();
    let services = status["requests"].as_object().unwrap();
    services
        .values()
        .map(|service| service["mutating"].as_u64().unwrap())
        .sum()
}

/// Files of the state folder beside the network's own.
pub fn state(place: &Place) -> Vec<String> {
    let folder = std::fs::read_dir(place.path().join("migration-state")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "local").collect();
    names.sort();
    names
}

#[test]
fn what_is_missing_is_named_at_once_and_nothing_is_written() {
    let place = Place::new();
    let _network = Network::start(&place);
    let before = changes(&place);
    let setup = place.sterna(["setup", "--instances", "2"]).ends(8);
    setup.tells(&[
        "7 problems",
        "local-migration-customers",
        "local-migration-control",
        "sterna init",
    ]);
    let monitor = place.sterna(["monitor"]).ends(8);
    monitor.tells(&["sterna init"]);
    assert_eq!(changes(&place), before);
    assert!(state(&place).is_empty());

    place.sterna(["init"]).ends(0);
    let wrong = [
        ("UPLOAD_TABLE_NAME", "no-such-table"),
        ("CONSUMER_TABLE_NAME", "nor-this"),
        ("CLAIMS_BUCKET", "no-such-bucket"),
        ("R2_DELEGATION_BUCKET_NAME", "no-such-r2-bucket"),
        ("GATEWAY_SERVICE_URL", "http://127.0.0.1:9"),
    ];
    let lines: Vec<String> = wrong
        .map(|(name, value)| format!("{name}={value}\n"))
        .into();
    place.file("wrong.env", lines.concat());
    let before = changes(&place);
    let migrate = place.sterna(["migrate", "--env-file", "wrong.env"]).ends(8);
    let migrate = migrate.tells(&["5 problems", "nothing was done", "config show --origin"]);
    for (name, value) in wrong {
        assert!(migrate.stderr.contains(name) && migrate.stderr.contains(value));
    }
    assert_eq!(changes(&place), before);
    assert!(state(&place).is_empty());
}

#[test]
fn a_service_that_does_not_answer_is_reported_before_anything_is_done() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    let before = changes(&place);
    for (name, command) in [
        ("INDEXING_SERVICE_URL", &["verify"][..]),
        ("UPLOAD_SERVICE_URL", &["migrate"]),
        ("GATEWAY_SERVICE_URL", &["retry", "--failed"]),
        ("AWS_ENDPOINT_URL_DYNAMODB", &["setup"]),
    ] {
        place.file("wrong.env", format!("{name}=http://127.0.0.1:9\n"));
        // The file's own credentials go with the file's own endpoint only.
        let keys = "AWS_ACCESS_KEY_ID=x\nAWS_SECRET_ACCESS_KEY=y\n";
        if name.starts_with("AWS") {
            place.file("wrong.env", format!("{name}=http://127.0.0.1:9\n{keys}"));
        }
        let args = command.iter().chain(&["--env-file", "wrong.env"]);
        place.sterna(args).ends(5).tells(&["nothing was done"]);
    }
    assert_eq!(changes(&place), before);
    assert!(state(&place).is_empty());
}

#[test]
fn unknown_customers_spaces_and_uploads_are_reported_and_nothing_is_written() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    place.file(
        "c.json",
        r#"["did:mailto:nobody.org:one", "did:mailto:nobody.org:two"]"#,
    );
    let before = changes(&place);
    let ran = place.sterna(["migrate", "--customers-file", "c.json"]);
    ran.ends(10).tells(&[
        "did:mailto:nobody.org:one",
        "did:mailto:nobody.org:two",
        "cause:",
        "next:",
    ]);
    place
        .sterna(["migrate", "--cid", ROOT])
        .ends(10)
        .tells(&[ROOT]);
    place.sterna(["explain", ROOT]).ends(10).tells(&[ROOT]);
    let space = crate::run::did(5);
    let ran = place.sterna(["migrate", "--space", &space]);
    ran.ends(10).tells(&[&space]);
    assert_eq!(changes(&place), before);
    assert!(state(&place).is_empty());
}

#[test]
fn the_main_path_by_hand_ends_with_the_documented_codes() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    let world = [
        "sandbox",
        "seed",
        "--customers",
        "3",
        "--spaces",
        "5",
        "--uploads",
        "20",
    ];
    let seeded = place
        .sterna(world.iter().chain(&["--output", "json"]))
        .ends(0);
    let expected = &seeded.json()["expected"];
    let planned = place.sterna(["migrate", "--limit", "all", "--dry-run"]);
    planned.ends(0).tells(&["nothing will be changed"]);

    let ran = place.sterna(["migrate", "--limit", "all", "--output", "json"]);
    let report = ran.ends(3).json();
    assert_eq!(report["schema"], "sterna.run");
    let counts = |name: &str| report["counts"][name].as_u64().unwrap();
    let settled = counts("done") + counts("quarantined") + counts("failed");
    assert_eq!(settled, counts("planned"));
    let failures = report["failures"].as_object().unwrap();
    assert!(!failures.is_empty());
    for (reason, count) in failures {
        assert_eq!(&expected[format!("failed: {reason}")], count, "{reason}");
    }

    let audit = place.sterna(["verify", "--limit", "all", "--output", "json"]);
    let audit = audit.ends(4).json();
    assert_eq!(audit["schema"], "sterna.audit");
    let bad: u64 = failures.values().map(|count| count.as_u64().unwrap()).sum();
    let verdicts = &audit["verdicts"];
    let found = verdicts["missing"].as_u64().unwrap() + verdicts["wrong"].as_u64().unwrap();
    assert_eq!(found, bad);
    assert_eq!(verdicts["could_not_tell"], 0);

    place.sterna(["retry", "--failed"]).ends(3);
    let one = place
        .sterna(["monitor", "--failed", "--output", "json"])
        .ends(0);
    assert_eq!(one.json()["schema"], "sterna.monitor");
}

#[test]
fn without_flags_ten_uploads_are_migrated() {
    let place = Place::new();
    let _network = Network::start(&place);
    place.sterna(["init"]).ends(0);
    let world = ["sandbox", "seed", "--customers", "3", "--spaces", "5"];
    place
        .sterna(world.iter().chain(&["--uploads", "20"]))
        .ends(0);
    let ran = place.sterna(["migrate", "--output", "json"]);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    let counts = &ran.json()["counts"];
    let count = |name: &str| counts[name].as_u64().unwrap();
    let settled = count("done") + count("failed") + count("quarantined") + count("unknown");
    assert_eq!(settled, 10, "{counts}");
}
