//! A process of the migration dies at every request that changes something, another goes on, and the network is as if
//! nobody had died.
//!
//! The requests are found by running: the network counts them. The usual run tries the first request of a kind before
//! and after it is carried out, a middle and the last one on one side of it, each with one kind of loss;
//! `STERNA_CRASH_ALL=1` tries everything.

mod picture;
mod scene;

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};

use sterna::runtime::Tasks;

use picture::Picture;
use scene::{Kind, Phase, Point, Scene, Task};

/// Networks at the same time.
const AT_ONCE: usize = 6;

/// What is lost with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Nothing: it is started again.
    Process,
    /// Checkpoint, journal and results.
    Files,
}

/// A world that nobody disturbed, and the requests that made it.
async fn undisturbed(task: Task) -> (Picture, BTreeMap<Kind, u64>) {
    let scene = prepared(task).await;
    scene.finish(task).await;
    let changes = scene.changes();
    let picture = scene.picture().await;
    scene.stop().await;
    (picture, changes)
}

/// A network on which the task is to be done.
async fn prepared(task: Task) -> Scene {
    let scene = Scene::new().await;
    if task == Task::RollBack {
        scene.finish(Task::Migrate).await;
        scene.sandbox.network().meter.reset();
    }
    scene
}

/// The points to die at, with what is lost there.
fn trials(task: Task, changes: &BTreeMap<Kind, u64>, losses: &[Loss]) -> Vec<(Point, Loss)> {
    let all = setting("STERNA_CRASH_ALL");
    let mut found = Vec::new();
    for (turn, (kind, requests)) in changes.iter().enumerate() {
        let mut numbers: Vec<u64> = if all {
            (0..*requests).collect()
        } else {
            vec![0, requests / 2, requests - 1]
        };
        numbers.dedup();
        for (place, number) in numbers.into_iter().enumerate() {
            for (shift, phase) in [Phase::Before, Phase::After].into_iter().enumerate() {
                let both = all || place == 0 && task == Task::Migrate;
                if !both && (turn + place) % 2 != shift {
                    continue;
                }
                let point = Point {
                    kind: kind.clone(),
                    number,
                    phase,
                };
                let one = losses[(turn + place + shift) % losses.len()];
                let with = losses.iter().filter(|loss| all || **loss == one);
                found.extend(with.map(|loss| (point.clone(), *loss)));
            }
        }
    }
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "how much is tried is up to whoever runs the tests"
)]
fn setting(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Dies at a point, loses what is to be lost, goes on; whether it came to the point, how many files were lost, and the
/// world at the end.
async fn after_death_at(task: Task, point: &Point, loss: Loss) -> (bool, usize, Picture) {
    let scene = prepared(task).await;
    let came = scene.die_at(task, point).await;
    let files = match loss {
        Loss::Process => 0,
        Loss::Files => scene.lose_files(),
    };
    scene.finish(task).await;
    let picture = scene.picture().await;
    scene.stop().await;
    (came, files, picture)
}

/// What is not as in the world of which nobody died.
fn differences(wanted: &Picture, came: &Picture) -> Vec<String> {
    let names: BTreeSet<_> = wanted.keys().chain(came.keys()).collect();
    let differs = |name: &&&String| wanted.get(**name) != came.get(**name);
    let told = |name: &String| {
        let (wanted, came) = (wanted.get(name), came.get(name));
        format!("{name} is {came:?}, should be {wanted:?}")
    };
    names
        .iter()
        .filter(differs)
        .map(|name| told(name))
        .collect()
}

/// Tries every point of a task.
async fn enumerate(task: Task, losses: &[Loss], kinds: &[&str]) {
    let (wanted, changes) = undisturbed(task).await;
    let met: Vec<String> = changes.keys().map(ToString::to_string).collect();
    assert_eq!(met, kinds, "the kinds of requests that change something");
    if task == Task::Migrate {
        let clean = "Finished VerdictCounts { ok: 3, wrong: 0, missing: 1, could_not_tell: 0 }";
        assert_eq!(wanted["audit"], clean, "the missing blob, and nothing else");
    }
    let trials = trials(task, &changes, losses);
    let tried = trials.len();
    let tasks = Tasks::new();
    let each = trials.into_iter().map(|(point, loss)| {
        let wanted = wanted.clone();
        tasks.spawn(async move {
            let (came, files, picture) = after_death_at(task, &point, loss).await;
            let found = differences(&wanted, &picture).into_iter();
            let found: Vec<_> = found
                .map(|found| format!("{point:?} {loss:?}: {found}"))
                .collect();
            (came, files, found)
        })
    });
    let ended: Vec<_> = stream::iter(each)
        .buffer_unordered(AT_ONCE)
        .map(Result::unwrap)
        .collect()
        .await;
    let wrong: Vec<_> = ended
        .iter()
        .flat_map(|(_, _, found)| found.clone())
        .collect();
    assert!(
        wrong.is_empty(),
        "{} in {tried}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let files: usize = ended.iter().map(|(_, files, _)| files).sum();
    assert_eq!(files > 0, losses.contains(&Loss::Files));
    // How often a space is saved depends on who was faster.
    let missed = ended.iter().filter(|(came, ..)| !came).count();
    assert!(
        missed * 10 <= tried,
        "{missed} of {tried} were not met again"
    );
}

/// Requests of a migration that change something.
const MIGRATING: &[&str] = &[
    "upload space/blob/add",
    // The question whether the service takes writes, which removes nothing.
    "upload space/blob/remove",
    "upload ucan/conclude",
    "node PUT /{key}",
    "indexer assert/index",
    "indexer claim/cache",
    "gateway access/delegate",
    "dynamodb BatchWriteItem local-w3infra-delegation",
    "dynamodb PutItem local-migration-fleet",
    "dynamodb PutItem local-migration-spaces",
    "dynamodb PutItem local-w3infra-consumer",
    "dynamodb PutItem local-w3infra-subscription",
    "dynamodb TransactWriteItems local-migration-failures",
    "dynamodb TransactWriteItems local-migration-progress",
    "dynamodb UpdateItem local-migration-control",
    "dynamodb UpdateItem local-migration-customers",
    "dynamodb UpdateItem local-migration-progress",
    "dynamodb UpdateItem local-migration-spaces",
    "s3 PutObject local-storage-claim-store-bucket",
    "s3 PutObject local-storage-ipni-publisher",
    "s3 PutObject r2-delegation-local-0",
    "s3 PutObject store-protocol-local-storage-ipni-publisher",
    "sqs SendMessageBatch local-storage-ipni-publisher.fifo",
    "sqs SendMessageBatch store-protocol-local-storage-ipni-publisher.fifo",
];

/// Requests of a rollback that change something.
const ROLLING_BACK: &[&str] = &[
    "upload space/blob/remove",
    "upload ucan/revoke",
    "dynamodb DeleteItem local-w3infra-consumer",
    "dynamodb DeleteItem local-w3infra-delegation",
    "dynamodb DeleteItem local-w3infra-subscription",
    "dynamodb PutItem local-migration-fleet",
    "dynamodb TransactWriteItems local-migration-failures",
    "dynamodb TransactWriteItems local-migration-progress",
    "dynamodb UpdateItem local-migration-customers",
    "dynamodb UpdateItem local-migration-progress",
    "dynamodb UpdateItem local-migration-spaces",
    "s3 DeleteObject r2-delegation-local-0",
];

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_migrating_process_dies_the_network_comes_out_the_same() {
    Box::pin(enumerate(
        Task::Migrate,
        &[Loss::Process, Loss::Files],
        MIGRATING,
    ))
    .await;
}

/// With its journal gone a rollback would not know what was made, so nothing is lost here.
#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_rollback_process_dies_the_network_comes_out_the_same() {
    Box::pin(enumerate(Task::RollBack, &[Loss::Process], ROLLING_BACK)).await;
}

#[test]
fn everything_by_which_the_clients_change_something_has_its_points() {
    let kinds = MIGRATING.iter().chain(ROLLING_BACK);
    let has = |wanted: &str| kinds.clone().any(|kind| kind.starts_with(wanted));
    for (service, operation) in crate::answers::changes() {
        let wanted = format!("{service} {operation}");
        assert!(
            has(&wanted),
            "{wanted} has no crash points: widen the world of these tests"
        );
    }
}

/// The program itself, under SIGKILL: at a point of each kind of service.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_program_leaves_nothing_that_another_does_not_finish() {
    let (wanted, changes) = undisturbed(Task::Migrate).await;
    let mut points = BTreeMap::new();
    for kind in changes.keys() {
        let phase = if points.len() % 2 == 0 {
            Phase::After
        } else {
            Phase::Before
        };
        let point = Point {
            kind: kind.clone(),
            number: 0,
            phase,
        };
        points.entry(kind.service).or_insert(point);
    }
    let tasks = Tasks::new();
    let each = points.into_values().map(|point| {
        let wanted = wanted.clone();
        tasks.spawn(async move {
            let scene = Scene::new().await;
            assert!(scene.kill_program_at(&point).await, "{point:?}");
            scene.finish(Task::Migrate).await;
            let wrong = differences(&wanted, &scene.picture().await);
            assert!(wrong.is_empty(), "{point:?}:\n{}", wrong.join("\n"));
            scene.stop().await;
        })
    });
    let ended: Vec<_> = stream::iter(each).buffer_unordered(AT_ONCE).collect().await;
    ended.into_iter().for_each(Result::unwrap);
}
