//! A run: what it is given, and what it came to.

use std::fs::File;
use std::sync::Arc;

use anyhow::Result;

use super::{Session, Work, Workload, folder, totals};
use crate::app::reports::RunReport;
use crate::app::{AuditReport, CommandError, ProgressSink, ProgressUpdate, Stop};
use crate::engine::{self, Config, Job, StepFilter};
use crate::model::{Counts, InstanceId};
use crate::runtime::StopLevel;

/// Numbers that are tried when a process takes any that is free.
const INSTANCES: u32 = 64;

impl<W: Workload> Session<W> {
    /// Runs the migration over some work: first what the migration wants in place, if every step is to be made.
    ///
    /// # Errors
    /// As [`Session::run`]; what must be in place could not be written.
    pub async fn migrate(
        &self,
        config: Config,
        work: Work,
        ends: (Stop, ProgressSink),
    ) -> Result<RunReport<W::Findings>> {
        let lock = self.lock(&config)?;
        self.migrate_under(&lock, config, work, ends).await
    }

    /// As [`Session::migrate`], under the lock of the instance that the caller holds.
    pub(in crate::app) async fn migrate_under(
        &self,
        _lock: &File,
        config: Config,
        work: Work,
        (stop, sink): (Stop, ProgressSink),
    ) -> Result<RunReport<W::Findings>> {
        let first = if matches!(config.steps, StepFilter::All) {
            self.workload
                .before_run(self, &work, (&stop, &sink))
                .await?
        } else {
            W::Findings::default()
        };
        Box::pin(self.run_locked(config, work.into(), first, (stop, sink))).await
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
    ) -> Result<RunReport<W::Findings>> {
        let _lock = self.lock(&config)?;
        let own = W::Findings::default();
        self.run_locked(config, job, own, ends).await
    }

    /// Takes the lock of the instance. Holding it proves that an earlier process of this instance and folder is dead. A
    /// run that makes one step only has the same journal as all others of its instance, so that a rollback knows what it
    /// made: never two at once.
    fn lock(&self, config: &Config) -> Result<File> {
        folder::lock(self.store.config(), &config.instance)
    }

    /// Takes the lock of an instance: of this number, or of the first one that nobody runs as in the state folder.
    pub(in crate::app) fn lock_one(&self, number: Option<u32>) -> Result<(File, u32)> {
        let numbers = number.map_or(1..=INSTANCES, |number| number..=number);
        let mut refused = None;
        for number in numbers {
            match folder::lock(self.store.config(), &InstanceId::number(number)) {
                Ok(lock) => return Ok((lock, number)),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| anyhow::anyhow!("no number of an instance is free")))
    }

    /// As [`Session::run`], under the lock of the instance that the caller holds.
    pub(in crate::app) async fn run_locked(
        &self,
        mut config: Config,
        job: Job,
        mut own: W::Findings,
        (stop, sink): (Stop, ProgressSink),
    ) -> Result<RunReport<W::Findings>> {
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
        let (totals, units_without_row) = totals.unzip();
        self.workload.amend(self, &outcome.snapshot, &mut own);
        Ok(RunReport {
            totals,
            units_without_row: units_without_row.unwrap_or(0),
            run: Some(run),
            plan,
            steps: outcome.snapshot.steps,
            state,
            ended: outcome.ended,
            this_run: outcome.this_run,
            counts: outcome.counts,
            unfinished: if of_units { outcome.unfinished } else { 0 },
            helped: outcome.helped,
            failures: outcome.reasons,
            seconds,
            files: outcome.files,
            own,
            ..RunReport::default()
        })
    }
}

/// A plan as a run that did nothing: what is right is found, the rest is left.
pub(in crate::app) fn planned<F: Default>(
    plan: AuditReport,
    only: Option<&'static str>,
) -> RunReport<F> {
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
