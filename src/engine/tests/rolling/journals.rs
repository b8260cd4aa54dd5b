//! Journals that are absent, cut or have a hole: seen by what the rows say, and nothing is undone in the dark.

use std::fs;
use std::path::PathBuf;

use super::super::world::{World, name, no_fault};
use super::{LATENCY, everything};
use crate::engine::{Ended, Job, Lack, MissingJournal, Stop, Within, plan_undo, rollback};
use crate::model::{ItemId, UnitId};

fn journal(world: &World) -> PathBuf {
    world.dir.path().join("state/instance-1-journal.ndjson")
}

async fn missing(world: &World, within: &Within) -> Vec<MissingJournal> {
    let found = plan_undo(&world.parts(&Stop::new()), within).await.unwrap();
    assert_eq!(
        found.is_whole(),
        found.missing.is_empty() && found.unaccounted.is_empty()
    );
    found.missing
}

fn lacks(found: &[MissingJournal]) -> Vec<&Lack> {
    found.iter().map(|one| &one.lack).collect()
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_absent_cut_or_has_a_hole_is_seen_and_what_hangs_together_stays() {
    let world = World::new(2, 6, LATENCY, no_fault()).await;
    world.run().await;
    let path = journal(&world);
    let whole = fs::read_to_string(&path).unwrap();
    assert_eq!(missing(&world, &everything()).await, []);
    let lines: Vec<&str> = whole.lines().collect();
    let last = lines.len() as u64;
    let write = |lines: &[&str]| fs::write(&path, lines.join("\n") + "\n").unwrap();

    fs::remove_file(&path).unwrap();
    let found = missing(&world, &everything()).await;
    assert_eq!((lacks(&found), found[0].units), (vec![&Lack::Absent], 2));

    write(&lines[..lines.len() - 3]);
    let found = missing(&world, &everything()).await;
    assert_eq!(lacks(&found), [&Lack::Cut { ends: last - 3 }]);
    assert_eq!(found[0].written, last);

    write(&[&lines[..8], &lines[10..]].concat());
    let found = missing(&world, &everything()).await;
    assert_eq!(lacks(&found), [&Lack::Hole { first: 9, last: 10 }]);

    // What is known goes; what needs to know that all is gone stays.
    let parts = world.parts(&Stop::new());
    let found = plan_undo(&parts, &everything()).await.unwrap();
    assert!(
        found
            .listed
            .iter()
            .any(|one| one.kind == "folder" && !one.undone)
    );
    let outcome = rollback(parts, world.next_config(), found).await.unwrap();
    assert_eq!((outcome.ended, outcome.failed), (Ended::Finished, 0));
    assert!(!outcome.undone.contains_key("folder"));
    assert!(world.paths().contains(&name(0)) && world.paths().contains(&name(1)));

    // With the rest of it the rest goes.
    let rest = world.dir.path().join("found-again.ndjson");
    fs::write(&rest, whole).unwrap();
    let mut within = everything();
    within.journals = vec![rest];
    assert_eq!(missing(&world, &within).await, []);
    assert_eq!(world.roll_back(&within).await.ended, Ended::Finished);
    world.assert_undone(2, 6).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotated_file_that_is_missing_is_a_hole_and_may_be_named_apart() {
    let world = World::new(1, 6, LATENCY, no_fault()).await;
    world.run().await;
    let path = journal(&world);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let folder = path.parent().unwrap();
    for (number, lines) in [&lines[..5], &lines[5..12], &lines[12..20]]
        .iter()
        .enumerate()
    {
        let aside = folder.join(format!("instance-1-journal.{:04}.ndjson", number + 1));
        fs::write(aside, lines.join("\n") + "\n").unwrap();
    }
    fs::write(&path, lines[20..].join("\n") + "\n").unwrap();
    assert_eq!(missing(&world, &everything()).await, []);
    let away = world.dir.path().join("away.ndjson");
    fs::rename(folder.join("instance-1-journal.0002.ndjson"), &away).unwrap();
    let found = missing(&world, &everything()).await;
    assert_eq!(lacks(&found), [&Lack::Hole { first: 6, last: 12 }]);
    let mut within = everything();
    within.journals = vec![away];
    assert_eq!(missing(&world, &within).await, []);
    assert_eq!(world.roll_back(&within).await.ended, Ended::Finished);
    world.assert_undone(1, 6).await;
}

#[tokio::test(start_paused = true)]
async fn single_items_leave_a_trace_of_their_journal_and_a_dead_start_is_none() {
    let world = World::new(2, 4, LATENCY, no_fault()).await;
    let unit = UnitId::new("did:mailto:test:owner", name(0));
    let one = vec![(unit, ItemId::new("key-001"))];
    world.run_job(Job::Items(one), &Stop::new()).await;
    let path = journal(&world);
    let away = world.dir.path().join("away.ndjson");
    assert_eq!(missing(&world, &everything()).await, []);
    fs::rename(&path, &away).unwrap();
    let found = missing(&world, &everything()).await;
    assert_eq!(lacks(&found), [&Lack::Absent]);
    // Killed as soon as it had its first lease: its journal is there, and nothing is in it.
    let world = World::new(1, 4, LATENCY, no_fault()).await;
    assert!(world.crash(LATENCY / 2).await);
    assert!(fs::read_to_string(journal(&world)).unwrap().lines().count() <= 1);
    assert_eq!(missing(&world, &everything()).await, []);
}
