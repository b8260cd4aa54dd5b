//! An audit dies at every point there is; another tells the same as one that never died, and no row is written.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use super::points::{Passed, Phase, Point, Points};
use super::{Loss, Scene, simulated, try_all};
use crate::engine::{AuditOutcome, Choice, Ended, Scope, audit};

const LOSSES: [Loss; 1] = [Loss::Process];

/// All items, a slice, a sample.
const CHOICES: [Choice; 3] = [
    Choice {
        slice: None,
        share: None,
    },
    Choice {
        slice: Some((1, 2)),
        share: None,
    },
    Choice {
        slice: None,
        share: Some(0.7),
    },
];

impl Scene {
    /// A world of which some was lost after it was migrated.
    async fn damaged() -> Self {
        let scene = Self::migrated().await;
        for lost in ["unit-00/key-001", "unit-01/key-000.seal", "unit-01/key-003"] {
            fs::remove_file(scene.world.copy.to.0.join(lost)).unwrap();
        }
        fs::write(scene.world.copy.to.0.join("unit-00/key-003"), "changed").unwrap();
        scene
    }

    /// Looks at everything that is chosen, or dies on the way.
    async fn audit(&self, choice: Choice, points: &Arc<Points>) -> Option<AuditOutcome> {
        *self.points.lock().unwrap() = Some(Arc::clone(points));
        let (parts, config) = self.parts(0, "audit", points);
        let scope = Scope::Units(self.world.units(), choice);
        let tasks = parts.tasks.clone();
        tokio::select! {
            biased;
            () = points.process.died() => None,
            outcome = tasks.spawn(audit(parts, config, scope, "audit")) => Some(outcome.unwrap().unwrap()),
        }
    }

    /// What an audit came to, its report, and everything that it must leave alone.
    fn picture_of(&self, outcome: &AuditOutcome) -> BTreeMap<String, String> {
        assert_eq!(outcome.ended, Ended::Finished);
        let mut picture = self.picture();
        picture.insert("verdicts".to_owned(), format!("{:?}", outcome.verdicts));
        let report = fs::read_to_string(&outcome.file).unwrap();
        let mut lines: Vec<_> = report.lines().collect();
        lines.sort_unstable();
        picture.insert("report".to_owned(), lines.join("\n"));
        picture
    }
}

fn undisturbed(choice: Choice) -> (BTreeMap<String, String>, BTreeMap<String, Passed>) {
    simulated(async || {
        let (scene, points) = (Scene::damaged().await, Points::new(None));
        let outcome = scene.audit(choice, &points).await.unwrap();
        (scene.picture_of(&outcome), points.passed())
    })
}

fn after_death_at(choice: Choice, point: &Point) -> BTreeMap<String, String> {
    simulated(async || {
        let (scene, points) = (Scene::damaged().await, Points::new(Some(point.clone())));
        let first = scene.audit(choice, &points).await;
        let unanswered = point.phase == Phase::Unanswered;
        assert_eq!(first.is_some(), unanswered, "{point:?} was not met again");
        let again = scene.audit(choice, &Points::new(None)).await.unwrap();
        scene.picture_of(&again)
    })
}

#[test]
fn wherever_an_audit_dies_the_next_one_tells_the_same() {
    for choice in CHOICES {
        let (wanted, passed) = undisturbed(choice);
        try_all(&passed, &LOSSES, &wanted, |point, _| {
            after_death_at(choice, point)
        });
    }
}

#[test]
fn an_audit_writes_its_report_and_nothing_else() {
    let (_, passed) = undisturbed(CHOICES[0]);
    let kinds: Vec<_> = passed.keys().map(String::as_str).collect();
    let wanted = [
        "append audit.ndjson",
        "call probe",
        "call list",
        "make folder",
        "sync folder",
        "write audit.ndjson",
    ];
    let mut wanted = Vec::from(wanted);
    wanted.sort_unstable();
    assert_eq!(kinds, wanted);
}
