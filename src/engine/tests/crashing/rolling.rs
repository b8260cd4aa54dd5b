//! A rollback dies at every point there is, another goes on, and nothing is left, as if nobody had died.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::points::{Passed, Phase, Point, Points};
use super::watched::kind_of_undo;
use super::{Loss, Scene, simulated, try_all};
use crate::engine::{Ended, Migration, RolledBack, Within, plan_undo, rollback};

/// The journals outlive the process: without them nobody knows what was made.
const LOSSES: [Loss; 4] = [Loss::Process, Loss::Checkpoint, Loss::Machine, Loss::Number];

impl Scene {
    /// A world that was migrated, but for what failed.
    pub(super) async fn migrated() -> Self {
        let scene = Self {
            real: true,
            ..Self::new().await
        };
        assert!(scene.process(0, 0, &Points::new(None)).await);
        scene.world.copy.calls.made.lock().unwrap().clear();
        scene
    }

    /// Takes everything back, or dies on the way.
    async fn back(&self, instance: usize, number: u32, points: &Arc<Points>) -> bool {
        *self.points.lock().unwrap() = Some(Arc::clone(points));
        self.fixed.store(true, Ordering::SeqCst);
        let going = async {
            // What could not be written for lack of an answer is tried again, as an operator would.
            for turn in 0..4 {
                let came = self
                    .one_back(instance, &format!("back {number} {turn}"), points)
                    .await;
                if came.ended == Ended::Finished && came.failed == 0 {
                    return;
                }
            }
            panic!("rollback {number} does not come to its end");
        };
        tokio::select! {
            biased;
            () = points.process.died() => false,
            () = going => true,
        }
    }

    async fn one_back(&self, instance: usize, name: &str, points: &Arc<Points>) -> RolledBack {
        let (parts, config) = self.parts(instance, name, points);
        let within = Within {
            units: vec![(Some("did:mailto:test:owner".to_owned()), None)],
            ..Within::default()
        };
        let tasks = parts.tasks.clone();
        let work = async move {
            let found = plan_undo(&parts, &within).await.unwrap();
            rollback(parts, config, found).await.unwrap()
        };
        tasks.spawn(work).await.unwrap()
    }

    /// What counts after a rollback.
    fn picture_back(&self) -> BTreeMap<String, String> {
        let mut picture = self.picture();
        picture.insert("left".to_owned(), format!("{:?}", self.world.paths()));
        for unit in self.world.units() {
            let row = super::at_once(self.store().progress_row(&unit.id));
            let holder = row.unwrap().unwrap().lease.map(|lease| lease.holder);
            picture.insert(format!("holder {}", unit.id), format!("{holder:?}"));
        }
        picture
    }
}

fn undisturbed() -> (BTreeMap<String, String>, BTreeMap<String, Passed>) {
    simulated(async || {
        let (scene, points) = (Scene::migrated().await, Points::new(None));
        assert!(scene.back(0, 0, &points).await);
        assert!(scene.world.paths().is_empty());
        (scene.picture_back(), points.passed())
    })
}

fn after_death_at(point: &Point, loss: Loss) -> BTreeMap<String, String> {
    simulated(async || {
        let (scene, points) = (Scene::migrated().await, Points::new(Some(point.clone())));
        let survived = scene.back(0, 0, &points).await;
        let unanswered = point.phase == Phase::Unanswered;
        assert_eq!(survived, unanswered, "{point:?} was not met again");
        let next = scene.lose(loss);
        let again = scene.back(next, 1, &Points::new(None)).await;
        assert!(again, "{point:?} {loss:?}");
        scene.picture_back()
    })
}

#[test]
fn wherever_a_rollback_dies_another_undoes_what_is_left() {
    let (wanted, passed) = undisturbed();
    try_all(&passed, &LOSSES, &wanted, after_death_at);
}

#[test]
fn every_effect_that_is_undone_and_every_record_of_it_has_its_points() {
    let (_, passed) = undisturbed();
    let copy = simulated(async || Scene::new().await).world.copy;
    let steps = copy.steps();
    let steps = steps.iter().filter(|step| step.undo().is_some());
    let unit_steps = copy.unit_steps();
    let unit_steps = unit_steps.iter().filter(|step| step.undo().is_some());
    let names = steps
        .map(|step| step.name())
        .chain(unit_steps.map(|step| step.name()));
    let kinds = names.map(|name| kind_of_undo(&name)).chain(
        [
            "call removed",
            "append journal.ndjson",
            "update progress: lease",
            "update progress: save",
            "update progress: release",
            "update customers",
            "put fleet",
        ]
        .map(str::to_owned),
    );
    for kind in kinds {
        let known = passed.keys();
        assert!(passed.contains_key(&kind), "{kind} is not met: {known:?}");
    }
}
