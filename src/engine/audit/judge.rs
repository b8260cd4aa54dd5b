//! What an audit says of one item.

use std::sync::Arc;

use futures::FutureExt;

use crate::engine::attempts::caught;
use crate::engine::item::probe;
use crate::engine::{Migration, Step, UnitContext, UnitObservation, UnitStep};
use crate::model::{
    Audited, Class, Failure, Finding, ItemId, Reason, Reasons, StepState, UnitId, UnitProgress,
    Verdict,
};

use super::patience::Patience;

/// A verdict and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
    pub(super) failure: Option<Failure>,
}

impl Judged {
    pub(super) fn new(findings: Vec<Finding>, failure: Option<Failure>, reasons: Reasons) -> Self {
        let failed = failure.as_ref().map(|failure| match failure.class {
            Class::Permanent if reasons.is_damage(failure.reason) => Verdict::Wrong,
            Class::Permanent if reasons.is_explained_by_data(failure.reason) => Verdict::Missing,
            // A refusal, or a fault of this program, says nothing of the world.
            _ => Verdict::CouldNotTell,
        });
        let found = findings.iter().map(|finding| finding.verdict);
        Self {
            verdict: Verdict::worst(found.chain(failed)),
            findings,
            failure,
        }
    }

    /// What ends the audit.
    pub(super) fn fatal(&self) -> Option<&Failure> {
        let failure = self.failure.as_ref();
        failure.filter(|failure| failure.class == Class::Fatal)
    }

    /// A fault of this program.
    pub(super) fn internal(&self) -> Option<&Failure> {
        let failure = self.failure.as_ref();
        failure.filter(|failure| failure.reason == Reason::INTERNAL)
    }

    /// The line of the report; none for what is ok.
    pub(super) fn line(self, unit: &UnitId, item: ItemId) -> Option<Audited> {
        (self.verdict != Verdict::Ok).then(|| Audited {
            unit: unit.clone(),
            item,
            verdict: self.verdict,
            findings: self.findings,
            failure: self.failure,
        })
    }

    /// The verdict on an item with the verdict on its unit.
    pub(super) fn with(self, unit: &Self, reasons: Reasons) -> Self {
        let findings = unit.findings.iter().cloned().chain(self.findings).collect();
        let failure = self.failure.or_else(|| unit.failure.clone());
        Self::new(findings, failure, reasons)
    }
}

/// Looks at an item, again while that may help.
pub(super) async fn judge<M: Migration>(
    migration: &M,
    steps: &[Arc<dyn Step<M>>],
    patience: &Patience,
    unit: &UnitContext,
    item: &M::Item,
) -> Judged {
    let once = || caught("the check", probe(migration, steps, unit, item)).boxed();
    match patience.with(once).await {
        Ok(looked) => {
            let findings = looked.gaps.iter().flat_map(|(step, gaps)| {
                let name = step.name();
                gaps.iter().map(move |gap| gap.finding(&name))
            });
            Judged::new(findings.collect(), looked.blocked, migration.reasons())
        }
        Err(failure) => Judged::new(Vec::new(), Some(failure), migration.reasons()),
    }
}

/// Looks at the steps of a unit, by its row if that could be read. Gives the unit as items see it,
/// and the verdict on the unit.
pub(super) async fn judge_unit(
    steps: &[Arc<dyn UnitStep>],
    row: Result<Option<&UnitProgress>, &Failure>,
    unit: UnitContext,
    (patience, reasons): (&Patience, Reasons),
) -> (UnitContext, Judged) {
    let (mut unit, mut findings) = (unit, Vec::new());
    let mut failure = row.err().cloned();
    for step in steps {
        let name = step.name();
        let recorded = row
            .ok()
            .flatten()
            .and_then(|row| row.steps.get(&name))
            .map(|record| record.state.clone());
        // What the record says of the effect tells the step where to look.
        if let Some(state) = recorded.clone() {
            unit = unit.with_step(name.clone(), state);
        }
        let probe = || caught("the check of the unit", step.probe(&unit)).boxed();
        let looked = patience.with(probe).await;
        match looked {
            Ok(UnitObservation::Done) => unit = unit.with_step(name, StepState::Found),
            Ok(UnitObservation::Gap(gap)) => findings.push(gap.finding(&name)),
            Ok(UnitObservation::Unseen) => match recorded {
                Some(StepState::Applied(_) | StepState::Found) => {
                    unit = unit.with_step(name, StepState::Found);
                }
                // Without the row nothing is known of it.
                _ if row.is_err() => {}
                _ => findings.push(Finding {
                    subject: unit.id.name.to_string(),
                    verdict: Verdict::Missing,
                    why: "no record that it was done".to_owned(),
                    step: name,
                    bytes: None,
                }),
            },
            Err(failed) => {
                let failed = failed.at(name.clone());
                if failed.class == Class::Permanent {
                    unit = unit.with_step(name, StepState::Failed(failed.clone()));
                }
                failure.get_or_insert(failed);
            }
        }
    }
    (unit, Judged::new(findings, failure, reasons))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StepName;

    fn finding(verdict: Verdict) -> Finding {
        Finding {
            step: StepName::new("copy"),
            subject: "a".to_owned(),
            verdict,
            why: String::new(),
            bytes: None,
        }
    }

    #[test]
    fn what_is_unknown_is_neither_missing_nor_well() {
        let outage = Failure::transient(Reason::UNREACHABLE, "refused");
        let judged = Judged::new(Vec::new(), Some(outage), Reasons::COMMON);
        assert_eq!(judged.verdict, Verdict::CouldNotTell);
    }

    #[test]
    fn wrong_goes_before_missing_and_missing_before_could_not_tell() {
        let outage = || Some(Failure::unknown(Reason::COULD_NOT_TELL, "cut body"));
        let missing = vec![finding(Verdict::Missing)];
        assert_eq!(
            Judged::new(missing.clone(), outage(), Reasons::COMMON).verdict,
            Verdict::Missing
        );
        let unit = Judged::new(vec![finding(Verdict::Wrong)], None, Reasons::COMMON);
        assert_eq!(
            Judged::new(missing, None, Reasons::COMMON)
                .with(&unit, Reasons::COMMON)
                .verdict,
            Verdict::Wrong
        );
        assert_eq!(
            Judged::new(Vec::new(), None, Reasons::COMMON).verdict,
            Verdict::Ok
        );
    }
}
