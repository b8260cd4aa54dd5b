//! A process dies at every point there is, another goes on, and the world is as if nobody had died.
//!
//! The usual run tries each point with one kind of loss; `STERNA_CRASH_ALL=1` tries each with all.

mod auditing;
mod points;
mod rolling;
mod splitting;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;

use self::points::{Mortal, Passed, Phase, Point, Points, Watched, WatchedDisk};
use self::watched::{WatchedMigration, kind_of};
use super::copy::Copy;
use super::setting;
use super::simulation::disk::Drive;
use super::simulation::request::EffectFilter;
use super::world::{World, elsewhere};
use crate::engine::{
    Config, Ended, Events, Job, Migration, Retry, RunParts, ServiceRegistry, Stop, Tasks, run,
};
use crate::migrations::uploads::{CustomerTables, namespace};
use crate::model::{Counts, Failure, Invariant, Reason, RunId, StepState, UnitId};
use crate::runtime::seed_chance;
use crate::state::rows::Memory;
use crate::state::{self, FailedQuery, Store};

const LATENCY: Duration = Duration::from_millis(20);
/// An item that cannot be copied until the retry.
const BAD: &str = "key-002";

/// What is lost with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Nothing: it is started again.
    Process,
    /// Its checkpoint file, and the one before it.
    Checkpoint,
    /// Everything that was not synced.
    Power,
    /// The whole machine: another instance goes on.
    Machine,
    /// The same, and another machine goes on under its number.
    Number,
}

const LOSSES: [Loss; 5] = [
    Loss::Process,
    Loss::Checkpoint,
    Loss::Power,
    Loss::Machine,
    Loss::Number,
];

/// Of those who may go on: the disk, and the number if it is not that of the world's own instance.
const ON: [(usize, Option<u32>); 3] = [(0, None), (1, Some(2)), (1, Some(1))];

/// All that outlives a process.
struct Scene {
    world: World,
    memory: Arc<Memory>,
    /// The disk of each instance.
    drives: [Drive; 2],
    /// The files of all instances are real ones, in one folder.
    real: bool,
    fixed: Arc<AtomicBool>,
    points: Arc<std::sync::Mutex<Option<Arc<Points>>>>,
}

impl Scene {
    async fn new() -> Self {
        let fixed = Arc::new(AtomicBool::new(false));
        let points: Arc<std::sync::Mutex<Option<Arc<Points>>>> = Arc::default();
        let (see, watch) = (Arc::clone(&fixed), Arc::clone(&points));
        let fault = move |operation: &str, key: &str, _: u32| {
            // An effect that is made and not answered for.
            let points = watch.lock().unwrap().clone()?;
            let kind = format!("call {operation}");
            points.begin(&kind, &[Phase::Before]);
            if points.process.is_dead() {
                return Some(Failure::unknown(Reason::TIMEOUT, "dead"));
            }
            let corrupt = operation == "copy" && key == BAD && !see.load(Ordering::SeqCst);
            corrupt.then(|| Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte"))
        };
        Self {
            world: World::new(2, 4, LATENCY, Box::new(fault)).await,
            memory: Arc::default(),
            drives: Default::default(),
            real: false,
            fixed,
            points,
        }
    }

    /// Runs until the end, or until the process dies. A retry follows when all units have ended.
    async fn process(&self, instance: usize, number: u32, points: &Arc<Points>) -> bool {
        *self.points.lock().unwrap() = Some(Arc::clone(points));
        let going = async {
            self.fixed.store(false, Ordering::SeqCst);
            self.job(
                instance,
                &format!("{number}a"),
                points,
                Job::Units(self.world.units()),
            )
            .await;
            self.fixed.store(true, Ordering::SeqCst);
            let retry = Job::RetryFailed(Retry::default());
            self.job(instance, &format!("{number}b"), points, retry)
                .await;
        };
        tokio::select! {
            biased;
            () = points.process.died() => false,
            () = going => true,
        }
    }

    async fn job(&self, instance: usize, name: &str, points: &Arc<Points>, job: Job) {
        // What could not be written for lack of an answer is tried by the next run, as an operator would.
        for turn in 0..4 {
            let job = job.clone();
            let ended = self
                .one_run(instance, &format!("{name}{turn}"), points, job)
                .await;
            if ended == Ended::Finished {
                return;
            }
        }
        panic!("{name} does not come to its end");
    }

    async fn one_run(&self, instance: usize, name: &str, points: &Arc<Points>, job: Job) -> Ended {
        let (parts, config) = self.parts(instance, name, points);
        let tasks = parts.tasks.clone();
        let outcome = tasks.spawn(run(parts, config, job)).await.unwrap().unwrap();
        assert!(
            outcome.snapshot.counts.add_up(),
            "{}: {:?}",
            Invariant::CountsAddUp,
            outcome.snapshot.counts
        );
        assert_eq!(outcome.snapshot.in_flight, 0);
        outcome.ended
    }

    /// What a process works with.
    fn parts(
        &self,
        instance: usize,
        name: &str,
        points: &Arc<Points>,
    ) -> (RunParts<WatchedMigration<Copy>>, Config) {
        let rows = EffectFilter(Watched {
            memory: Arc::clone(&self.memory),
            points: Arc::clone(points),
        });
        let disk = WatchedDisk {
            disk: if self.real {
                Arc::new(Mortal(points.process.clone()))
            } else {
                self.drives[ON[instance].0].of(&points.process)
            },
            points: Arc::clone(points),
        };
        let clock = self.world.clock;
        let parts = RunParts {
            migration: Arc::new(WatchedMigration::<Copy> {
                inner: Arc::clone(&self.world.copy),
                points: Arc::clone(points),
            }),
            store: Store::over(Arc::new(rows), self.state())
                .with_clock(clock)
                .with_disk(Arc::new(disk)),
            stop: Stop::new(),
            tasks: Tasks::of(&points.process),
            clock,
            events: Events::new(clock),
            dependencies: ServiceRegistry::new(),
        };
        let holder = ON[instance].1.map(elsewhere);
        let holder = holder.unwrap_or_else(|| self.world.config.holder());
        let mut config = Config {
            instance: holder.instance,
            folder: holder.folder,
            run: RunId::new(name),
            ..self.world.config.clone()
        };
        config.pace.lease_term = Duration::from_millis(600);
        config.pace.checkpoint_every = Duration::from_millis(100);
        config.pace.checkpoint_items = 2;
        config.pace.attempt_wait = Duration::from_millis(100);
        config.max_failure_rate = 1.0;
        (parts, config)
    }

    /// Loses what goes with a process of the first instance; gives the instance that goes on.
    fn lose(&self, loss: Loss) -> usize {
        match loss {
            Loss::Process => {}
            Loss::Checkpoint if self.real => self.world.lose_file(),
            Loss::Checkpoint => self.drives[0].lose("checkpoint"),
            Loss::Power => self.drives[0].crash(|_| 0),
            Loss::Machine => return 1,
            Loss::Number => return 2,
        }
        0
    }

    fn state(&self) -> state::Config {
        state::Config::new(
            namespace("test-migration-"),
            self.world.dir.path().join("state"),
        )
    }

    /// The tables, without anything in between.
    fn store(&self) -> Store {
        Store::over(Arc::clone(&self.memory) as _, self.state())
    }

    /// All that counts, without times, epochs and holders: a unit that has ended may keep the lease of a dead one,
    /// which runs out by itself.
    fn picture(&self) -> BTreeMap<String, String> {
        let target = self.world.target().into_iter();
        let mut picture: BTreeMap<_, _> = target
            .map(|(path, bytes)| (format!("target {path}"), String::from_utf8(bytes).unwrap()))
            .collect();
        for unit in self.world.units() {
            picture.insert(format!("row {}", unit.id), self.row(&unit.id));
            picture.insert(format!("parts {}", unit.id), self.parts_of(&unit.id));
            for item in ["key-000", "key-001", BAD, "key-003"] {
                let line = |line: &str| line.contains(&*unit.id.name) && line.contains(item);
                let mut drives = self.drives.iter();
                let told = drives.any(|drive| drive.has_line("results.ndjson", line));
                picture.insert(format!("line {} {item}", unit.id), told.to_string());
            }
        }
        let store = self.store();
        let failed = at_once(store.failed_items(&FailedQuery::default())).unwrap();
        picture.insert("failed".to_owned(), format!("{failed:?}"));
        let owner = "did:mailto:test:owner".parse().unwrap();
        let owner = at_once(CustomerTables::of(&store).customer(&owner))
            .unwrap()
            .unwrap();
        let (spaces, uploads) = (owner.completed_spaces, owner.completed_uploads);
        let owner = format!(
            "{} {spaces} {uploads}/{}",
            owner.status, owner.total_uploads
        );
        picture.insert("owner".to_owned(), owner);
        // An effect that was made or undone is never so again: the probe before it shows it.
        let made = self.world.copy.calls.made.lock().unwrap().clone();
        let made = made
            .into_iter()
            .filter(|((operation, _), _)| operation == "written" || operation == "removed");
        picture
            .extend(made.map(|((what, key), times)| (format!("{what} {key}"), times.to_string())));
        picture
    }

    fn row(&self, unit: &UnitId) -> String {
        let row = at_once(self.store().progress_row(unit)).unwrap().unwrap();
        let progress = row.progress;
        // Whether an item needed something depends on who came first.
        let counts = Counts {
            found: 0,
            ..progress.counts
        };
        let steps: Vec<_> = progress
            .steps
            .iter()
            .map(|(name, record)| (name, matches!(record.state, StepState::Applied(_))))
            .collect();
        format!(
            "{:?} {counts:?} {:?} {:?} {steps:?} {:?}",
            progress.status, progress.reasons, progress.cursor, progress.error
        )
    }
}

/// What rows in memory answer.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer
        .now_or_never()
        .expect("rows in memory answer at once")
}

fn simulated<T>(what: impl AsyncFnOnce() -> T) -> T {
    seed_chance(7);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(what())
}

/// The world of which nobody died, and every point that was passed.
fn undisturbed(
    scene: impl AsyncFnOnce() -> Scene,
) -> (BTreeMap<String, String>, BTreeMap<String, Passed>) {
    simulated(async || {
        let (scene, points) = (scene().await, Points::new(None));
        assert!(scene.process(0, 0, &points).await);
        (scene.picture(), points.passed())
    })
}

/// The first, a middle and the last call of each kind, in each phase.
fn all_points(passed: &BTreeMap<String, Passed>) -> Vec<Point> {
    let mut found = Vec::new();
    for (kind, passed) in passed {
        let mut numbers = vec![0, passed.calls / 2, passed.calls - 1];
        numbers.dedup();
        for number in numbers {
            for phase in &passed.phases {
                found.push(Point {
                    kind: kind.clone(),
                    number,
                    phase: *phase,
                });
            }
        }
    }
    found
}

/// Dies at a point, loses what is to be lost, goes on, and gives the world at the end.
fn after_death_at(
    scene: impl AsyncFnOnce() -> Scene,
    point: &Point,
    loss: Loss,
) -> BTreeMap<String, String> {
    simulated(async || {
        let (scene, points) = (scene().await, Points::new(Some(point.clone())));
        let survived = scene.process(0, 0, &points).await;
        assert_eq!(
            survived,
            point.phase == Phase::Unanswered,
            "{point:?} was not met again"
        );
        let next = scene.lose(loss);
        if !survived {
            let again = scene.process(next, 1, &Points::new(None)).await;
            assert!(again, "{point:?} {loss:?}");
        }
        scene.picture()
    })
}

/// Tries each point with one kind of loss, or with all if that is asked for.
fn try_all(
    passed: &BTreeMap<String, Passed>,
    losses: &[Loss],
    wanted: &BTreeMap<String, String>,
    after: impl Fn(&Point, Loss) -> BTreeMap<String, String>,
) {
    let all = setting("STERNA_CRASH_ALL").is_some();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (number, point) in all_points(passed).iter().enumerate() {
        for (place, loss) in losses.iter().enumerate() {
            if !all && place != number % losses.len() {
                continue;
            }
            tried += 1;
            let came = after(point, *loss);
            let others = wanted
                .iter()
                .filter(|(name, value)| came.get(*name) != Some(value));
            for (name, value) in others {
                let came = came.get(name);
                wrong.push(format!(
                    "{point:?} {loss:?}: {name} is {came:?}, should be {value:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn wherever_a_process_dies_the_world_comes_out_the_same() {
    let (wanted, passed) = undisturbed(Scene::new);
    try_all(&passed, &LOSSES, &wanted, |point, loss| {
        after_death_at(Scene::new, point, loss)
    });
}

#[test]
fn every_step_and_every_durable_write_has_its_points() {
    let (_, passed) = undisturbed(Scene::new);
    let world = simulated(async || Scene::new().await).world;
    let steps = world
        .copy
        .steps()
        .iter()
        .map(|step| step.name())
        .collect::<Vec<_>>();
    let unit_steps = world
        .copy
        .unit_steps()
        .iter()
        .map(|step| step.name())
        .collect::<Vec<_>>();
    for step in steps.iter().chain(&unit_steps) {
        assert!(
            passed.contains_key(&kind_of(step)),
            "step {step} has no point"
        );
    }
    for kind in [
        "update progress: lease",
        "update progress: save",
        "update progress: renew",
        "update progress: release",
        "update-under failures",
        "delete-under failures",
        "update customers",
        "put fleet",
        "append journal.ndjson",
        "append results.ndjson",
        "write checkpoint.tmp.json",
        "rename to checkpoint.previous.json",
        "rename to checkpoint.json",
        "sync folder",
        "call written",
    ] {
        assert!(
            passed.contains_key(kind),
            "{kind} is not met any more: {:?}",
            passed.keys()
        );
    }
}
