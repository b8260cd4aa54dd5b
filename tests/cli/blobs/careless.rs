//! Operators and disks that do what nobody expects: no byte is lost without being named.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use super::command::{PLAN, active, copied, on, place, plan};
use super::files::{files, put};
use crate::run::Place;

fn flipped() -> Place {
    let place = place();
    let plan = [&PLAN[..], &["--pointer", "active.json"]].concat();
    place.sterna(plan).ends(0);
    place.sterna(on("copy", &[])).ends(0);
    place.sterna(on("flip", &[])).ends(0);
    place
}

#[test]
fn a_source_that_became_a_link_to_the_target_is_not_rolled_back_to() {
    let place = flipped();
    fs::remove_dir_all(place.path().join("old")).unwrap();
    symlink("new", place.path().join("old")).unwrap();
    place
        .sterna(on("rollback", &[]))
        .ends(13)
        .tells(&["leads to", "nothing was changed"]);
    assert_eq!(files(&place.path().join("new")).len(), 3);
    assert_eq!(active(&place), "new");
}

#[test]
fn the_only_copy_of_a_blob_is_not_removed() {
    let place = place();
    copied(&place);
    fs::remove_file(place.path().join("old/a")).unwrap();
    let rollback = place.sterna(on("rollback", &[])).ends(3);
    assert!(
        rollback.text().contains("1 could not be removed"),
        "{}",
        rollback.text()
    );
    let left: Vec<String> = files(&place.path().join("new")).into_keys().collect();
    assert_eq!(left, ["a"]);
    put(&place.path().join("old/a"), b"one");
    place.sterna(on("rollback", &[])).ends(0);
    assert!(files(&place.path().join("new")).is_empty());
}

#[test]
fn what_was_written_after_the_flip_is_not_left_behind() {
    let place = flipped();
    fs::write(place.path().join("new/a"), "newer").unwrap();
    place
        .sterna(on("rollback", &[]))
        .ends(7)
        .tells(&["`a` first", "nothing was changed"]);
    assert_eq!(active(&place), "new");
    let status = place.sterna(on("status", &[])).ends(0);
    assert!(status.text().contains("completed"), "{}", status.text());
    fs::write(place.path().join("old/a"), "newer").unwrap();
    place.sterna(on("rollback", &[])).ends(0);
    assert_eq!(active(&place), "old");
    // What others wrote stays on both sides.
    let left = files(&place.path().join("new"));
    assert_eq!(left.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(fs::read(place.path().join("old/a")).unwrap(), b"newer");
}

#[test]
fn two_jobs_never_write_to_one_place() {
    let place = place();
    copied(&place);
    put(&place.path().join("third/a"), b"another");
    for to in ["dir:new", "dir:new/inside", "dir:."] {
        let code = if to == "dir:." { 2 } else { 13 };
        place.sterna(plan("k", "dir:third", to)).ends(code);
    }
    place.sterna(on("rollback", &[])).ends(0);
    place.sterna(plan("k", "dir:third", "dir:new")).ends(0);
}

#[test]
fn a_source_that_lost_its_blobs_keeps_the_gate_closed() {
    let place = place();
    copied(&place);
    for name in ["a", "b/c", "b/d"] {
        fs::remove_file(place.path().join("old").join(name)).unwrap();
    }
    let flip = on("flip", &[]);
    place
        .sterna(flip)
        .ends(7)
        .tells(&["the source lists 0 blobs, and 3 were planned"]);
    // What the source is without is right as it is.
    place.sterna(PLAN).ends(0);
    place.sterna(on("flip", &[])).ends(0);
}

#[test]
fn a_blob_that_changed_after_the_copy_is_seen_whatever_the_sample() {
    let place = place();
    for number in 0..50 {
        put(
            &place.path().join("old").join(format!("many/{number}")),
            b"before",
        );
    }
    copied(&place);
    put(&place.path().join("old/many/17"), b"after!");
    let flip = on("flip", &["--sample", "1"]);
    place
        .sterna(flip)
        .ends(7)
        .tells(&["many/17: it has other bytes"]);
}

#[test]
fn a_rollback_without_its_journal_changes_nothing_and_says_how_to_go_on() {
    let place = flipped();
    fs::rename(
        place
            .path()
            .join("migration-state/blobs-instance-1-journal.ndjson"),
        place.path().join("elsewhere.ndjson"),
    )
    .unwrap();
    place
        .sterna(on("rollback", &[]))
        .ends(13)
        .tells(&["--journal PATH", "nothing was changed"]);
    assert_eq!(active(&place), "new");
    let named = on("rollback", &["--journal", "elsewhere.ndjson"]);
    place.sterna(named).ends(0);
    assert!(files(&place.path().join("new")).is_empty());
}

#[test]
fn a_pointer_of_somebody_else_is_left_alone() {
    let place = flipped();
    let path = place.path().join("active.json");
    let other = r#"{"format":"sterna.blobs/1","active":"dir:/elsewhere","job":"k","epoch":9}"#;
    fs::write(&path, other).unwrap();
    place
        .sterna(on("flip", &[]))
        .ends(13)
        .tells(&["does not name the target"]);
    place.sterna(on("rollback", &[])).ends(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), other);
}

#[test]
fn a_dry_run_by_the_environment_is_never_ignored() {
    let place = place().env("DRY_RUN", "true");
    place.sterna(PLAN).ends(0);
    assert!(!place.path().join("new").exists());
    for command in ["copy", "flip"] {
        place
            .sterna(on(command, &[]))
            .ends(2)
            .tells(&["DRY_RUN is set"]);
    }
}

#[test]
fn damaged_bytes_are_not_handed_out_under_the_name_of_the_right_ones() {
    let place = Place::new();
    let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let key = format!("2c/{hex}");
    put(&place.path().join("old").join(&key), b"hello");
    place
        .sterna([&PLAN[..], &["--layout", "digest:{hex:2}/{hex}"]].concat())
        .ends(0);
    place.sterna(on("copy", &[])).ends(0);
    place.sterna(on("flip", &[])).ends(0);
    fs::write(place.path().join("new").join(&key), "").unwrap();
    assert_eq!(place.sterna(on("get", &[hex])).ends(0).stdout, b"hello");
    fs::write(place.path().join("old").join(&key), "hell0").unwrap();
    let got = place.sterna(on("get", &[hex])).ends(13);
    assert!(got.stdout.is_empty());
}

#[test]
fn a_copy_takes_up_no_blobs_of_another_job() {
    let place = place();
    put(&place.path().join("third/a"), b"another");
    place.sterna(PLAN).ends(0);
    let other = plan("k", "dir:third", "dir:fourth");
    place.sterna(other).ends(0);
    place.sterna(on("copy", &[])).ends(0);
    assert_eq!(files(&place.path().join("new")).len(), 3);
    assert!(files(&place.path().join("fourth")).is_empty());
    place.sterna(["blobs", "copy", "--job", "k"]).ends(0);
    assert_eq!(files(&place.path().join("fourth")).len(), 1);
}

#[test]
fn a_reader_never_misses_a_blob_while_it_is_moved_there_and_back() {
    let place = Place::new();
    for number in 0..300 {
        put(
            &place.path().join("old").join(format!("{number}")),
            format!("blob {number}").as_bytes(),
        );
    }
    place
        .sterna([&PLAN[..], &["--pointer", "active.json"]].concat())
        .ends(0);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut read = 0;
            while !is_over.load(Ordering::SeqCst) {
                let id = format!("{}", (read * 7) % 300);
                let got = place.sterna(on("get", &[&id])).ends(0);
                assert_eq!(got.stdout, format!("blob {id}").as_bytes());
                read += 1;
            }
            read
        });
        for command in ["copy", "flip", "rollback"] {
            place.sterna(on(command, &[])).ends(0);
        }
        is_over.store(true, Ordering::SeqCst);
        assert!(reading.join().unwrap() > 3);
    });
    assert!(files(&place.path().join("new")).is_empty());
}

#[test]
fn copies_that_are_to_be_kept_stay_while_readers_go_back() {
    let place = flipped();
    let copies = files(&place.path().join("new"));
    let kept = place.sterna(on("rollback", &["--keep-copies"])).ends(0);
    assert!(
        kept.text().contains("copies on the target were left"),
        "{}",
        kept.text()
    );
    assert_eq!(active(&place), "old");
    assert!(files(&place.path().join("new")) == copies);
    // What was kept can go later.
    place.sterna(on("rollback", &[])).ends(0);
    assert!(files(&place.path().join("new")).is_empty());
}

#[test]
fn what_is_known_is_removed_without_a_journal_if_that_is_said() {
    let place = flipped();
    fs::remove_file(
        place
            .path()
            .join("migration-state/blobs-instance-1-journal.ndjson"),
    )
    .unwrap();
    place.sterna(on("rollback", &[])).ends(13);
    place
        .sterna(on("rollback", &["--allow-missing-journal"]))
        .ends(3);
    assert_eq!(active(&place), "old");
    // No journal says that these are ours.
    assert_eq!(files(&place.path().join("new")).len(), 3);
}
