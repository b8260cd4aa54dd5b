//! Uploads that are named by their roots: under any of their names, one by one and in lists.

use std::collections::BTreeSet;

use cid::{Cid, Version};
use sterna::sandbox::world::manifest::{Manifest, Record};
use sterna::sandbox::world::plan::Expected;

use crate::network::Network;
use crate::run::{Place, ROOT, Ran};

/// A network with a world in it.
fn seeded(place: &Place, spaces: usize, uploads: usize) -> (Network, Vec<Record>) {
    let network = Network::start(place);
    place.sterna(["init"]).ends(0);
    let sizes = [spaces.to_string(), uploads.to_string()];
    let world = [
        "--customers",
        "3",
        "--spaces",
        &sizes[0],
        "--uploads",
        &sizes[1],
    ];
    place
        .sterna(["sandbox", "seed"].iter().chain(&world))
        .ends(0);
    let world = Manifest::read(&place.path().join("migration-state/local")).unwrap();
    (network, world.uploads)
}

/// The other name of the same content, if it has one.
fn other_name(root: &str) -> Option<String> {
    let cid: Cid = root.parse().unwrap();
    let other = match cid.version() {
        Version::V0 => Cid::new_v1(cid.codec(), *cid.hash()),
        Version::V1 if cid.codec() == 0x70 => Cid::new_v0(*cid.hash()).unwrap(),
        Version::V1 => return None,
    };
    Some(other.to_string())
}

/// A root that nobody has.
fn invented(number: u32) -> String {
    let hash = sterna::proto::multihash::Multihash::sha256(&number.to_be_bytes());
    hash.cid(0x55).unwrap().to_string()
}

/// Uploads that a report speaks of.
fn uploads(ran: &Ran, path: &str) -> Vec<String> {
    let found = ran.json()[path].as_array().unwrap().clone();
    let name = |upload: &serde_json::Value| upload.as_str().unwrap().to_owned();
    found
        .iter()
        .map(|one| name(one.get("upload").unwrap_or(one)))
        .collect()
}

/// Requests to the tables so far.
fn table_requests(place: &Place) -> u64 {
    let status = place.sterna(["sandbox", "status", "--output", "json"]);
    let status = status.ends(0).json();
    let services = status["requests"].as_object().unwrap();
    let operations = services["dynamodb"]["operations"].as_object().unwrap();
    let counts = operations.values();
    counts.map(|one| one["count"].as_u64().unwrap()).sum()
}

#[test]
fn both_names_of_one_content_are_one_upload() {
    let place = Place::new();
    let (_network, world) = seeded(&place, 5, 60);
    let of_version = |first: &str| {
        let mut all = world.iter().filter(|one| one.root.starts_with(first));
        let found = all.find(|one| other_name(&one.root).is_some() && one.retrievable);
        found.unwrap_or_else(|| panic!("no root of the world begins with {first}"))
    };
    for record in [of_version("Qm"), of_version("bafybe")] {
        let (row, asked) = (&record.root, other_name(&record.root).unwrap());
        let explained = place.sterna(["explain", &asked, "--output", "json"]);
        assert_eq!(uploads(&explained.ends(0), "found"), [row.as_str()]);
        let both = place.sterna(["explain", &asked, "--space", &record.space]);
        assert!(both.ends(0).text().contains(row.as_str()));
        for command in [
            &["migrate", "--dry-run"][..],
            &["migrate"],
            &["verify"],
            &["migrate", "--verify-only"],
        ] {
            let flags = ["--cid", &asked, "--output", "json"];
            let ran = place.sterna(command.iter().chain(&flags));
            let report = ran.json();
            let of_run = &report["counts"]["planned"];
            let number = if of_run.is_null() {
                &report["listed"]
            } else {
                of_run
            };
            assert_eq!(number, 1, "{command:?} {asked}: {report}");
        }
    }
}

#[test]
fn a_list_names_uploads_and_what_is_unknown_is_named_at_the_end() {
    let place = Place::new();
    let (_network, world) = seeded(&place, 5, 30);
    // Half of them under their other name, some twice.
    let names = world.iter().enumerate().map(|(index, record)| {
        let other = other_name(&record.root).filter(|_| index % 2 == 0);
        other.unwrap_or_else(|| record.root.clone())
    });
    let mut list: Vec<String> = names.collect();
    list.extend(world.iter().take(5).map(|record| record.root.clone()));
    let unknown = [invented(1), ROOT.to_owned()];
    list.extend(unknown.iter().cloned());
    let text = format!("\u{feff}# roots\r\n{}\r\n", list.join("\r\n"));
    let known = world.len() as u64;

    let flags = ["--roots-file", "-", "--output", "json"];
    let dry = place.sterna_with(
        ["migrate", "--dry-run"].iter().chain(&flags),
        text.as_bytes(),
    );
    let dry = dry.ends(3);
    assert_eq!(dry.json()["counts"]["planned"], known);
    assert_eq!(uploads(&dry, "unknown_roots"), unknown);

    place.file("roots.txt", &text);
    let ran = place
        .sterna(["migrate", "--roots-file", "roots.txt"])
        .ends(3);
    let told = ran.text();
    let at = |part: &str| {
        told.find(part)
            .unwrap_or_else(|| panic!("no {part} in {told}"))
    };
    assert!(at("2 unknown roots: ") > at("this run: "), "{told}");
    assert!(unknown.iter().all(|root| told.contains(root)), "{told}");

    let audit =
        place.sterna(
            ["verify"]
                .iter()
                .chain(&["--roots-file", "roots.txt", "--output", "json"]),
        );
    // The world has some that cannot be put right.
    let audit = audit.ends(4);
    assert_eq!(audit.json()["listed"], known);
    assert_eq!(uploads(&audit, "unknown_roots"), unknown);

    let explained = place.sterna(["explain", "--roots-file", "roots.txt", "--output", "json"]);
    let explained = explained.ends(3);
    let found: BTreeSet<String> = uploads(&explained, "found").into_iter().collect();
    let rows: BTreeSet<String> = world.iter().map(|record| record.root.clone()).collect();
    assert_eq!(found, rows);
    assert_eq!(uploads(&explained, "unknown_roots"), unknown);
}

#[test]
fn unknown_roots_are_a_reason_only_where_there_are_some_and_no_work_where_all_are() {
    let place = Place::new();
    let (_network, world) = seeded(&place, 5, 20);
    let unknown = [invented(1), ROOT.to_owned()];
    let mut fine = world.iter();
    let good = fine
        .find(|record| record.expected == Expected::Migrated)
        .unwrap();
    place.file("one.txt", &good.root);
    for command in ["migrate", "verify", "explain"] {
        place.sterna([command, "--roots-file", "one.txt"]).ends(0);
    }
    place.file(
        "some.txt",
        format!("[\"{}\", \"{}\"]", good.root, unknown[0]),
    );
    let some = [
        "migrate",
        "--dry-run",
        "--roots-file",
        "some.txt",
        "--space",
        &good.space,
    ];
    place.sterna(some).ends(3);
    // Of none of them there is anything to do.
    place.file("none.txt", unknown.join("\n"));
    for command in [
        &["migrate"][..],
        &["verify"],
        &["retry", "--failed"],
        &["explain"],
    ] {
        let none = place.sterna(command.iter().chain(&["--roots-file", "none.txt"]));
        drop(none.ends(10).tells(&[&unknown[0], &unknown[1], "next:"]));
    }
}

#[test]
fn a_retry_takes_up_the_failed_uploads_of_a_list() {
    let place = Place::new();
    let (_network, world) = seeded(&place, 5, 60);
    place.sterna(["migrate", "--limit", "all"]).ends(3);
    let failed = place
        .sterna(["monitor", "--failed", "--output", "json"])
        .ends(0)
        .json();
    let failed = failed["failures"].as_array().unwrap().clone();
    let roots: BTreeSet<String> = failed
        .iter()
        .map(|row| row["item"].as_str().unwrap().to_owned())
        .filter(|item| world.iter().any(|record| record.root == *item))
        .collect();
    assert!(roots.len() > 1, "{failed:?}");
    let asked = roots
        .iter()
        .map(|root| other_name(root).unwrap_or_else(|| root.clone()));
    let mut list: Vec<String> = asked.collect();
    // One that is good, and one that is unknown.
    let good = world
        .iter()
        .find(|record| !roots.contains(&record.root))
        .unwrap();
    list.extend([good.root.clone(), invented(7)]);
    for more in [&["--dry-run"][..], &[]] {
        let flags = ["retry", "--failed", "--roots-file", "-", "--output", "json"];
        let ran = place.sterna_with(flags.iter().chain(more), list.join("\n").as_bytes());
        let ran = ran.ends(3);
        assert_eq!(
            ran.json()["counts"]["planned"],
            roots.len() as u64,
            "{more:?}"
        );
        assert_eq!(uploads(&ran, "unknown_roots"), [invented(7)]);
    }
    let one = roots.first().unwrap();
    let single = ["retry", "--failed", "--output", "json", "--cid"];
    let other = other_name(one).unwrap_or_else(|| one.clone());
    let ran = place.sterna(single.iter().chain(&[other.as_str()]));
    assert_eq!(ran.ends(3).json()["counts"]["planned"], 1);
    // That nothing of it failed is an answer.
    let fine = place.sterna(single.iter().chain(&[good.root.as_str()]));
    assert_eq!(fine.ends(0).json()["counts"]["planned"], 0);
}

#[test]
fn ten_thousand_roots_cost_a_request_each_however_many_spaces_there_are() {
    let place = Place::new();
    let (_network, world) = seeded(&place, 50, 60);
    let spaces: BTreeSet<&str> = world.iter().map(|record| record.space.as_str()).collect();
    assert_eq!(spaces.len(), 50);
    let mut list: Vec<String> = world.iter().map(|record| record.root.clone()).collect();
    list.extend((0..9_940).map(invented));
    place.file("roots.txt", list.join("\n"));
    let before = table_requests(&place);
    let flags = ["--dry-run", "--roots-file", "roots.txt", "--output", "json"];
    let ran = place.sterna(["migrate"].iter().chain(&flags)).ends(3);
    let requests = table_requests(&place) - before;
    let report = ran.json();
    assert_eq!(report["counts"]["planned"], 60);
    assert_eq!(report["unknown_roots"].as_array().unwrap().len(), 9_940);
    // One for each name of each root, and some for each space and upload.
    assert!(requests < 12_000, "{requests}");
}

#[test]
fn a_list_that_names_nothing_or_no_roots_is_refused_before_anything_is_asked() {
    let place = Place::new();
    for (text, told) in [
        ("# none\n", "names no root"),
        ("bafy\n", "line 1 is not a CID"),
        ("[\"did:key:z6Mk\"]", "entry 0 is not a CID"),
        ("[", "is not a JSON list"),
    ] {
        for command in [
            &["migrate"][..],
            &["verify"],
            &["retry", "--failed"],
            &["explain"],
        ] {
            let flags = ["--roots-file", "-"];
            let ran = place.sterna_with(command.iter().chain(&flags), text.as_bytes());
            drop(ran.ends(2).tells(&["--roots-file standard input", told]));
        }
    }
    let both = ["migrate", "--roots-file", "-", "--customers-file", "-"];
    place
        .sterna(both)
        .ends(2)
        .tells(&["cannot both be standard input"]);
    for wrong in [
        &["--cid", ROOT][..],
        &["--limit", "5"],
        &["--repair"],
        &["--steal"],
        &["--checkpoint-every", "5"],
    ] {
        let list = ["migrate", "--roots-file", "roots.txt"];
        drop(
            place
                .sterna(list.iter().chain(wrong))
                .ends(2)
                .tells(&["cannot be used with"]),
        );
    }
}
