//! Rollbacks: whole, by unit and by run, interrupted, refused, repeated.

mod clocks;
mod guarded;
mod journals;
mod many;

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::world::{World, done, key_name, name, no_fault};
use crate::engine::{
    Ended, EngineError, RolledBack, RunParts, Stop, StopLevel, UndoPlan, Within, plan_undo,
    rollback,
};
use crate::migrations::uploads::CustomerTables;
use crate::model::{Failure, InstanceId, Reason, RunId, Status, StepState};
use crate::state::FailedQuery;

use super::copy::Copy;

const LATENCY: Duration = Duration::from_millis(50);
const OWNER: &str = "did:mailto:test:owner";

pub(super) fn everything() -> Within {
    Within {
        units: vec![(Some(OWNER.to_owned()), None)],
        ..Within::default()
    }
}

fn one(unit: usize) -> Within {
    Within {
        units: vec![(None, Some(name(unit)))],
        ..Within::default()
    }
}

impl World {
    async fn survey(&self, within: &Within) -> UndoPlan {
        plan_undo(&self.parts(&Stop::new()), within).await.unwrap()
    }

    async fn undo(&self, parts: RunParts<Copy>, within: &Within) -> RolledBack {
        let found = plan_undo(&parts, within).await.unwrap();
        rollback(parts, self.next_config(), found).await.unwrap()
    }

    pub(super) async fn roll_back(&self, within: &Within) -> RolledBack {
        self.undo(self.parts(&Stop::new()), within).await
    }

    /// Rolls back and dies after `after`.
    async fn crash_back(&self, after: Duration) -> bool {
        let parts = self.parts(&Stop::new());
        let tasks = parts.tasks.clone();
        let within = everything();
        let going = self.undo(parts, &within);
        let crashed = tokio::time::timeout(after, going).await.is_err();
        tasks.join().await;
        crashed
    }

    /// Every folder and file of the target.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = self.target().into_keys().collect();
        for folder in fs::read_dir(&self.copy.to.0).unwrap() {
            found.insert(folder.unwrap().file_name().into_string().unwrap());
        }
        found
    }

    /// Nothing of the migration is left, and the rows say so.
    pub(super) async fn assert_undone(&self, units: usize, keys: u64) {
        assert_eq!(self.paths(), BTreeSet::new());
        for unit in 0..units {
            let row = self.row(unit).await;
            assert_eq!(row.status, Status::Pending, "{row:?}");
            assert_eq!((row.counts.settled(), row.counts.left()), (0, keys));
            assert!(row.counts.add_up() && row.cursor.is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rolled_back_the_world_is_as_before_and_a_second_time_does_nothing() {
    let world = World::new(3, 8, LATENCY, no_fault()).await;
    world.run().await;
    let found = world.survey(&everything()).await;
    assert_eq!((found.to_undo(), found.units), (3 * 8 * 2 + 3, 3));
    assert!(found.unaccounted.is_empty());
    assert_eq!(world.target().len(), 3 * 8 * 2, "a survey changes nothing");
    let outcome = world.roll_back(&everything()).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(outcome.undone.values().sum::<u64>(), 3 * 8 * 2 + 3);
    assert_eq!((outcome.failed, outcome.units), (0, 3));
    world.assert_undone(3, 8).await;
    let (removed, rows) = (world.calls("undo"), world.row(0).await);
    let again = world.roll_back(&everything()).await;
    assert_eq!(again.ended, Ended::Finished);
    assert_eq!((again.undone.len(), again.gone, again.units), (0, 0, 0));
    assert_eq!((world.calls("undo"), world.row(0).await), (removed, rows));
}

#[tokio::test(start_paused = true)]
async fn rolled_back_and_migrated_again_everything_is_right() {
    let mut world = World::new(2, 8, LATENCY, no_fault()).await;
    world.run().await;
    world.roll_back(&everything()).await;
    // The checkpoint of before the rollback would say that all is done.
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!((done(&outcome).done, done(&outcome).found), (16, 0));
    world.assert_all_done(2, 8).await;
    // Another machine, whose file is that of the first run.
    world.roll_back(&everything()).await;
    world.assert_undone(2, 8).await;
    world.config.instance = InstanceId::number(2);
    world.run().await;
    world.assert_all_done(2, 8).await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_in_a_unit_that_is_rolled_back_is_listed_no_more() {
    let corrupt = |op: &str, key: &str, _: u32| {
        let failure = || Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte");
        (op == "copy" && key == "key-003").then(failure)
    };
    let world = World::new(2, 6, LATENCY, Box::new(corrupt)).await;
    world.run().await;
    let listed = async || {
        let listed = world.store.failed_items(&FailedQuery::default()).await;
        let units = listed.unwrap().into_iter().map(|failed| failed.unit.name);
        units.collect::<Vec<_>>()
    };
    assert_eq!(listed().await.len(), 2);
    world.roll_back(&one(0)).await;
    assert_eq!(listed().await, [name(1).into()]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_checkpoint_of_another_instance_does_not_bring_the_work_back() {
    let mut world = World::new(1, 6, LATENCY, no_fault()).await;
    world.run().await;
    world.config.instance = InstanceId::number(2);
    world.roll_back(&everything()).await;
    world.assert_undone(1, 6).await;
    world.config.instance = InstanceId::number(1);
    let outcome = world.run().await;
    assert_eq!((done(&outcome).done, done(&outcome).found), (6, 0));
    world.assert_all_done(1, 6).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_is_never_undone() {
    let world = World::new(1, 6, LATENCY, no_fault()).await;
    let folder = world.copy.to.0.join(name(0));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("key-002"), "0/2").unwrap();
    fs::write(folder.join("key-003"), "0/3").unwrap();
    fs::write(folder.join("key-003.seal"), "0/3").unwrap();
    let before = world.target();
    world.run().await;
    let outcome = world.roll_back(&everything()).await;
    assert_eq!(outcome.undone["copy"], 4);
    assert_eq!(outcome.undone["seal"], 5);
    assert!(!outcome.undone.contains_key("folder"));
    assert_eq!(world.target(), before);
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_time_of_a_rollback_and_then_another_leaves_nothing() {
    let mut after = LATENCY / 2;
    let mut hits = 0;
    loop {
        let world = World::new(2, 4, LATENCY, no_fault()).await;
        world.run().await;
        let crashed = world.crash_back(after).await;
        if crashed {
            hits += 1;
            // Whatever is missing by now, no row says that it is there.
            let missing = |unit| {
                let keys = (0..4).map(move |key| format!("{}/{}", name(unit), key_name(key)));
                let target = world.target();
                keys.filter(|path| !target.contains_key(path)).count()
            };
            for unit in 0..2 {
                let row = world.row(unit).await;
                assert!(
                    missing(unit) == 0 || row.counts.done == 0,
                    "{after:?} {row:?}"
                );
            }
        }
        let outcome = world.roll_back(&everything()).await;
        assert_eq!(outcome.ended, Ended::Finished, "{after:?}");
        world.assert_undone(2, 4).await;
        world.run().await;
        world.assert_all_done(2, 4).await;
        if !crashed {
            break;
        }
        after += LATENCY / 2;
    }
    assert!(hits > 20, "the crashes hit the work: {hits}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_died_in_its_last_writes_is_brought_to_its_end_by_the_next() {
    let world = World::new(2, 4, LATENCY, no_fault()).await;
    world.run().await;
    // Right after the last effect was gone: the unit is begun, and its owner's row is of before.
    let last = |world: &World| world.paths().is_empty();
    let stop = Stop::new();
    let (parts, within) = (world.parts(&stop), everything());
    let tasks = parts.tasks.clone();
    tokio::select! {
        biased;
        () = async { while !last(&world) { tokio::time::sleep(LATENCY / 10).await } } => {}
        _ = world.undo(parts, &within) => unreachable!("it ended first"),
    }
    tasks.join().await;
    let open = |row: &crate::model::UnitProgress| row.status == Status::InProgress;
    assert!(open(&world.row(0).await) || open(&world.row(1).await));
    let owner = OWNER.parse().unwrap();
    let again = world.roll_back(&everything()).await;
    assert_eq!((again.ended, again.undone.len()), (Ended::Finished, 0));
    world.assert_undone(2, 4).await;
    let row = CustomerTables::of(&world.store)
        .customer(&owner)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.status.as_str(), row.completed_uploads), ("pending", 0));
}

#[tokio::test(start_paused = true)]
async fn a_migration_that_crashed_anywhere_can_be_rolled_back() {
    let mut after = LATENCY / 2;
    loop {
        let world = World::new(2, 4, LATENCY, no_fault()).await;
        let crashed = world.crash(after).await;
        let outcome = world.roll_back(&everything()).await;
        assert_eq!(outcome.ended, Ended::Finished, "{after:?}");
        assert_eq!(world.paths(), BTreeSet::new(), "{after:?}");
        if !crashed {
            break;
        }
        after += LATENCY / 2;
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_units_that_were_asked_for_are_rolled_back() {
    let world = World::new(3, 5, LATENCY, no_fault()).await;
    world.run().await;
    let others = |path: &String| !path.starts_with(&name(1));
    let mut before = world.paths();
    let outcome = world.roll_back(&one(1)).await;
    assert_eq!(outcome.units, 1);
    before.retain(others);
    assert_eq!(world.paths(), before);
    assert_eq!(world.row(0).await.status, Status::Completed);
    assert_eq!(world.row(1).await.status, Status::Pending);
    assert_eq!(world.survey(&one(1)).await.unknown, []);
    assert_eq!(world.survey(&one(7)).await.unknown, one(7).units);
}

#[tokio::test(start_paused = true)]
async fn only_what_a_run_made_is_rolled_back() {
    let world = World::new(1, 40, LATENCY, no_fault()).await;
    assert!(world.crash(LATENCY * 40).await);
    let before = world.paths();
    world.run().await;
    let run = |id: &str| Within {
        run: Some(RunId::new(id)),
        ..Within::default()
    };
    let outcome = world.roll_back(&run("run-2")).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(
        world.paths(),
        before,
        "the folder and the first copies stay"
    );
    assert!(!world.survey(&run("never")).await.knows_run);
    world.run().await;
    world.assert_all_done(1, 40).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_the_unit_back_and_the_next_rollback_goes_on() {
    let world = World::new(1, 40, LATENCY, no_fault()).await;
    world.run().await;
    let stop = Stop::new();
    let signal = async {
        tokio::time::sleep(LATENCY * 20).await;
        stop.request(StopLevel::Drain, "SIGTERM");
    };
    let within = everything();
    let undoing = world.undo(world.parts(&stop), &within);
    let (outcome, ()) = tokio::join!(undoing, signal);
    assert!(matches!(
        outcome.ended,
        Ended::Stopped { aborted: false, .. }
    ));
    let row = world.row(0).await;
    assert_eq!((row.status, row.counts.left()), (Status::InProgress, 40));
    assert!(world.paths().len() > 1);
    world.roll_back(&everything()).await;
    world.assert_undone(1, 40).await;
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_stays_keeps_those_before_it_and_is_reported() {
    let fault: super::calls::Fault = Box::new(|operation, key, before| {
        let refused = operation == "undo" && key == "key-001.seal" && before == 0;
        let shaky = operation == "undo" && key == "key-002" && before < 2;
        let down = || Failure::transient(Reason::UNREACHABLE, "busy");
        let no = || Failure::permanent(Reason::UNAUTHORIZED, "it may not be removed");
        refused.then(no).or_else(|| shaky.then(down))
    });
    let world = World::new(1, 4, LATENCY, fault).await;
    world.run().await;
    let outcome = world.roll_back(&everything()).await;
    assert_eq!((outcome.ended, outcome.failed), (Ended::Finished, 1));
    assert_eq!(
        outcome.first[0].effect.as_ref().unwrap().subject,
        "key-001.seal"
    );
    let left = ["unit-00", "unit-00/key-001", "unit-00/key-001.seal"];
    assert_eq!(world.paths(), left.map(str::to_owned).into());
    let row = world.row(0).await;
    assert_eq!((row.status, row.counts.left()), (Status::InProgress, 4));
    assert!(matches!(
        row.steps.values().next().unwrap().state,
        StepState::Applied(_)
    ));
    world.roll_back(&everything()).await;
    world.assert_undone(1, 4).await;
}

#[tokio::test(start_paused = true)]
async fn items_that_no_journal_knows_are_reported_beforehand() {
    let world = World::new(2, 6, LATENCY, no_fault()).await;
    world.run().await;
    let journal = world.dir.path().join("state/instance-1-journal.ndjson");
    let aside = world.dir.path().join("elsewhere.ndjson");
    fs::rename(&journal, &aside).unwrap();
    let found = world.survey(&everything()).await;
    assert_eq!(
        found
            .unaccounted
            .iter()
            .map(|(_, items)| items)
            .sum::<u64>(),
        12
    );
    let mut within = everything();
    within.journals = vec![aside];
    let found = world.survey(&within).await;
    assert!(found.unaccounted.is_empty());
    assert_eq!(world.roll_back(&within).await.ended, Ended::Finished);
    world.assert_undone(2, 6).await;
    within.journals = vec![world.dir.path().join("nowhere.ndjson")];
    let refused = plan_undo(&world.parts(&Stop::new()), &within).await;
    assert!(matches!(refused, Err(EngineError::Journals(_))));
}

#[tokio::test(start_paused = true)]
async fn journals_of_another_environment_or_version_are_refused() {
    let world = World::new(1, 3, LATENCY, no_fault()).await;
    world.run().await;
    let before = world.paths();
    let journal = world.dir.path().join("state/instance-1-journal.ndjson");
    let ours = fs::read_to_string(&journal).unwrap();
    let openings = ours
        .lines()
        .filter(|line| line.contains(r#""state":{"environment":"test""#));
    assert_eq!(openings.count(), 1, "one for the run:\n{ours}");
    let with = |state: &str, run: Option<&str>| Within {
        state: Some(state.into()),
        run: run.map(RunId::new),
        ..everything()
    };
    let found = world.survey(&with("test", None)).await;
    assert!(found.to_undo() > 0);
    let known: Vec<_> = found.runs.iter().map(|run| run.run.as_str()).collect();
    assert_eq!(known, ["run-1"]);
    assert_eq!(found.runs[0].instance, Some(InstanceId::number(1)));

    let refuses = async |within: &Within, words: [&str; 2]| {
        let refused = plan_undo(&world.parts(&Stop::new()), within).await;
        let Err(error @ EngineError::ForeignJournal { .. }) = refused else {
            panic!("{refused:?}")
        };
        for word in words {
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
    };
    refuses(&with("elsewhere", None), ["effects of test", "elsewhere"]).await;
    refuses(
        &with("elsewhere", Some("run-1")),
        ["effects of test", "elsewhere"],
    )
    .await;

    // A folder that was used for two: what is the other's is left out, and refused when it is asked for.
    let other = r#"{"v":1,"at":1,"run":"other","instance":"1","state":"elsewhere","program":"0"}"#;
    let copied = ours
        .lines()
        .skip(1)
        .map(|line| line.replace("run-1", "other"));
    let copied: Vec<String> = copied.collect();
    fs::write(&journal, format!("{ours}{other}\n{}\n", copied.join("\n"))).unwrap();
    assert_eq!(world.survey(&with("test", None)).await.listed, found.listed);
    refuses(
        &with("test", Some("other")),
        ["effects of elsewhere", "test"],
    )
    .await;

    let newer = ours.replacen("\"v\":1", "\"v\":2", 3);
    fs::write(&journal, newer).unwrap();
    refuses(
        &everything(),
        ["line 1 of journal version 2", "reads journal version 1"],
    )
    .await;
    assert_eq!(world.paths(), before);
}
