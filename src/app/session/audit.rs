//! The audit, and the plan of a dry run: probes items and changes nothing.

use anyhow::Result;

use super::{Session, Work, Workload};
use crate::app::{AuditReport, AuditedItem, CommandError, ProgressSink, Stop, UnlistedUnit};
use crate::engine::{self, AuditOutcome, Config, Report, Scope};
use crate::model::{Audited, Failure, Unlisted};

impl<W: Workload> Session<W> {
    /// Probes what `work` names as a run would, and says what it would do. Changes nothing.
    ///
    /// # Errors
    /// The audit could not begin, or a fatal failure ended it.
    pub async fn audit(
        &self,
        config: Config,
        work: Work,
        report: Report,
        (stop, sink): (Stop, ProgressSink),
    ) -> Result<AuditReport> {
        // Of a sample nobody counts how much there is.
        let is_counted = match &work {
            Work::Units(units) => units.iter().all(|unit| unit.planned.is_some()),
            Work::Items(_) => true,
        };
        let scope = match work {
            Work::Units(units) => Scope::Units(units),
            Work::Items(items) => Scope::Items(items),
        };
        let started = self.clock.instant();
        let state = config.identity.clone();
        let (run, words, depth) = (config.run.clone(), report.scope.clone(), config.depth);
        let reasons = self.workload.vocabulary().reasons;
        let (parts, events) = self.parts(stop);
        let showing = self.show(events, sink);
        let outcome = engine::audit(parts, config, scope, report).await;
        drop(showing);
        let outcome = outcome.map_err(|error| CommandError::of_engine(&error, reasons))?;
        let expected = outcome.snapshot.counts.planned;
        let AuditOutcome {
            verdicts, listed, ..
        } = outcome;
        Ok(AuditReport {
            state,
            run,
            resumes: outcome.resumes,
            scope: words,
            ended: outcome.ended,
            would: outcome.would,
            verdicts,
            listed,
            expected: (is_counted || outcome.whole == outcome.units)
                .then_some(expected.max(verdicts.total())),
            units: outcome.units,
            units_whole: outcome.whole,
            unlisted: outcome.unlisted,
            unlisted_units: outcome.first_unlisted.into_iter().map(unlisted).collect(),
            items: outcome.first.into_iter().map(audited).collect(),
            not_checked: self.workload.not_checked(depth),
            seconds: started.elapsed().as_secs_f64(),
            file: Some(outcome.file),
            unknown_items: Vec::new(),
        })
    }
}

fn said(failure: &Failure) -> String {
    format!("{}: {}", failure.reason, failure.message)
}

fn audited(found: Audited) -> AuditedItem {
    AuditedItem {
        owner: found.unit.owner.to_string(),
        unit: found.unit.name.to_string(),
        item: found.item.to_string(),
        verdict: found.verdict,
        findings: found.findings,
        failure: found.failure.as_ref().map(said),
    }
}

fn unlisted(found: Unlisted) -> UnlistedUnit {
    UnlistedUnit {
        owner: found.unit.owner.to_string(),
        unit: found.unit.name.to_string(),
        after: found.after.map(|item| item.to_string()),
        failure: said(&found.failure),
    }
}
