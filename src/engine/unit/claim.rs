//! Claims a unit, or a part of one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::engine::lease::LeaseGuard;
use crate::engine::record::{Recall, Tracker};
use crate::engine::shared::Shared;
use crate::engine::{Migration, UnitContext};
use crate::model::{
    Epoch, Event, Failure, Holder, InstanceId, ItemId, ItemRange, Lease, Status, StepName,
    StepRecord, StepState, TakenOver, Unit, UnitProgress,
};
use crate::runtime::Instant;
use crate::state::{FailedQuery, Grant, LeaseHolder, ProgressRow, Reopen, TakeKind};

use super::end::UnitEnd;
use super::{Before, LeasedUnit};

/// A request for the lease of a unit.
#[derive(Debug, Clone)]
pub(crate) struct ClaimRequest {
    pub(crate) unit: Unit,
    /// Its holder, if the beat did not move for a whole term.
    pub(crate) dead: Option<LeaseHolder>,
    /// The instance that it belongs to, if it is taken to help.
    pub(crate) helping: Option<InstanceId>,
    pub(crate) failures: Failures,
    /// Whether only the steps of the unit are made and written.
    pub(crate) only_steps: bool,
    /// How often it failed in this run.
    pub(crate) troubles: u32,
    /// The earliest time of the request.
    pub(crate) not_before: Option<Instant>,
}

/// Whether the failure rows of the unit are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failures {
    Read,
    /// The caller reads the rows that it needs.
    Unread,
}

impl ClaimRequest {
    /// A unit in scope.
    pub(crate) fn own(unit: Unit) -> Self {
        Self {
            unit,
            dead: None,
            helping: None,
            failures: Failures::Read,
            only_steps: false,
            troubles: 0,
            not_before: None,
        }
    }

    /// A unit of which only its own steps are made.
    pub(crate) fn for_steps(unit: Unit) -> Self {
        Self {
            failures: Failures::Unread,
            only_steps: true,
            ..Self::own(unit)
        }
    }
}

/// Claims a unit. Returns how it ended if there is nothing to work on. [`Reopen::Yes`] reopens an ended unit.
pub(crate) async fn claim<M: Migration>(
    run: &Arc<Shared<M>>,
    request: &ClaimRequest,
    reopen: Reopen,
) -> Result<LeasedUnit<M>, UnitEnd> {
    let asked = ask(run, request, reopen).await;
    asked.unwrap_or_else(|failure| Err(UnitEnd::Failed(failure)))
}

async fn ask<M: Migration>(
    run: &Arc<Shared<M>>,
    request: &ClaimRequest,
    reopen: Reopen,
) -> Result<Result<LeasedUnit<M>, UnitEnd>, Failure> {
    let (config, unit) = (&run.config, &request.unit);
    let take = match &request.dead {
        Some(held) => TakeKind::Expired {
            epoch: held.epoch,
            beat: held.beat,
        },
        None if config.adopt_own => TakeKind::OwnStale(config.holder()),
        None => TakeKind::Unheld,
    };
    // Written first, because the row names this journal.
    run.open_journal().await?;
    let (asked, holder) = (run.clock.instant(), config.holder());
    let grant = run.store.lease(unit, &holder, &config.run, &take, reopen);
    match grant.await.map_err(|error| error.failure())? {
        Grant::Leased { lease, progress } => {
            let Some(place) = place(run, &lease, &progress).await? else {
                // The split is closed: the row was created again after its removal.
                let removed = run.store.remove_part(&unit.id).await;
                removed.map_err(|error| error.failure())?;
                return Ok(Err(UnitEnd::Ended));
            };
            let (term, token) = (config.pace.lease_term, run.stop.abort_token());
            let guard = LeaseGuard::new(&run.store, lease, asked, term, token);
            let guard = guard.only_steps(request.only_steps);
            let leased = leased_unit(run, request, progress, guard, place).await?;
            Ok(Ok(leased))
        }
        Grant::Gone => Ok(Err(UnitEnd::Ended)),
        Grant::Busy(held) => {
            say(run, request, &held).await;
            Ok(Err(UnitEnd::Held(held)))
        }
        // Another ended it, and counts it.
        Grant::Ended { .. } if request.helping.is_some() || unit.id.part.is_some() => {
            Ok(Err(UnitEnd::Ended))
        }
        Grant::Ended { progress, by } => {
            ended_before(run, unit, progress, by);
            Ok(Err(UnitEnd::Ended))
        }
    }
}

/// Publishes a unit that ended before.
pub(crate) fn ended_before<M: Migration>(
    run: &Shared<M>,
    unit: &Unit,
    progress: UnitProgress,
    by: Option<Holder>,
) {
    run.checkpoints.forget(&unit.id);
    let announced = unit.planned.unwrap_or(0);
    let (unit, status, counts) = (progress.unit, progress.status, progress.counts);
    run.events.publish(Event::UnitLeased {
        unit: unit.clone(),
        counts,
        reasons: progress.reasons,
        // Only units that another program ended are reported.
        taken_over: progress.taken_over.filter(TakenOver::is_trusted),
    });
    if let Some(by) = by.filter(|by| is_elsewhere(by, &run.config.holder())) {
        run.events.publish(Event::EndedElsewhere {
            unit: unit.clone(),
            by: by.instance,
            counts,
        });
    }
    run.events.publish(Event::UnitSettled {
        unit,
        status,
        counts,
        announced,
    });
}

/// Whether another instance ended a unit. Rows without a folder are compared by number.
fn is_elsewhere(by: &Holder, own: &Holder) -> bool {
    by.instance != own.instance || (by.folder.is_some() && !by.is_same(own))
}

/// Logs who holds a unit in scope.
async fn say<M: Migration>(run: &Shared<M>, request: &ClaimRequest, held: &LeaseHolder) {
    let id = &request.unit.id;
    if request.helping.is_none() && request.dead.is_none() && id.part.is_none() {
        run.holders.meet(&run.store, &run.config, id, held).await;
    }
}

/// What is leased of a unit.
struct Place {
    context: UnitContext,
    /// Its items.
    within: ItemRange,
    /// Whether nobody worked on them before.
    is_first: bool,
}

/// Finds what is leased; `None` for a part whose split is closed. A split is closed later only when nobody works on its
/// parts.
async fn place<M: Migration>(
    run: &Arc<Shared<M>>,
    lease: &Lease,
    row: &UnitProgress,
) -> Result<Option<Place>, Failure> {
    let was_begun = row.status != Status::Pending;
    let Some(part) = lease.unit.part else {
        return Ok(Some(Place {
            context: run
                .context(&lease.unit)
                .taken_over(row.taken_over.is_some()),
            within: ItemRange::default(),
            is_first: lease.epoch == Epoch::default().next() && !was_begun,
        }));
    };
    let whole = run.store.progress(&lease.unit.whole()).await;
    let whole = whole.map_err(|error| error.failure())?;
    let split = whole.as_ref().and_then(UnitProgress::open_split);
    let split = split.filter(|split| split.cut == part.cut);
    let within = split.and_then(|split| split.range(part.number));
    let (Some(whole), Some(within)) = (&whole, within) else {
        return Ok(None);
    };
    let context = run
        .context(&lease.unit.whole())
        .taken_over(whole.taken_over.is_some());
    Ok(Some(Place {
        context: with_made(context, &whole.steps),
        within,
        // The first lease of the unit split it, and this is the first lease of the part.
        is_first: part.cut == Epoch::default().next()
            && lease.epoch == part.cut.next()
            && !was_begun,
    }))
}

/// A unit with its completed or failed steps.
fn with_made(context: UnitContext, steps: &BTreeMap<StepName, StepRecord>) -> UnitContext {
    let ended = steps
        .iter()
        .filter(|(_, step)| step.state != StepState::Started);
    ended.fold(context, |context, (name, step)| {
        context.with_step(name.clone(), step.state.clone())
    })
}

/// The unit by its row, with what the checkpoint file adds.
async fn leased_unit<M: Migration>(
    run: &Arc<Shared<M>>,
    ClaimRequest {
        unit,
        helping,
        failures,
        only_steps,
        ..
    }: &ClaimRequest,
    mut row: UnitProgress,
    guard: LeaseGuard,
    place: Place,
) -> Result<LeasedUnit<M>, Failure> {
    let Place {
        context,
        within,
        is_first,
    } = place;
    let failed_before = if is_first || *failures == Failures::Unread {
        BTreeMap::new()
    } else {
        failed_before(run, unit, &within).await?
    };
    // A part is started by the split, which its id names.
    let begun = unit.id.part.is_some() || guard.epoch() != Epoch::default().next();
    let (file, earlier) = (
        run.checkpoints.checkpoint_of(&unit.id),
        run.checkpoints.is_earlier(&unit.id),
    );
    let file = file.filter(|_| begun && !only_steps);
    if let Some(file) = &file {
        // Keeps the longest known length of each journal.
        row.join_journals(file.progress.journals.clone());
    }
    if let Some(trace) = row.journals.get(&run.config.journal()) {
        run.files.journal_had(trace.lines);
    }
    let bad: BTreeMap<ItemId, _> = failed_before
        .iter()
        .map(|(item, before)| (item.clone(), (before.settled, before.reason)))
        .collect();
    let recall = Recall::of(&row, begun, file, &bad).by_earlier(earlier);
    let tracker = Arc::new(Mutex::new(Tracker::new(row, recall)));
    if !only_steps {
        run.checkpoints.follow(&unit.id, &tracker);
    }
    Ok(LeasedUnit {
        run: Arc::clone(run),
        id: unit.id.clone(),
        context,
        within,
        tracker,
        epoch: guard.epoch(),
        token: guard.token(),
        lease: Some(Arc::new(guard)),
        announced: unit.planned.unwrap_or(0),
        helping: helping.clone(),
        failed_before: Arc::new(failed_before),
        kept_back: Arc::default(),
    })
}

/// Items of a unit, or of a part, that failed in earlier runs.
async fn failed_before<M: Migration>(
    run: &Arc<Shared<M>>,
    unit: &Unit,
    within: &ItemRange,
) -> Result<BTreeMap<ItemId, Before>, Failure> {
    let query = FailedQuery::unit(&unit.id);
    let (mut found, mut after) = (BTreeMap::new(), None);
    loop {
        let page = run.store.failed_page(&query, after, None).await;
        let page = page.map_err(|error| error.failure())?;
        let here = page.items.iter().filter(|one| within.contains(&one.item));
        found.extend(here.map(|failed| (failed.item.clone(), Before::from(failed))));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// A unit of which nothing is recorded but its own steps. Their state is known from the row.
pub(crate) async fn unrecorded<M: Migration>(
    run: &Arc<Shared<M>>,
    unit: &Unit,
) -> Result<LeasedUnit<M>, Failure> {
    let row = run.store.progress_row(&unit.id).await;
    let row = row.map_err(|error| error.failure())?;
    let foreign = row.as_ref().is_some_and(ProgressRow::has_foreign_work);
    let round = row.as_ref().map_or(0, |row| row.progress.round);
    let epoch = row.as_ref().map_or(Epoch::default(), |row| row.epoch);
    let steps = row.map_or_else(BTreeMap::new, |row| row.progress.steps);
    let context = run.context(&unit.id).taken_over(foreign);
    let progress = UnitProgress {
        round,
        steps: steps.clone(),
        ..UnitProgress::pending(unit)
    };
    Ok(LeasedUnit {
        run: Arc::clone(run),
        id: unit.id.clone(),
        context: with_made(context, &steps),
        within: ItemRange::default(),
        tracker: Arc::new(Mutex::new(Tracker::new(progress, Recall::default()))),
        lease: None,
        epoch,
        helping: None,
        token: run.stop.abort_token(),
        announced: unit.planned.unwrap_or(0),
        failed_before: Arc::default(),
        kept_back: Arc::default(),
    })
}
