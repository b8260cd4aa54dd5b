//! Audits as their users meet them: whole, patient, kept, gone on with after a kill; and what fixes what they find.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::network::{Network, seed};
use crate::run::{Place, until};

const JSON: [&str; 2] = ["--output", "json"];

/// A network with a world of so many uploads, none migrated.
fn seeded(place: &Place, uploads: &str, flags: &[&str]) -> Network {
    let network = Network::start_with(place, flags);
    seed(place, ["2", "3", uploads]);
    network
}

fn state(place: &Place) -> PathBuf {
    place.path().join("migration-state")
}

/// The reports of audits in the state folder.
fn reports(place: &Place) -> BTreeSet<PathBuf> {
    let files = std::fs::read_dir(state(place)).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.to_string_lossy().contains("-audit-"))
        .collect()
}

fn lines(report: &Path, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(report).unwrap();
    // The last line may be cut.
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines.filter(|line: &Value| line["line"] == kind).collect()
}

fn total(report: &Value) -> u64 {
    let verdicts = report["verdicts"].as_object().unwrap();
    verdicts.values().map(|count| count.as_u64().unwrap()).sum()
}

/// How many questions about claims were asked so far.
fn asked(place: &Place) -> u64 {
    let status = place.sterna(["sandbox", "status", "--output", "json"]);
    let asked = &status.ends(0).json()["requests"]["indexer"]["operations"]["GET /claims"];
    asked["count"].as_u64().unwrap_or_default()
}

/// Plans a fault, or forgets all.
pub fn control(place: &Place, method: &str, body: &str) {
    let control = sterna::sandbox::control(&state(place).join("local"))
        .unwrap()
        .unwrap();
    let token = control.token.as_str();
    let address = control
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} /_sandbox/faults HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn an_audit_is_whole_unless_told_otherwise_and_its_report_is_kept() {
    let place = Place::new();
    let _network = seeded(&place, "24", &[]);
    let first = place.sterna(["verify"].iter().chain(&JSON)).ends(4).json();
    assert_eq!(
        (first["schema"].as_str(), total(&first)),
        (Some("sterna.audit"), 24)
    );
    assert_eq!(
        (&first["listed"], &first["expected"]),
        (&json!(24), &json!(24))
    );
    assert_eq!(
        (&first["spaces"], &first["spaces_whole"]),
        (&json!(3), &json!(3))
    );
    let not_checked = first["not_checked"].to_string();
    assert!(not_checked.contains("--deep"), "{not_checked}");
    let file = PathBuf::from(first["file"].as_str().unwrap());
    assert_eq!(reports(&place), BTreeSet::from([place.path().join(&file)]));
    let kept = std::fs::read_to_string(place.path().join(&file)).unwrap();
    assert_eq!(lines(&place.path().join(&file), "end").len(), 1);

    let sample = place.sterna(["verify", "--limit", "5"]).ends(4);
    let said = sample.text();
    assert!(said.contains("the limit is reached"), "{said}");
    assert!(said.contains("this covers 5 uploads, with "), "{said}");
    let same = place.sterna(["migrate", "--verify-only", "--output", "json"]);
    assert_eq!(total(&same.ends(4).json()), 24);
    assert_eq!(reports(&place).len(), 3);
    let again = std::fs::read_to_string(place.path().join(&file)).unwrap();
    assert_eq!(again, kept);
    // The deep one reads shards too.
    let deep = place.sterna(["verify", "--deep", "--output", "json"]);
    let deep = deep.ends(4).json();
    assert!(!deep["not_checked"].to_string().contains("--deep"));
    assert_eq!(total(&deep), 24);
    // What came to its end is not gone on with.
    place.sterna(["verify", "--resume"]).ends(10);
}

#[test]
fn an_audit_that_was_killed_is_gone_on_with() {
    let place = Place::new();
    let _network = seeded(&place, "60", &["--latency", "100ms"]);
    let whole = place.sterna(["verify"].iter().chain(&JSON)).ends(4).json();
    let before = reports(&place);
    let audit = place.start(["verify", "--concurrency", "1"]);
    let report = until("a report with progress", || {
        let new = reports(&place)
            .into_iter()
            .find(|one| !before.contains(one))?;
        (!lines(&new, "progress").is_empty()).then_some(new)
    });
    audit.signal("KILL");
    assert_eq!(audit.end().code, -1);
    let kept = std::fs::read(&report).unwrap();
    let known: u64 = lines(&report, "progress")
        .iter()
        .flat_map(|line| line["units"].as_array().unwrap().clone())
        // The final outcome on each space counts.
        .map(|unit| (unit["unit"].to_string(), total(&unit)))
        .collect::<std::collections::BTreeMap<_, _>>()
        .values()
        .sum();
    assert!(known > 0 && known < 60, "{known}");

    let questions = asked(&place);
    let resumed = place.sterna(["verify", "--resume", "--output", "json"]);
    let resumed = resumed.ends(4).json();
    assert_eq!(resumed["verdicts"], whole["verdicts"]);
    assert_eq!((total(&resumed), &resumed["listed"]), (60, &json!(60)));
    assert!(resumed["resumes"].is_string());
    // The root and its shards are one question; those of an upload without shards are two.
    let again = asked(&place) - questions;
    assert!(
        again >= 60 - known && again < 120 - known,
        "{again} of {known}"
    );
    assert_eq!(std::fs::read(&report).unwrap(), kept);
    let file = place.path().join(resumed["file"].as_str().unwrap());
    let bad = lines(&file, "item").len() as u64;
    assert_eq!(bad, 60 - resumed["verdicts"]["ok"].as_u64().unwrap());
}

/// A fault of questions about claims.
fn claims_fault(mut fault: Value) -> String {
    fault["service"] = json!("indexer");
    fault["operation"] = json!("GET /claims");
    fault.to_string()
}

#[test]
fn an_audit_of_answers_that_nobody_can_read_cannot_tell_and_ends() {
    let place = Place::new();
    let _network = seeded(&place, "24", &[]);
    let unreadable = claims_fault(json!({ "status": 200, "body": "<html>please log in</html>" }));
    control(&place, "POST", &unreadable);
    let command = ["migrate", "--verify-only", "--concurrency", "24"];
    let began = std::time::Instant::now();
    // That no space is authorised yet is known without the service.
    let ended = place.sterna(command.iter().chain(&JSON)).ends(4).json();
    // Some seconds, and what a busy machine needs beside.
    assert!(began.elapsed() < std::time::Duration::from_mins(2));
    assert_eq!(total(&ended), 24);
    for upload in ended["uploads"].as_array().unwrap() {
        let failure = upload["failure"].to_string();
        assert!(failure.contains("unreadable answer"), "{upload}");
        let findings = upload["findings"].as_array().unwrap();
        let told = findings.iter().all(|one| one["step"] == "gateway-auth");
        assert!(told, "{upload}");
        let untold = upload["verdict"] == "could_not_tell";
        assert!(untold || !findings.is_empty(), "{upload}");
    }
    // Each look has the tries of a call, as often as an item has attempts.
    let questions = asked(&place);
    assert!((24..=24 * 9).contains(&questions), "{questions}");

    // A drain waits for no answer that can be read.
    let audit = place.start(["verify", "--concurrency", "1"].iter().chain(&JSON));
    until("a question", || (asked(&place) > questions).then_some(()));
    let told = std::time::Instant::now();
    audit.signal("TERM");
    let drained = audit.end();
    assert!(told.elapsed() < std::time::Duration::from_secs(20));
    assert!([4, 6].contains(&drained.code), "{}", drained.stderr);
    let drained = drained.json();
    assert_eq!(drained["ended"]["how"], "stopped");
    assert!(total(&drained) < 24, "{drained}");
}

#[test]
fn an_audit_waits_visibly_for_a_service_that_is_down_and_ends_at_the_first_signal() {
    let place = Place::new();
    let _network = seeded(&place, "24", &[]);
    // An outage that passes, and one that does not, and a signal.
    for after in [true, false] {
        control(
            &place,
            "POST",
            &claims_fault(json!({ "status": 503, "after": 3 })),
        );
        let mut audit = place.start(["verify", "--concurrency", "4", "--output", "json"]);
        audit.says("waiting for indexing-service, next try in ");
        if after {
            control(&place, "DELETE", "");
            let ended = audit.end().ends(4).json();
            assert_eq!(
                (total(&ended), &ended["verdicts"]["could_not_tell"]),
                (24, &json!(0))
            );
        } else {
            let asked = std::time::Instant::now();
            audit.signal("TERM");
            let ended = audit.end();
            assert!(asked.elapsed() < std::time::Duration::from_secs(20));
            assert!([4, 6].contains(&ended.code), "{}", ended.stderr);
            let ended = ended.json();
            assert_eq!(ended["ended"]["how"], "stopped");
            assert!(total(&ended) < 24, "{ended}");
            control(&place, "DELETE", "");
            place.sterna(["verify", "--resume"]).ends(4);
        }
    }
}

/// The file of the network in which a shard of a migrated upload lies.
fn shard_of_a_migrated_upload(place: &Place) -> PathBuf {
    let results = std::fs::read_to_string(state(place).join("instance-1-results.ndjson")).unwrap();
    let lines = results
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let migrated = lines.filter(|line| line["settled"].to_string().contains("igrated"));
    let roots = migrated.map(|line| line["item"].as_str().unwrap().to_owned());
    let carpark = state(place).join("local/s3/carpark-local-0");
    let files: Vec<PathBuf> = std::fs::read_dir(carpark)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    for root in roots {
        let known = place.sterna(["explain", &root, "--output", "json"]).text();
        let is_shard = |path: &&PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let of = name.split('%').next().unwrap().trim_start_matches('z');
            let is_car = path.extension().is_some_and(|end| end == "car");
            is_car && known.contains(of)
        };
        if let Some(shard) = files.iter().find(is_shard) {
            return shard.clone();
        }
    }
    panic!("no upload that was migrated has a shard of its own");
}

#[test]
fn a_recheck_puts_rows_right_of_completed_spaces() {
    let place = Place::new();
    let network = seeded(&place, "24", &[]);
    place.sterna(["migrate", "--limit", "all"]).ends(3);
    let verify = || place.sterna(["verify"].iter().chain(&JSON)).ends(4).json();
    let set_aside = || {
        let failed = ["monitor", "--failed", "--output", "json"];
        let failed = place.sterna(failed).ends(0).json();
        failed["failures"].as_array().unwrap().len()
    };
    let (clean, before) = (verify(), set_aside());
    let shard = shard_of_a_migrated_upload(&place);
    let kept = std::fs::read(&shard).unwrap();
    drop(network);
    std::fs::remove_file(&shard).unwrap();
    let network = Network::start(&place);
    let found = verify();
    let missing = |report: &Value| report["verdicts"]["missing"].as_u64().unwrap();
    assert_eq!(missing(&found), missing(&clean) + 1, "{found}");

    // A run leaves completed spaces alone, and a dry run everything; a recheck may be stopped, and goes on.
    place.sterna(["migrate", "--limit", "all"]).ends(3);
    let recheck = ["migrate", "--limit", "all", "--recheck"];
    place.sterna(recheck.iter().chain(&["--dry-run"]));
    assert_eq!(set_aside(), before);
    place.sterna(["migrate", "--recheck", "--limit", "7"]);
    place.sterna(recheck).ends(3);
    assert_eq!(set_aside(), before + 1);

    drop(network);
    std::fs::write(&shard, kept).unwrap();
    let _network = Network::start(&place);
    place.sterna(recheck).ends(3);
    assert_eq!(set_aside(), before);
    assert_eq!(verify()["verdicts"], clean["verdicts"]);
}
