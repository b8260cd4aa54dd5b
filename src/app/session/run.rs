//! A run: what it is given, and what it came to.

use std::fs::File;
use std::sync::Arc;

use anyhow::Result;

use super::{Session, Work, Workload, folder, totals};
use crate::app::{AuditReport, CommandError, Ended, ProgressSink, ProgressUpdate, RunReport, Stop};
use crate::engine::{self, Config, Job, StepFilter};
use crate::model::{Counts, Reasons};
use crate::runtime::StopLevel;

impl<W: Workload> Session<W> {
    /// Runs the migration over some work: first what the migration wants in place, if every step is to be made.
    ///
    /// # Errors
    /// As [`Session::run`]; what must be in place could not be written.
    pub async fn migrate(
        &self,
        config: Config,
        work: Work,
        (stop, sink): (Stop, ProgressSink),
    ) -> Result<RunReport> {
        let _lock = self.lock(&config)?;
        let first = if matches!(config.steps, StepFilter::All) {
            self.workload
                .before_run(self, &work, (&stop, &sink))
                .await?
        } else {
            Vec::new()
        };
        let mut report = Box::pin(self.run_locked(config, work.into(), (stop, sink))).await?;
        report.differences.splice(0..0, first);
        Ok(report)
    }

    /// Runs a job on this instance: the lock of the instance first, its totals last.
    ///
    /// # Errors
    /// The lock is another's; the run could not begin; a fatal failure ended it.
    pub async fn run(
        &self,
        config: Config,
        job: Job,
        ends: (Stop, ProgressSink),
    ) -> Result<RunReport> {
        let _lock = self.lock(&config)?;
        self.run_locked(config, job, ends).await
    }

    /// Takes the lock of the instance. Holding it proves that an earlier process of this instance and folder is dead. A
    /// run that makes one step only has the same journal as all others of its instance, so that a rollback knows what it
    /// made: never two at once.
    fn lock(&self, config: &Config) -> Result<File> {
        folder::lock(self.store.config(), &config.instance)
    }

    async fn run_locked(
        &self,
        mut config: Config,
        job: Job,
        (stop, sink): (Stop, ProgressSink),
    ) -> Result<RunReport> {
        let started = self.clock.instant();
        config.folder = Some(folder::id(&self.store.config().dir)?);
        config.adopt_own = true;
        let (run, plan) = (config.run.clone(), config.plan.clone());
        let of_units = matches!(job, Job::Units(_));
        let (instance, state) = (config.instance.clone(), config.identity.clone());
        let (parts, events) = self.parts(stop.clone());
        let showing = self.show(events.clone(), Arc::clone(&sink));
        let words = self.workload.vocabulary();
        let summing = totals::keep_fresh(self, &instance);
        let is_retry = matches!(job, Job::Failed(_) | Job::Named(_));
        let outcome = engine::run(parts, config, job).await;
        drop((showing, summing));
        let outcome = outcome.map_err(|error| CommandError::of_engine(&error, words.reasons))?;
        sink(ProgressUpdate::Run(&outcome.snapshot, words));
        let seconds = started.elapsed().as_secs_f64();
        let totals = match stop.level() {
            StopLevel::Run | StopLevel::Drain => {
                totals::at_end(self, &instance, totals::PATIENCE).await
            }
            StopLevel::Abort => totals::at_end(self, &instance, totals::HURRY).await,
            StopLevel::Exit => None,
        };
        let (totals, spaces_without_row) = totals.unzip();
        let mut report = RunReport {
            totals,
            spaces_without_row: spaces_without_row.unwrap_or(0),
            run: Some(run),
            plan,
            steps: outcome.snapshot.steps.clone(),
            state,
            ended: ended(outcome.ended, words.reasons)?,
            // What one cause keeps back is no news of single uploads: a retry counts it by its row.
            this_run: if is_retry {
                outcome.retried
            } else {
                outcome.snapshot.this_run
            },
            // The scope of a retry is what it took up, not all of the spaces that hold it.
            counts: if is_retry {
                outcome.retried
            } else {
                outcome.counts
            },
            unfinished: if of_units { outcome.unfinished } else { 0 },
            helped: outcome.helped,
            failures: if is_retry {
                outcome.retried_reasons
            } else {
                outcome.snapshot.reasons.clone()
            },
            seconds,
            files: outcome.files,
            ..RunReport::default()
        };
        self.workload.amend(self, &outcome.snapshot, &mut report);
        Ok(report)
    }
}

/// How the engine's ending reads to an operator; a fatal one is an error.
pub(super) fn ended(ended: engine::Ended, reasons: Reasons) -> Result<Ended> {
    Ok(match ended {
        engine::Ended::Finished => Ended::Finished,
        engine::Ended::Limit => Ended::Limit,
        engine::Ended::Stopped { reason, .. } => Ended::Stopped { reason },
        engine::Ended::Safety { reason } => Ended::Safety { reason },
        engine::Ended::Trouble { reason } => Ended::Trouble { reason },
        engine::Ended::Held { reason } => Ended::Held { reason },
        engine::Ended::Fatal(failure) => {
            return Err(CommandError::of_failure(&failure, reasons).into());
        }
    })
}

/// A plan as a run that did nothing: what is right is found, the rest is left.
pub(in crate::app) fn planned(plan: AuditReport, only: Option<&'static str>) -> RunReport {
    let mut counts = Counts::planned(plan.verdicts.total());
    counts.done = plan.verdicts.ok;
    counts.found = plan.verdicts.ok;
    RunReport {
        only,
        dry_run: true,
        would: plan.would,
        verdicts: Some(plan.verdicts),
        state: plan.state,
        ended: plan.ended,
        counts,
        seconds: plan.seconds,
        files: plan.file.into_iter().collect(),
        ..RunReport::default()
    }
}
