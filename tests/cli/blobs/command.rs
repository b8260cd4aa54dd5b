//! The commands as an operator types them, between two folders (docs/blobs.md §12, 1, 2, 4, 10 to 12).

use std::fs;
use std::os::unix::fs::symlink;

use super::files::{files, put};
use crate::run::Place;

pub(super) const PLAN: [&str; 8] = plan("j", "dir:old", "dir:new");

/// The plan of a job.
pub(super) const fn plan<'a>(job: &'a str, from: &'a str, to: &'a str) -> [&'a str; 8] {
    ["blobs", "plan", "--job", job, "--from", from, "--to", to]
}

pub(super) fn place() -> Place {
    let place = Place::new();
    for (key, bytes) in [
        ("a", b"one".to_vec()),
        ("b/c", vec![]),
        ("b/d", vec![7; 600_000]),
    ] {
        put(&place.path().join("old").join(key), &bytes);
    }
    place
}

/// Runs a command of the job.
pub(super) fn on<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["blobs", command, "--job", "j"][..], more].concat()
}

pub(super) fn copied(place: &Place) {
    place.sterna(PLAN).ends(0);
    place.sterna(on("copy", &[])).ends(0);
}

pub(super) fn active(place: &Place) -> String {
    let text = fs::read_to_string(place.path().join("active.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let active = value["active"].as_str().unwrap();
    active.rsplit('/').next().unwrap().to_owned()
}

/// Rolls a flipped job back, after a blob came to the target.
fn is_moved_back(place: &Place) {
    put(&place.path().join("new/later"), b"came after the flip");
    let dry = place.sterna(on("rollback", &["--dry-run"])).ends(0).text();
    assert!(dry.contains("1 blob would be copied back"), "{dry}");
    assert!(dry.contains("3 blobs would be removed"), "{dry}");
    assert!(dry.contains("/new"), "{dry}");
    assert_eq!(active(place), "new");
    let back = place.sterna(on("rollback", &[])).ends(0);
    assert!(
        back.text().contains("1 blob copied back"),
        "{}",
        back.text()
    );
    assert_eq!(active(place), "old");
    assert_eq!(
        fs::read(place.path().join("old/later")).unwrap(),
        b"came after the flip"
    );
    let left: Vec<String> = files(&place.path().join("new")).into_keys().collect();
    assert_eq!(left, ["later"]);
    place.sterna(on("rollback", &[])).ends(0);
    place
        .sterna(on("copy", &[]))
        .ends(13)
        .tells(&["it is rolled-back", "under another name"]);
    place
        .sterna(PLAN)
        .ends(13)
        .tells(&["was rolled back", "another name"]);
}

#[test]
fn three_commands_move_a_folder_and_one_moves_it_back() {
    let place = place();
    let plan = place
        .sterna([&PLAN[..], &["--pointer", "active.json"]].concat())
        .ends(0);
    assert!(
        plan.text().contains("3 blobs, 585.9 KiB"),
        "{}",
        plan.text()
    );
    let copy = place
        .sterna(on("copy", &["--output", "json"]))
        .ends(0)
        .json();
    assert_eq!(
        (copy["phase"].as_str(), copy["counts"]["done"].as_u64()),
        (Some("copied"), Some(3))
    );
    let flip = place.sterna(on("flip", &[])).ends(0);
    assert!(
        flip.text().contains("3 of them read there again"),
        "{}",
        flip.text()
    );
    assert_eq!(active(&place), "new");
    assert_eq!(
        files(&place.path().join("new")),
        files(&place.path().join("old"))
    );
    let audit = place
        .sterna(on("verify", &["--deep", "--output", "json"]))
        .ends(0)
        .json();
    assert_eq!(
        (audit["prefixes"].as_u64(), audit["verdicts"]["ok"].as_u64()),
        (Some(1), Some(3))
    );
    let taken = on("get", &["b/d", "--to", "active.json"]);
    place.sterna(taken).ends(2).tells(&["exists already"]);
    let got = place.sterna(on("get", &["b/d"])).ends(0);
    assert_eq!(got.stdout, vec![7; 600_000]);

    // Again is nothing to do.
    let entries = place.entries();
    let again = place.sterna(on("copy", &[])).ends(0);
    assert!(again.text().contains("nothing to copy"), "{}", again.text());
    place.sterna(on("flip", &[])).ends(0);
    assert_eq!(place.entries(), entries);
    is_moved_back(&place);
}

#[test]
fn a_gate_that_finds_anything_amiss_stays_closed() {
    let place = place();
    place.sterna(PLAN).ends(0);
    place
        .sterna(on("flip", &[]))
        .ends(13)
        .tells(&["it is planned", "blobs copy --job j"]);
    place.sterna(on("copy", &["--limit", "1"])).ends(0);
    place.sterna(on("flip", &[])).ends(13);
    place.sterna(on("copy", &[])).ends(0);
    put(&place.path().join("old/z"), b"new arrival");
    place
        .sterna(on("flip", &[]))
        .ends(7)
        .tells(&["z: it is not on the target", "--recheck"]);
    place.sterna(on("copy", &["--recheck"])).ends(0);
    fs::write(place.path().join("new/a"), "two").unwrap();
    place.sterna(on("flip", &[])).ends(7);
    place
        .sterna(on("flip", &["--sample", "all"]))
        .ends(7)
        .tells(&["a: it has other bytes"]);
    place.sterna(on("verify", &[])).ends(0);
    let audit = place.sterna(on("verify", &["--deep"])).ends(4).text();
    assert!(
        audit.contains("next: sterna blobs copy --job j --recheck"),
        "{audit}"
    );
    place.sterna(on("copy", &["--recheck"])).ends(3);
    let replace = on("copy", &["--retry", "--replace"]);
    place.sterna(replace).ends(0);
    place.sterna(on("flip", &["--sample", "all"])).ends(0);
}

#[test]
fn a_blob_that_cannot_be_copied_is_named_and_keeps_the_job_from_the_flip() {
    let place = Place::new();
    let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let key = place.path().join("old/2c").join(hex);
    put(&key, b"hell0");
    place
        .sterna([&PLAN[..], &["--layout", "digest:{hex:2}/{hex}"]].concat())
        .ends(0);
    let copy = place.sterna(on("copy", &[])).ends(3);
    assert!(
        copy.text().contains("1 blob with SOURCE_CORRUPT"),
        "{}",
        copy.text()
    );
    assert!(
        copy.text()
            .contains("next: sterna blobs copy --job j --retry"),
        "{}",
        copy.text()
    );
    place.sterna(on("flip", &[])).ends(13);
    fs::write(&key, "hello").unwrap();
    place.sterna(on("copy", &["--retry"])).ends(0);
    place.sterna(on("flip", &[])).ends(0);
    assert_eq!(place.sterna(on("get", &[hex])).ends(0).stdout, b"hello");
}

#[test]
fn one_place_is_no_job_and_a_place_inside_the_other_is_refused() {
    let place = place();
    symlink("old", place.path().join("link")).unwrap();
    let before = place.entries();
    for to in ["dir:old", "dir:old/", "dir:./old", "dir:link"] {
        let planned = place.sterna(plan("j", "dir:old", to));
        assert!(planned.ends(0).text().contains("nothing to do"), "{to}");
    }
    let inside = plan("j", "dir:old", "dir:old/b");
    let behind = plan("j", "dir:old", "dir:link/new");
    place
        .sterna(behind)
        .ends(2)
        .tells(&["lies inside the other"]);
    place
        .sterna(inside)
        .ends(2)
        .tells(&["lies inside the other"]);
    place.sterna([&PLAN[..], &["--dry-run"]].concat()).ends(0);
    assert_eq!(place.entries(), before);
}

#[test]
fn a_job_is_what_it_was_planned_as() {
    let place = place();
    place
        .sterna(on("copy", &[]))
        .ends(10)
        .tells(&["no job has this name", "blobs plan"]);
    place.sterna(["blobs", "status"]).ends(10);
    place.sterna(PLAN).ends(0);
    place.sterna(PLAN).ends(0);
    let other = plan("j", "dir:old", "dir:other");
    place
        .sterna(other)
        .ends(13)
        .tells(&["--to", "/new, not", "/other"]);
    assert!(!place.path().join("other").exists());
    for wrong in ["", "a b", "a/b", "../x"] {
        place.sterna(["blobs", "copy", "--job", wrong]).ends(2);
    }
    let nowhere = [
        &plan("k", "dir:old", "dir:third")[..],
        &["--pointer", "no/such/active.json"],
    ]
    .concat();
    place
        .sterna(nowhere)
        .ends(2)
        .tells(&["its folder does not exist"]);
    let scheme = plan("k", "ftp://x", "dir:new");
    place.sterna(scheme).ends(2).tells(&["dir:/path"]);
}

#[test]
fn what_is_no_blob_is_named_and_left_alone() {
    let place = place();
    symlink("/etc/passwd", place.path().join("old/link")).unwrap();
    let plan = place.sterna(PLAN).ends(0);
    assert!(plan.text().contains("1 is not a file"), "{}", plan.text());
    assert!(
        plan.text().contains("link: a symbolic link"),
        "{}",
        plan.text()
    );
    place.sterna(on("copy", &[])).ends(0);
    assert!(!files(&place.path().join("new")).contains_key("link"));
    place.sterna(on("flip", &[])).ends(0);
}

#[test]
fn a_job_that_is_rolled_back_before_the_flip_leaves_what_others_wrote() {
    let place = place();
    put(&place.path().join("new/a"), b"one");
    copied(&place);
    let dry = place.sterna(on("rollback", &["--dry-run"])).ends(0);
    assert!(
        dry.text().contains("2 blobs would be removed"),
        "{}",
        dry.text()
    );
    assert_eq!(files(&place.path().join("new")).len(), 3);
    place.sterna(on("rollback", &[])).ends(0);
    let left: Vec<String> = files(&place.path().join("new")).into_keys().collect();
    assert_eq!(left, ["a"]);
    assert_eq!(files(&place.path().join("old")).len(), 3);
}
