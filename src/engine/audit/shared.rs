//! What every part of one audit has available, and what it came to.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::engine::run::Remaining;
use crate::engine::shared::Core;
use crate::engine::{Ended, Migration};
use crate::model::{
    AuditLine, Audited, Event, Failure, ItemId, RunId, Snapshot, StepName, StepPlan, Unit,
    UnitAudited, UnitId, Unlisted, VerdictCounts,
};
use crate::state::{Journal, StateError};

use super::judge::Judged;
use super::patience::Patience;
use super::tracker::{ItemSeq, Tracker};

/// Items that are not right are also kept for the answer, up to this many.
const KEPT: usize = 100;

/// Lines that wait for the report before they are written ahead of their time.
const MOST_WAITING: u64 = 1_000;

/// How long looks in flight may go on after a drain. A probe that is dropped has changed nothing.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What an audit is about. Progress rows are not asked: what is marked as done is looked at like
/// everything else.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Items of these units.
    Units(Vec<Unit>),
    /// These items.
    Items(Vec<(UnitId, ItemId)>),
}

/// What an audit came to. What was judged above the cursor of a unit when it was stopped is not told.
#[derive(Debug, Clone)]
pub struct AuditOutcome {
    /// How it ended.
    pub ended: Ended,
    /// Items by verdict, those of the audit that it went on with too.
    pub verdicts: VerdictCounts,
    /// Items that were listed. More than there are verdicts in an audit that finished: a fault of this program.
    pub listed: u64,
    /// Units that could not be listed to their end.
    pub unlisted: u64,
    /// Units in scope.
    pub units: u64,
    /// Units that were looked at from the first item to the last.
    pub whole: u64,
    /// What a run would do, by step.
    pub would: BTreeMap<StepName, StepPlan>,
    /// The first items that are not right.
    pub first: Vec<Audited>,
    /// The first units that could not be listed to their end.
    pub first_unlisted: Vec<Unlisted>,
    /// The last snapshot.
    pub snapshot: Snapshot,
    /// The report: lines of [`AuditLine`].
    pub file: PathBuf,
    /// The earlier audit that it went on with.
    pub resumes: Option<RunId>,
}

/// One audit: a run that only looks.
pub(super) struct Audit<M: Migration> {
    core: Core<M>,
    pub(super) report: Journal,
    state: Mutex<AuditState>,
    listed: AtomicU64,
    waiting: AtomicU64,
    full: Notify,
}

impl<M: Migration> Deref for Audit<M> {
    type Target = Core<M>;

    fn deref(&self) -> &Core<M> {
        &self.core
    }
}

#[derive(Default)]
struct AuditState {
    /// Units that are worked on, or were left before their end.
    units: BTreeMap<UnitId, Tracker>,
    totals: Totals,
}

/// What is in the report.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) verdicts: VerdictCounts,
    pub(super) unlisted: u64,
    pub(super) whole: u64,
    pub(super) would: BTreeMap<StepName, StepPlan>,
    pub(super) first: Vec<Audited>,
    pub(super) first_unlisted: Vec<Unlisted>,
    pub(super) left: Remaining,
}

impl<M: Migration> Audit<M> {
    pub(super) fn new(core: Core<M>, report: Journal) -> Self {
        Self {
            core,
            report,
            state: Mutex::default(),
            listed: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            full: Notify::new(),
        }
    }

    /// How patiently it looks.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.config.pace, &self.dependencies)
    }

    fn state(&self) -> MutexGuard<'_, AuditState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what an earlier audit is sure of.
    pub(super) fn know(&self, earlier: &BTreeMap<UnitId, UnitAudited>) {
        let mut verdicts = VerdictCounts::default();
        for unit in earlier.values() {
            verdicts = verdicts.plus(&unit.verdicts);
        }
        self.listed.fetch_add(verdicts.total(), Ordering::AcqRel);
        let mut state = self.state();
        state.totals.verdicts = verdicts;
        state.totals.whole = earlier.values().filter(|unit| unit.ended).count() as u64;
        drop(state);
        self.events.publish(Event::VerdictsKnown { verdicts });
    }

    /// Begins a unit; gives the item after which it is listed.
    pub(super) fn begin_unit(&self, unit: &UnitId, earlier: Option<UnitAudited>) -> Option<ItemId> {
        let tracker = Tracker::new(unit, earlier);
        let cursor = tracker.cursor().cloned();
        self.state().units.insert(unit.clone(), tracker);
        cursor
    }

    /// What is known of a unit.
    pub(super) fn tracked<T>(&self, unit: &UnitId, ask: impl FnOnce(&mut Tracker) -> T) -> T {
        let mut state = self.state();
        let tracker = state.units.entry(unit.clone());
        ask(tracker.or_insert_with(|| Tracker::new(unit, None)))
    }

    /// Takes an item of a unit in.
    pub(super) fn begin(&self, unit: &UnitId, item: &ItemId) -> ItemSeq {
        self.listed.fetch_add(1, Ordering::AcqRel);
        self.tracked(unit, |tracker| tracker.begin(item))
    }

    /// Something in scope was not judged.
    pub(super) fn unfinished(&self) {
        self.state().totals.left.unfinished += 1;
    }

    /// A probe of an item of a unit ended without a verdict.
    pub(super) fn lost_probe(&self, unit: &UnitId, failure: Failure) {
        self.state()
            .totals
            .left
            .troubled
            .push((unit.clone(), failure));
    }

    /// Counts what would be done; that of a unit once, with its first item.
    pub(super) fn plan(&self, judged: &Judged) {
        let mut state = self.state();
        for finding in &judged.findings {
            let step = state.totals.would.entry(finding.step.clone()).or_default();
            step.count(finding);
        }
    }

    /// Keeps the verdict on an item.
    pub(super) fn settle(&self, unit: &UnitId, item: ItemId, seq: ItemSeq, judged: Judged) {
        let verdict = judged.verdict;
        self.events.publish(Event::ItemAudited {
            unit: unit.clone(),
            item: item.clone(),
            verdict,
        });
        let line = judged.line(unit, item);
        let is_line = line.is_some();
        self.tracked(unit, |tracker| tracker.settle(seq, verdict, line));
        if is_line && self.waiting.fetch_add(1, Ordering::AcqRel) + 1 >= MOST_WAITING {
            self.full.notify_one();
        }
    }

    /// A unit could not be listed beyond an item.
    pub(super) fn unlisted(&self, unit: &UnitId, after: Option<ItemId>, failure: Failure) {
        tracing::warn!(%unit, reason = %failure.reason, "not listed to its end: {}", failure.message);
        let unlisted = Unlisted {
            unit: unit.clone(),
            after,
            failure,
        };
        self.tracked(unit, |tracker| tracker.break_off(unlisted));
    }

    /// Ready when it is time to write the report.
    pub(super) async fn is_due(&self) {
        tokio::select! {
            biased;
            () = tokio::time::sleep(self.config.pace.checkpoint_every) => {}
            () = self.full.notified() => {}
        }
    }

    /// Writes what came since the last time. What was written before stays whatever becomes of this.
    pub(super) async fn write(&self) -> Result<(), StateError> {
        let mut lines = self.take();
        if lines.is_empty() {
            return Ok(());
        }
        let units = lines.iter_mut().map(|(_, audited)| audited.clone());
        let progress = AuditLine::Progress {
            units: units.collect(),
        };
        let found = lines.into_iter().flat_map(|(lines, _)| lines);
        let all: Vec<_> = found.chain([progress]).collect();
        self.report.append_all(&all).await
    }

    /// Takes lines out of memory and counts them.
    fn take(&self) -> Vec<(Vec<AuditLine>, UnitAudited)> {
        self.waiting.store(0, Ordering::Release);
        let mut state = self.state();
        let AuditState { units, totals } = &mut *state;
        let mut taken = Vec::new();
        let mut ended = Vec::new();
        for (unit, tracker) in units.iter_mut() {
            let before = tracker.reported();
            let Some((lines, audited)) = tracker.take() else {
                continue;
            };
            totals.count(&before, &audited, &lines);
            if audited.ended {
                ended.push(unit.clone());
            }
            taken.push((lines, audited));
        }
        for unit in ended {
            units.remove(&unit);
        }
        taken
    }

    /// What is in the report, at the end.
    pub(super) fn take_totals(&self) -> Totals {
        std::mem::take(&mut self.state().totals)
    }

    /// Items that were listed.
    pub(super) fn listed(&self) -> u64 {
        self.listed.load(Ordering::Acquire)
    }
}

impl Totals {
    fn count(&mut self, before: &VerdictCounts, now: &UnitAudited, lines: &[AuditLine]) {
        let (all, now_counts) = (&mut self.verdicts, &now.verdicts);
        all.ok += now_counts.ok - before.ok;
        all.wrong += now_counts.wrong - before.wrong;
        all.missing += now_counts.missing - before.missing;
        all.could_not_tell += now_counts.could_not_tell - before.could_not_tell;
        self.whole += u64::from(now.ended);
        for line in lines {
            match line {
                AuditLine::Item(audited) if self.first.len() < KEPT => {
                    self.first.push(audited.clone());
                }
                AuditLine::Unlisted(unlisted) => {
                    self.unlisted += 1;
                    if self.first_unlisted.len() < KEPT {
                        self.first_unlisted.push(unlisted.clone());
                    }
                }
                _ => {}
            }
        }
    }
}
