//! Exit codes: the one place where an outcome becomes a number.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::failure;
use crate::app::blobs::CopyReport;
use crate::app::{AuditReport, Ended, Kind, RollbackReport, RunReport};
use crate::config::Faults;
use crate::model::{Counts, StepCounts};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked is done and verified, or printed.
    Done = 0,
    /// Unexpected error.
    Unexpected = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Finished, some items failed or are quarantined.
    SomeFailed = 3,
    /// The audit found missing or wrong items.
    AuditFound = 4,
    /// Temporary trouble outlasted its limit.
    Temporary = 5,
    /// Stopped on purpose with work left.
    Stopped = 6,
    /// A safety rule stopped it.
    Safety = 7,
    /// Preflight failed.
    Preflight = 8,
    /// Run, plan or state not found.
    NotFound = 10,
    /// A lease or lock is held by another, or was lost.
    Lease = 11,
    /// Credentials refused.
    Credentials = 12,
    /// State or plan does not match.
    Mismatch = 13,
    /// The audit could not tell for some items, none is wrong.
    AuditUnknown = 14,
    /// Ended by a second interrupt.
    Interrupted = 130,
    /// Ended by a second terminate signal.
    Terminated = 143,
}

/// Every code with its meaning, as help shows it.
const MEANINGS: &[(Exit, &str)] = &[
    (
        Exit::Done,
        "all that was asked is done and verified (or printed)",
    ),
    (Exit::Unexpected, "unexpected error"),
    (Exit::Usage, "usage or configuration"),
    (
        Exit::SomeFailed,
        "finished, but some items failed, are quarantined or were not found",
    ),
    (Exit::AuditFound, "audit found missing or wrong items"),
    (
        Exit::Temporary,
        "temporary trouble outlasted its limit; safe to run again",
    ),
    (
        Exit::Stopped,
        "stopped on purpose with work left (drain, time limit, pause)",
    ),
    (
        Exit::Safety,
        "a safety rule stopped it (failure rate, health)",
    ),
    (
        Exit::Preflight,
        "preflight failed: a table, bucket or queue is missing, or a step that must come first",
    ),
    (Exit::NotFound, "run, plan or state not found"),
    (Exit::Lease, "lease or lock held by another, or lost"),
    (Exit::Credentials, "credentials refused"),
    (
        Exit::Mismatch,
        "state or plan does not match (version, fingerprint)",
    ),
    (
        Exit::AuditUnknown,
        "audit could not judge some items; none is wrong or missing",
    ),
    (
        Exit::Interrupted,
        "second SIGINT, or the first if the command changes nothing",
    ),
    (
        Exit::Terminated,
        "second SIGTERM or SIGHUP, or the first if the command changes nothing",
    ),
];

impl Exit {
    /// The table that every help page ends with.
    pub(super) fn help() -> String {
        let mut text = String::from("Exit codes:");
        for (exit, meaning) in MEANINGS {
            let _ = write!(text, "\n  {:>3}  {meaning}", *exit as u8);
        }
        text
    }

    /// The code of an error: a `Trouble`, [`Faults`] or an error of the file system anywhere in its chain decides.
    pub(super) fn of_error(error: &anyhow::Error) -> Self {
        if let Some(trouble) = failure::explained(error) {
            return trouble.kind.into();
        }
        for cause in error.chain() {
            if let Some(faults) = cause.downcast_ref::<Faults>() {
                return if faults.is_mismatch() {
                    Self::Mismatch
                } else {
                    Self::Usage
                };
            }
            if cause.is::<failure::UsageError>() {
                return Self::Usage;
            }
        }
        Self::Unexpected
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unexpected => Self::Unexpected,
            Kind::Usage => Self::Usage,
            Kind::Temporary => Self::Temporary,
            Kind::Stopped => Self::Stopped,
            Kind::Safety => Self::Safety,
            Kind::Preflight => Self::Preflight,
            Kind::NotFound => Self::NotFound,
            Kind::Lease => Self::Lease,
            Kind::Credentials => Self::Credentials,
            Kind::Mismatch => Self::Mismatch,
        }
    }
}

/// The code of an ending that left work; `None` when everything was looked at.
fn of_ending(ended: &Ended) -> Option<Exit> {
    match ended {
        // A limit is part of what was asked.
        Ended::Finished | Ended::Limit => None,
        Ended::Stopped { .. } => Some(Exit::Stopped),
        Ended::Safety { .. } => Some(Exit::Safety),
        Ended::Trouble { .. } => Some(Exit::Temporary),
        Ended::Held { .. } => Some(Exit::Lease),
    }
}

/// 0 means that all that was asked is done: what failed inside the scope, in this run or before, and was not put right
/// is told by 3, what failed outside of it by no code. A limit that was reached is what was asked.
impl From<&RunReport> for Exit {
    fn from(report: &RunReport) -> Self {
        let counts = &report.counts;
        of_ending(&report.ended).unwrap_or({
            let look = report.own.differences.iter().any(|one| one.needs_a_look);
            let helped = report.helped.values().map(Counts::bad).sum::<u64>();
            let untold = report
                .verdicts
                .is_some_and(|found| found.could_not_tell > 0);
            let steps = report.steps.values().map(StepCounts::bad).sum::<u64>();
            // A look settles nothing: what is bad was so before.
            let bad = if report.dry_run { 0 } else { counts.bad() };
            if report.only.is_some() && report.lacks_gateway() {
                // Something else has to come first.
                Self::Preflight
            } else if untold {
                Self::AuditUnknown
            } else if bad + helped + steps > 0 || look || !report.unknown_items.is_empty() {
                Self::SomeFailed
            } else {
                Self::Done
            }
        })
    }
}

/// A job of which some blobs failed, in this run or before, never ends with 0.
impl From<&CopyReport> for Exit {
    fn from(report: &CopyReport) -> Self {
        of_ending(&report.ended).unwrap_or(if report.counts.bad() > 0 {
            Self::SomeFailed
        } else {
            Self::Done
        })
    }
}

impl From<&RollbackReport> for Exit {
    fn from(report: &RollbackReport) -> Self {
        let left = report.failed > 0
            || !report.plan.unaccounted.is_empty()
            || !report.plan.missing.is_empty();
        of_ending(&report.ended).unwrap_or({
            if report.would_be_refused {
                Self::Mismatch
            } else if left && !report.dry_run {
                Self::SomeFailed
            } else {
                Self::Done
            }
        })
    }
}

impl From<&AuditReport> for Exit {
    fn from(report: &AuditReport) -> Self {
        let verdicts = &report.verdicts;
        if verdicts.wrong + verdicts.missing > 0 {
            return Self::AuditFound;
        }
        of_ending(&report.ended).unwrap_or({
            if verdicts.could_not_tell + report.unlisted > 0 || !report.adds_up() {
                Self::AuditUnknown
            } else if !report.unknown_items.is_empty() {
                Self::SomeFailed
            } else {
                Self::Done
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::LegacyFinding;
    use crate::model::{InstanceId, RunId, StateIdentity, VerdictCounts};

    fn run(ended: Ended, failed: u64) -> RunReport {
        let counts = Counts {
            planned: 10,
            failed,
            done: 10 - failed,
            ..Counts::default()
        };
        RunReport {
            ended,
            counts,
            seconds: 1.0,
            ..RunReport::default()
        }
    }

    #[test]
    fn a_run_with_failures_never_ends_with_zero() {
        assert_eq!(Exit::from(&run(Ended::Finished, 0)), Exit::Done);
        assert_eq!(Exit::from(&run(Ended::Finished, 1)), Exit::SomeFailed);
        assert_eq!(Exit::from(&run(Ended::Limit, 0)), Exit::Done);
        assert_eq!(Exit::from(&run(Ended::Limit, 1)), Exit::SomeFailed);
        let mut half_made = run(Ended::Finished, 0);
        half_made.own.differences.push(LegacyFinding {
            customer: "did:mailto:a.b:c".to_owned(),
            space: None,
            found: "a migration space that lacks its key".to_owned(),
            done: "not finished".to_owned(),
            needs_a_look: true,
        });
        assert_eq!(Exit::from(&half_made), Exit::SomeFailed);
        let mut helper = run(Ended::Finished, 0);
        let bad = Counts {
            failed: 1,
            ..Counts::planned(1)
        };
        helper.helped.insert(InstanceId::number(2), bad);
        assert_eq!(Exit::from(&helper), Exit::SomeFailed);
        let mut unknown = run(Ended::Finished, 0);
        unknown.unknown_items.push("bafy".to_owned());
        assert_eq!(Exit::from(&unknown), Exit::SomeFailed);
        let stopped = Ended::Stopped {
            reason: "drain".into(),
            aborted: false,
        };
        assert_eq!(Exit::from(&run(stopped, 1)), Exit::Stopped);
    }

    #[test]
    fn a_rollback_that_leaves_something_never_ends_with_zero() {
        let done = RollbackReport::default();
        let failed = RollbackReport {
            failed: 1,
            ..RollbackReport::default()
        };
        let held = RollbackReport {
            ended: Ended::Held {
                reason: "instance 2".into(),
            },
            ..failed.clone()
        };
        let refused = RollbackReport {
            dry_run: true,
            would_be_refused: true,
            ..RollbackReport::default()
        };
        assert_eq!(Exit::from(&done), Exit::Done);
        assert_eq!(Exit::from(&refused), Exit::Mismatch);
        assert_eq!(Exit::from(&failed), Exit::SomeFailed);
        assert_eq!(Exit::from(&held), Exit::Lease);
    }

    #[test]
    fn what_an_audit_found_outweighs_what_it_could_not_tell() {
        let audit = |missing, could_not_tell| AuditReport {
            state: StateIdentity::default(),
            run: RunId::new("r"),
            resumes: None,
            scope: "everything".to_owned(),
            ended: Ended::Finished,
            verdicts: VerdictCounts {
                ok: 5,
                wrong: 0,
                missing,
                could_not_tell,
            },
            would: std::collections::BTreeMap::new(),
            listed: 5 + missing + could_not_tell,
            expected: Some(10),
            units: 1,
            units_whole: 1,
            unlisted: 0,
            unlisted_units: Vec::new(),
            items: Vec::new(),
            not_checked: Vec::new(),
            seconds: 1.0,
            file: None,
            unknown_items: Vec::new(),
        };
        assert_eq!(Exit::from(&audit(0, 0)), Exit::Done);
        let unknown = |missing, could_not_tell| AuditReport {
            unknown_items: vec!["bafy".to_owned()],
            ..audit(missing, could_not_tell)
        };
        assert_eq!(Exit::from(&unknown(0, 0)), Exit::SomeFailed);
        assert_eq!(Exit::from(&unknown(0, 1)), Exit::AuditUnknown);
        assert_eq!(Exit::from(&unknown(1, 0)), Exit::AuditFound);
        assert_eq!(Exit::from(&audit(0, 2)), Exit::AuditUnknown);
        assert_eq!(Exit::from(&audit(1, 2)), Exit::AuditFound);
        let unlisted = AuditReport {
            unlisted: 1,
            ..audit(0, 0)
        };
        assert_eq!(Exit::from(&unlisted), Exit::AuditUnknown);
        let silent = AuditReport {
            listed: 6,
            ..audit(0, 0)
        };
        assert_eq!(Exit::from(&silent), Exit::AuditUnknown);
    }

    #[test]
    fn help_names_every_code_once() {
        let help = Exit::help();
        for (exit, _) in MEANINGS {
            let code = format!("\n  {:>3}  ", *exit as u8);
            assert_eq!(help.matches(&code).count(), 1, "{code}");
        }
    }
}
