//! Retries failed or listed items under the lease of their unit, piece by piece.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};

use crate::engine::Migration;
use crate::engine::run::Remaining;
use crate::engine::run::units::{self, Schedule};
use crate::engine::shared::Shared;
use crate::engine::unit::{
    ClaimRequest, Failures, LeasedUnit, SplitUnit, UnitEnd, claim, on_save_failed, release,
    run_passes,
};
use crate::model::{Event, Failure, ItemId, Reason, Unit, UnitId, UnitProgress};
use crate::runtime::StopLevel;
use crate::state::{LeaseHolder, Reopen};

use super::again::{Which, end_again, repeat_unit_steps, try_again};
use super::chunks::Chunk;
use super::unleased;

/// Items of a unit, or of a part.
#[derive(Debug, Clone)]
struct Piece {
    unit: UnitId,
    items: Vec<ItemId>,
    /// Its holder, as seen a term ago.
    held: Option<LeaseHolder>,
}

impl From<Chunk> for Piece {
    fn from((unit, items): Chunk) -> Self {
        Self {
            unit,
            items,
            held: None,
        }
    }
}

/// The pieces as they are read. Of each unit one piece is worked on at a time.
struct Pieces<'a, M: Migration> {
    run: &'a Arc<Shared<M>>,
    /// Which items are retried under leases; `None` works without leases and rows.
    which: Option<Which>,
    chunks: BoxStream<'static, Result<Chunk, Failure>>,
    is_read: bool,
    /// Read and not started.
    waiting: VecDeque<Piece>,
    units: BTreeSet<UnitId>,
    /// Units that were recounted in this run.
    counted: BTreeSet<UnitId>,
    /// Those that others hold.
    busy: Vec<Piece>,
    remaining: Remaining,
}

impl<M: Migration> Schedule for Pieces<'_, M> {
    type Job = (Piece, Option<Which>);
    /// Returns a piece whose unit another holds.
    type End = Result<Remaining, Box<Piece>>;

    fn next(&mut self) -> Option<Self::Job> {
        let piece = self.waiting.front()?;
        if !self.units.insert(piece.unit.clone()) {
            return None;
        }
        let piece = self.waiting.pop_front()?;
        let which = self.which.map(|which| Which {
            recount: self.counted.insert(piece.unit.clone()),
            ..which
        });
        Some((piece, which))
    }

    fn work(&mut self, (piece, which): &Self::Job) -> BoxFuture<'static, Self::End> {
        let (run, piece, which) = (Arc::clone(self.run), piece.clone(), *which);
        async move {
            match which {
                Some(which) => of_one_unit(&run, piece, which).await,
                None => Ok(unleased::of_one_unit(&run, piece.unit, piece.items).await),
            }
        }
        .boxed()
    }

    fn ended(&mut self, (piece, _): Self::Job, end: Result<Self::End, Failure>) {
        self.units.remove(&piece.unit);
        match end {
            Ok(Ok(remaining)) => self.remaining.add(remaining),
            Ok(Err(busy)) => {
                // Nothing was done, so the next piece of the unit recounts.
                self.counted.remove(&piece.unit);
                self.busy.push(*busy);
            }
            Err(failure) => self.remaining.troubled.push((piece.unit, failure)),
        }
    }

    fn waits(&self) -> bool {
        !self.is_read && self.waiting.is_empty()
    }

    fn wait(&mut self) -> BoxFuture<'_, ()> {
        async {
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.waiting.push_back(chunk.into()),
                Some(Err(failure)) => {
                    self.remaining.unread = Some(failure);
                    self.is_read = true;
                }
                None => self.is_read = true,
            }
        }
        .boxed()
    }
}

/// Retries the items of `chunks`. Without `which` it works without leases and rows. Units that others hold are tried
/// once more after a term: a holder whose beat did not move is dead.
pub(crate) async fn pieces<M: Migration>(
    run: &Arc<Shared<M>>,
    chunks: BoxStream<'static, Result<Chunk, Failure>>,
    which: Option<Which>,
) -> Remaining {
    let mut pieces = Pieces {
        run,
        which,
        chunks,
        is_read: false,
        waiting: VecDeque::new(),
        units: BTreeSet::new(),
        counted: BTreeSet::new(),
        busy: Vec::new(),
        remaining: Remaining::default(),
    };
    units::all(run, &mut pieces).await;
    if !pieces.busy.is_empty() {
        run.wait(run.config.pace.lease_term).await;
        pieces.waiting = std::mem::take(&mut pieces.busy).into();
        units::all(run, &mut pieces).await;
    }
    for piece in std::mem::take(&mut pieces.busy) {
        held(&mut pieces.remaining, piece);
    }
    pieces.remaining
}

/// Records a piece whose holder is alive.
fn held(remaining: &mut Remaining, piece: Piece) {
    remaining.retried.planned += piece.items.len() as u64;
    remaining
        .held
        .extend(piece.held.map(|held| (piece.unit, held)));
}

/// Retries the items of parts, like those of units.
fn of_parts<M: Migration>(
    run: &Arc<Shared<M>>,
    of_part: BTreeMap<UnitId, Vec<ItemId>>,
    which: Which,
) -> BoxFuture<'_, Remaining> {
    let chunks = stream::iter(of_part.into_iter().map(Ok)).boxed();
    async move { pieces(run, chunks, Some(which)).await }.boxed()
}

/// Retries items under the lease of their unit, or of their parts.
async fn try_all<M: Migration>(
    leased: &LeasedUnit<M>,
    items: Vec<ItemId>,
    which: Which,
) -> Result<Remaining, Failure> {
    let mut remaining = Remaining::default();
    let Some(parts) = SplitUnit::of(leased) else {
        return try_again(leased, items, which).await;
    };
    repeat_unit_steps(leased, which).await?;
    parts.fold(&parts.rows().await?, None);
    let mut of_part: BTreeMap<UnitId, Vec<ItemId>> = BTreeMap::new();
    for item in items {
        // Blocked items are retried when the parts ended.
        match parts.part_of(&item).filter(|_| !item.is_all_of_unit()) {
            Some(part) => of_part.entry(part).or_default().push(item),
            None => remaining.unfinished += 1,
        }
    }
    remaining.retried.planned += remaining.unfinished;
    remaining.add(of_parts(&leased.run, of_part, which).await);
    parts.fold(&parts.rows().await?, None);
    Ok(remaining)
}

/// Retries the items of one unit. Returns them if another holds it.
async fn of_one_unit<M: Migration>(
    run: &Arc<Shared<M>>,
    piece: Piece,
    which: Which,
) -> Result<Remaining, Box<Piece>> {
    let number = piece.items.len() as u64;
    let mut remaining = Remaining::default();
    let leased = match taken(run, &piece, which).await {
        Ok(leased) => leased,
        Err(UnitEnd::Held(held)) => {
            return Err(Box::new(Piece {
                held: Some(held),
                ..piece
            }));
        }
        Err(end) => {
            remaining.retried.planned = number;
            match end {
                UnitEnd::Failed(failure) => remaining.troubled.push((piece.unit, failure)),
                UnitEnd::Released => remaining.unfinished = number,
                // A part that no longer exists.
                _ => {}
            }
            return Ok(remaining);
        }
    };
    let Piece { unit, items, .. } = piece;
    let before = leased.progress();
    run.events.publish(Event::UnitLeased {
        unit: before.unit,
        counts: before.counts,
        reasons: before.reasons,
        taken_over: before.taken_over,
    });
    match tried(&leased, items, which).await {
        Ok(Tried::Items(of_items)) => remaining.add(of_items),
        Ok(Tried::Swept(end)) => return Ok(swept(&leased, end).await),
        Err(failure) => {
            remaining.retried.planned = number;
            // A lost lease shows when the unit is released.
            if failure.reason != Reason::LEASE_LOST {
                remaining.troubled.push((unit.clone(), failure));
            }
        }
    }
    if which.recount
        && leased.progress().status.is_ended()
        && let Err(failure) = leased.recount().await
    {
        remaining.troubled.push((unit.clone(), failure));
    }
    match put_back(&leased).await {
        Ok(true) => {}
        Ok(false) => remaining.lost += 1,
        Err(failure) => drop(remaining.unsummed.insert(Arc::clone(&unit.owner), failure)),
    }
    Ok(remaining)
}

/// Claims the unit of a piece, even an ended one.
async fn taken<M: Migration>(
    run: &Arc<Shared<M>>,
    piece: &Piece,
    which: Which,
) -> Result<LeasedUnit<M>, UnitEnd> {
    if run.stop.level() > StopLevel::Run || run.admission.limit_reached() {
        return Err(UnitEnd::Released);
    }
    let request = ClaimRequest {
        dead: piece.held.clone(),
        // The row of all blocked items may apply to items without their own row.
        failures: if which.without_rows || piece.items.iter().any(ItemId::is_all_of_unit) {
            Failures::Read
        } else {
            Failures::Unread
        },
        ..ClaimRequest::own(Unit::new(piece.unit.clone()))
    };
    claim(run, &request, Reopen::Yes).await
}

/// Retries a piece while the lease is renewed.
async fn tried<M: Migration>(
    leased: &LeasedUnit<M>,
    items: Vec<ItemId>,
    which: Which,
) -> Result<Tried, Failure> {
    let trying = async {
        let all_of_unit = ItemId::all_of_unit();
        let whole = items.contains(&all_of_unit) || leased.failed_before.contains_key(&all_of_unit);
        if whole && SplitUnit::of(leased).is_none() && goes_on(leased, which).await? {
            return Ok(Tried::Swept(run_passes(leased).await));
        }
        try_all(leased, items, which).await.map(Tried::Items)
    };
    leased.while_renewing(trying).await
}

/// The outcome of a piece.
enum Tried {
    /// Its items were retried.
    Items(Remaining),
    /// The whole unit was processed.
    Swept(UnitEnd),
}

/// Returns whether no step of the unit blocks items any more. The unit then starts over, because no row says which
/// items were blocked.
async fn goes_on<M: Migration>(leased: &LeasedUnit<M>, which: Which) -> Result<bool, Failure> {
    let context = repeat_unit_steps(leased, which).await?;
    let kept_back = leased.run.unit_steps.iter().any(|step| {
        let state = context.step(&step.name());
        matches!(state, Some(crate::model::StepState::Failed(_)))
    });
    if !kept_back {
        leased.lock().rewind(UnitProgress::start_over);
    }
    Ok(!kept_back)
}

/// The outcome of a unit that was processed as a whole.
async fn swept<M: Migration>(leased: &LeasedUnit<M>, end: UnitEnd) -> Remaining {
    let mut remaining = Remaining {
        retried: leased.progress().counts,
        retried_reasons: leased.progress().reasons,
        ..Remaining::default()
    };
    let unit = leased.id.clone();
    match end {
        UnitEnd::Ended => {}
        UnitEnd::Released => remaining.unfinished += remaining.retried.left().max(1),
        UnitEnd::Held(held) => remaining.held.push((unit, held)),
        UnitEnd::Lost => remaining.lost += 1,
        UnitEnd::Failed(failure) => remaining.troubled.push((unit, failure)),
    }
    let owner = &leased.id.owner;
    if let Err(failure) = leased.run.sum_up(owner).await {
        remaining.unsummed.insert(Arc::clone(owner), failure);
    }
    remaining
}

/// Writes the row, releases the unit and updates its owner. Returns `false` if the lease was lost.
async fn put_back<M: Migration>(leased: &LeasedUnit<M>) -> Result<bool, Failure> {
    end_again(leased);
    if let Err(save_error) = release(leased).await {
        on_save_failed(leased, save_error);
        return Ok(false);
    }
    let UnitProgress { status, counts, .. } = leased.progress();
    let unit = leased.id.clone();
    let is_part = unit.part.is_some();
    let owner = Arc::clone(&unit.owner);
    leased.run.events.publish(if status.is_ended() {
        Event::UnitSettled {
            unit,
            status,
            counts,
            announced: 0,
        }
    } else {
        Event::UnitReleased { unit }
    });
    if !is_part {
        leased.run.sum_up(&owner).await?;
    }
    Ok(true)
}
