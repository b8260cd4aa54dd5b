//! What an audit says of one item.

use std::sync::Arc;

use crate::engine::item::look;
use crate::engine::{Look, Migration, Pace, Step, UnitContext, UnitStep};
use crate::model::{Class, Failure, Finding, Reason, StepState, UnitProgress, Verdict};
use crate::runtime::full_jitter;

/// A verdict and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
    pub(super) failure: Option<Failure>,
}

impl Judged {
    pub(super) fn new(findings: Vec<Finding>, failure: Option<Failure>) -> Self {
        let failed = failure.as_ref().map(|failure| match failure.class {
            Class::Permanent if is_damage(failure.reason) => Verdict::Wrong,
            Class::Permanent => Verdict::Missing,
            Class::Transient | Class::Unknown | Class::Fatal => Verdict::CouldNotTell,
        });
        let of = |verdict| {
            findings.iter().any(|finding| finding.verdict == verdict) || failed == Some(verdict)
        };
        let worst = [Verdict::Wrong, Verdict::Missing, Verdict::CouldNotTell];
        Self {
            verdict: worst
                .into_iter()
                .find(|verdict| of(*verdict))
                .unwrap_or(Verdict::Ok),
            findings,
            failure,
        }
    }

    /// The verdict on an item with the verdict on its unit.
    pub(super) fn with(self, unit: &Self) -> Self {
        let findings = unit.findings.iter().cloned().chain(self.findings).collect();
        Self::new(findings, self.failure.or_else(|| unit.failure.clone()))
    }
}

/// Permanent failures that say that something is there and damaged.
fn is_damage(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CorruptCar | Reason::CorruptIndex | Reason::DigestMismatch | Reason::WrongSize
    )
}

/// Looks at an item, again while that may help.
pub(super) async fn judge<M: Migration>(
    migration: &M,
    steps: &[Arc<dyn Step<M>>],
    pace: &Pace,
    unit: &UnitContext,
    item: &M::Item,
) -> Judged {
    let mut looks = 0;
    loop {
        looks += 1;
        let failure = match look(migration, steps, unit, item).await {
            Ok(looked) => {
                let findings = looked.needs.iter().flat_map(|(step, needs)| {
                    let name = step.name();
                    needs.iter().map(move |need| need.finding(&name))
                });
                return Judged::new(findings.collect(), looked.blocked);
            }
            Err(failure) => failure,
        };
        let hopeless = matches!(failure.class, Class::Permanent | Class::Fatal);
        if hopeless || looks >= pace.attempts {
            return Judged::new(Vec::new(), Some(failure));
        }
        let grown = pace.attempt_wait * 2_u32.saturating_pow(looks - 1);
        let wait = full_jitter(grown.min(pace.longest_attempt_wait));
        tokio::time::sleep(wait.max(failure.retry_after.unwrap_or_default())).await;
    }
}

/// Looks at the steps of a unit. Gives the unit as items see it, and the verdict on the unit.
pub(super) async fn judge_unit(
    steps: &[Arc<dyn UnitStep>],
    row: Option<&UnitProgress>,
    unit: UnitContext,
) -> (UnitContext, Judged) {
    let (mut unit, mut findings, mut failure) = (unit, Vec::new(), None);
    for step in steps {
        let name = step.name();
        let recorded = row
            .and_then(|row| row.steps.get(&name))
            .map(|record| &record.state);
        match step.probe(&unit).await {
            Ok(Look::Done) => unit = unit.with_step(name, StepState::Found),
            Ok(Look::Needed(need)) => findings.push(need.finding(&name)),
            Ok(Look::Unseen) => match recorded {
                Some(StepState::Applied(_) | StepState::Found) => {
                    unit = unit.with_step(name, StepState::Found);
                }
                _ => findings.push(Finding {
                    subject: unit.id.name.to_string(),
                    verdict: Verdict::Missing,
                    why: "no record says that it was made".to_owned(),
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
    (unit, Judged::new(findings, failure))
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
    fn what_could_not_be_told_is_neither_missing_nor_well() {
        let outage = Failure::transient(Reason::Unreachable, "refused");
        let judged = Judged::new(Vec::new(), Some(outage));
        assert_eq!(judged.verdict, Verdict::CouldNotTell);
    }

    #[test]
    fn wrong_goes_before_missing_and_missing_before_could_not_tell() {
        let outage = || Some(Failure::unknown(Reason::CouldNotTell, "cut body"));
        let missing = vec![finding(Verdict::Missing)];
        assert_eq!(
            Judged::new(missing.clone(), outage()).verdict,
            Verdict::Missing
        );
        let unit = Judged::new(vec![finding(Verdict::Wrong)], None);
        assert_eq!(
            Judged::new(missing, None).with(&unit).verdict,
            Verdict::Wrong
        );
        assert_eq!(Judged::new(Vec::new(), None).verdict, Verdict::Ok);
    }
}
