//! One giant space, three processes: each does a share of it, and nothing is done twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::network::{Network, seed};
use crate::run::{Place, until};

/// Lines of the result files of one instance.
fn results(place: &Place, instance: u32) -> Vec<Value> {
    let name = format!("migration-state/instance-{instance}-results.ndjson");
    let text = std::fs::read_to_string(place.path().join(name)).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The uploads of the largest space of the world, and what must become of each.
fn giant(place: &Place) -> (String, BTreeMap<String, Value>) {
    let world = std::fs::read(place.path().join("migration-state/local/world.json")).unwrap();
    let world: Value = serde_json::from_slice(&world).unwrap();
    let mut spaces: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for upload in world["uploads"].as_array().unwrap() {
        let text = |name: &str| upload[name].as_str().unwrap().to_owned();
        let uploads = spaces.entry(text("space")).or_default();
        uploads.insert(text("root"), upload["expected"].clone());
    }
    spaces
        .into_iter()
        .max_by_key(|(_, uploads)| uploads.len())
        .unwrap()
}

/// What the three told of each upload of the giant. Each of them did some.
fn told(place: &Place, space: &str) -> BTreeMap<String, Value> {
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    for instance in [1, 2, 3] {
        let lines = results(place, instance);
        let of_giant = lines.iter().filter(|line| line["unit"]["name"] == space);
        let mut count = 0;
        for line in of_giant {
            count += 1;
            assert!(line["unit"].get("part").is_none(), "{line}");
            let item = line["item"].as_str().unwrap().to_owned();
            // Who takes a part over finds what was done above its cursor.
            if line["settled"] == "found" && told.contains_key(&item) {
                continue;
            }
            let before = told.insert(item, line["settled"].clone());
            assert!(
                before.is_none_or(|before| before == "found"),
                "done twice: {line}"
            );
        }
        assert!(count > 0, "instance {instance} did nothing of the giant");
    }
    told
}

#[test]
fn three_processes_share_a_giant_space() {
    share(&Place::new().env("STERNA_LEASE_TERM", "12"));
}

#[test]
fn three_processes_share_a_giant_space_and_one_file() {
    let place = Place::new().env("STERNA_LEASE_TERM", "12");
    share(&place.env("STERNA_STATE", "sqlite:rows.sqlite"));
}

fn share(place: &Place) {
    let _network = Network::start(place);
    seed(place, ["3", "3", "100"]);
    place.sterna(["setup", "--instances", "3"]).ends(0);
    let (space, uploads) = giant(place);
    assert!(uploads.len() > 60, "{}", uploads.len());
    // Slow enough that all of them come to have a part.
    place
        .sterna(["ctl", "set", "rate=240", "--why", "the test looks"])
        .ends(0);
    let start = |instance: u32| {
        let file = format!("migration-state/instance-{instance}-customers.json");
        let flags = ["--steal", "--limit", "all", "--split-above", "20"];
        let args = ["migrate", "--customers-file", file.as_str()];
        place.start(args.iter().chain(&flags))
    };
    let running = [1, 2, 3].map(start);
    let split = until("a split space", || {
        let shown = place.sterna(["monitor", "--space", space.as_str(), "--output", "json"]);
        let shown = shown.ends(0).json();
        let line = shown["spaces"].get(0)?.clone();
        let holders = line["split"]["held_by"].as_object()?.len();
        (holders > 1).then_some(line)
    });
    assert!(split["split"]["parts"].as_u64().unwrap() > 10, "{split}");
    let shown = place.sterna(["monitor", "--space", space.as_str()]);
    assert!(shown.ends(0).text().contains("is split in"));
    for one in running {
        let ran = one.end();
        assert!([0, 3].contains(&ran.code), "{}\n{}", ran.code, ran.stderr);
    }

    let told = told(place, &space);
    let items: BTreeSet<&String> = told.keys().collect();
    assert_eq!(items, uploads.keys().collect::<BTreeSet<_>>());
    for (item, expected) in &uploads {
        let settled = told[item].as_str().unwrap();
        let right = match expected.as_str() {
            Some("migrated") => settled == "migrated" || settled == "found",
            Some(_) => settled == "found",
            None => settled == "quarantined",
        };
        assert!(right, "{item}: {settled}, should be {expected}");
    }
    ended(place, &space, &uploads);
}

/// The row says what is true, the audit agrees, and nothing of the parts is left.
fn ended(place: &Place, space: &str, uploads: &BTreeMap<String, Value>) {
    let shown = place.sterna(["monitor", "--space", space, "--output", "json"]);
    let line = shown.ends(0).json()["spaces"][0].clone();
    assert!(
        line.get("split").is_none() && line["held_by"].is_null(),
        "{line}"
    );
    let bad = uploads.values().filter(|expected| !expected.is_string());
    let (all, bad) = (uploads.len() as u64, bad.count() as u64);
    let number = |name: &str| line["counts"][name].as_u64().unwrap();
    assert_eq!(
        (number("planned"), number("done"), number("quarantined")),
        (all, all - bad, bad)
    );
    let audit = place.sterna([
        "verify", "--space", space, "--output", "json", "--limit", "all",
    ]);
    let verdicts = audit.ends(if bad > 0 { 4 } else { 0 }).json()["verdicts"].clone();
    assert_eq!(verdicts["ok"].as_u64(), Some(all - bad), "{verdicts}");
}
