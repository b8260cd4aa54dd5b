//! An audit dies at every point there is; another tells the same as one that never died, and no row is written.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use super::points::{Passed, Phase, Point, Points};
use super::{Loss, Scene, simulated, try_all};
use crate::engine::{AuditOutcome, Ended, EngineError, Report, Scope, audit};
use crate::model::AuditLine;

const LOSSES: [Loss; 1] = [Loss::Process];

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

    /// Looks at everything, or dies on the way.
    async fn audit(&self, points: &Arc<Points>) -> Option<AuditOutcome> {
        let report = Report::new("audit", "all");
        let done = self.audit_as("a", report, points).await;
        done.map(Result::unwrap)
    }

    async fn audit_as(
        &self,
        run: &str,
        report: Report,
        points: &Arc<Points>,
    ) -> Option<Result<AuditOutcome, EngineError>> {
        *self.points.lock().unwrap() = Some(Arc::clone(points));
        let (parts, config) = self.parts(0, run, points);
        let scope = Scope::Units(self.world.units());
        let tasks = parts.tasks.clone();
        tokio::select! {
            biased;
            () = points.process.died() => None,
            outcome = tasks.spawn(audit(parts, config, scope, report)) => Some(outcome.unwrap()),
        }
    }

    /// Goes on with an audit that died, if it had begun its report and not ended it.
    async fn audit_again(&self) -> AuditOutcome {
        let points = Points::new(None);
        let report = Report {
            resume: true,
            ..Report::new("audit", "all")
        };
        let resumed = self.audit_as("b", report, &points).await.unwrap();
        match resumed {
            Err(EngineError::NothingToResume { .. }) => {
                let report = Report::new("audit", "all");
                let anew = self.audit_as("c", report, &points).await;
                anew.unwrap().unwrap()
            }
            resumed => resumed.unwrap(),
        }
    }

    /// What an audit came to, its report, and everything that it must leave alone.
    fn picture_of(&self, outcome: &AuditOutcome) -> BTreeMap<String, String> {
        assert_eq!(outcome.ended, Ended::Finished);
        let mut picture = self.picture();
        picture.insert("verdicts".to_owned(), format!("{:?}", outcome.verdicts));
        let report = fs::read_to_string(&outcome.file).unwrap();
        let is_item = |line: &&str| {
            let line = serde_json::from_str(line).unwrap();
            matches!(line, AuditLine::Item(_))
        };
        let mut lines: Vec<_> = report.lines().filter(is_item).collect();
        lines.sort_unstable();
        assert!(report.lines().last().unwrap().contains("\"line\":\"end\""));
        picture.insert("report".to_owned(), lines.join("\n"));
        picture
    }
}

fn undisturbed() -> (BTreeMap<String, String>, BTreeMap<String, Passed>) {
    simulated(async || {
        let (scene, points) = (Scene::damaged().await, Points::new(None));
        let outcome = scene.audit(&points).await.unwrap();
        (scene.picture_of(&outcome), points.passed())
    })
}

fn after_death_at(point: &Point) -> BTreeMap<String, String> {
    simulated(async || {
        let (scene, points) = (Scene::damaged().await, Points::new(Some(point.clone())));
        let first = scene.audit(&points).await;
        let unanswered = point.phase == Phase::Unanswered;
        assert_eq!(first.is_some(), unanswered, "{point:?} was not met again");
        let again = scene.audit_again().await;
        scene.picture_of(&again)
    })
}

#[test]
fn wherever_an_audit_dies_the_next_one_goes_on_and_finds_the_same() {
    let (wanted, passed) = undisturbed();
    try_all(&passed, &LOSSES, &wanted, |point, _| after_death_at(point));
}

#[test]
fn an_audit_writes_its_report_and_nothing_else() {
    let (_, passed) = undisturbed();
    let kinds: Vec<_> = passed.keys().map(String::as_str).collect();
    let wanted = [
        "append audit-a.ndjson",
        "call probe",
        "call list",
        "make folder",
        "sync folder",
        "write audit-a.ndjson",
    ];
    let mut wanted = Vec::from(wanted);
    wanted.sort_unstable();
    assert_eq!(kinds, wanted);
}
