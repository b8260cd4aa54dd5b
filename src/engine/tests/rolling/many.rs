//! Many effects: memory does not grow with their number.

use std::fs::{self, File};
use std::io::{BufWriter, Write};

use super::super::setting;
use super::super::world::{World, name, no_fault};
use super::everything;
use crate::engine::{Stop, plan_undo};
use crate::model::{
    Effect, Epoch, Fence, ItemId, JOURNAL_VERSION, JournalEntry, JournalRecord, RunId, StepName,
    UnitId,
};

/// Units that the effects are spread over.
const UNITS: u64 = 50;
/// What a survey may take beside what was there before, whatever the number of effects: sorted in memory, read and
/// written at once, the index.
const MEMORY: u64 = 160 << 20;

fn line(out: &mut impl Write, line: &impl serde::Serialize) {
    serde_json::to_writer(&mut *out, line).unwrap();
    out.write_all(b"\n").unwrap();
}

/// A journal in which all was made, every third effect was undone, and of those every second made again.
fn write_journal(world: &World, effects: u64) -> u64 {
    let folder = world.dir.path().join("state");
    fs::create_dir_all(&folder).unwrap();
    let file = File::create(folder.join("instance-1-journal.ndjson")).unwrap();
    let (mut out, run, mut seq, mut live) = (BufWriter::new(file), RunId::new("run-0"), 1, 0);
    let opening = serde_json::json!({
        "v": JOURNAL_VERSION, "seq": seq, "at": 1, "run": run, "instance": "1", "state": "test", "program": "0",
    });
    line(&mut out, &opening);
    for number in 0..effects {
        // As many units at once as there are: the journal holds them mixed.
        let unit = UnitId::new(
            "did:mailto:test:owner",
            name(usize::try_from(number % UNITS).unwrap()),
        );
        let effect = Effect::new("copy", format!("key-{number:08}"))
            .reversible()
            .fact("digest", "z".repeat(60))
            .fact("place", "y".repeat(120));
        let undone = number % 3 == 0;
        let again = undone && number % 2 == 0;
        let mut entries = vec![(1, JournalEntry::Applied(effect.clone()))];
        if undone {
            entries.push((2, JournalEntry::Undone(effect.clone())));
        }
        if again {
            entries.push((3, JournalEntry::Applied(effect.clone())));
        }
        live += u64::from(!undone || again);
        for (epoch, entry) in entries {
            seq += 1;
            let record = JournalRecord {
                v: JOURNAL_VERSION,
                seq,
                fence: Some(Fence {
                    round: 0,
                    epoch: Epoch(epoch),
                    unleased: false,
                }),
                at: crate::model::UnixMillis(1),
                run: run.clone(),
                unit: unit.clone(),
                item: Some(ItemId::new(format!("key-{number:08}"))),
                step: Some(StepName::new("copy")),
                entry,
            };
            line(&mut out, &record);
        }
    }
    out.flush().unwrap();
    live
}

/// Bytes of memory of this process that are in use, or were at most.
fn memory(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() << 10
}

async fn surveyed(effects: u64) {
    let world = World::new(1, 1, std::time::Duration::ZERO, no_fault()).await;
    let live = write_journal(&world, effects);
    let found = plan_undo(&world.parts(&Stop::new()), &everything())
        .await
        .unwrap();
    assert_eq!((found.to_undo(), found.units), (live, UNITS));
    drop(found);
    let left = fs::read_dir(world.dir.path().join("state")).unwrap();
    assert_eq!(left.count(), 1, "temporary files went");
}

#[tokio::test]
async fn effects_that_do_not_fit_into_memory_are_sorted_in_pieces() {
    surveyed(80_000).await;
}

/// Alone in its process: `cargo test --lib memory_does_not_grow -- --ignored`; `STERNA_EFFECTS` says how many.
#[tokio::test]
#[ignore = "takes a minute, and the process to itself"]
async fn memory_does_not_grow_with_the_number_of_effects() {
    let effects = setting("STERNA_EFFECTS").map_or(1_000_000, |number| number.parse().unwrap());
    let before = memory("VmRSS");
    surveyed(effects).await;
    let grown = memory("VmHWM").saturating_sub(before);
    println!("{effects} effects: {} MiB more than before", grown >> 20);
    assert!(grown < MEMORY, "{grown} bytes");
}
