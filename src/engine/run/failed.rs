//! Items that failed before, or that somebody names: tried again under the lease of their unit, piece by piece.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::unit::{
    Claim, Failures, InHand, Parts, UnitEnd, Wanted, claim, keep, release, sweeps, unsaved,
};
use crate::model::{Event, Failure, ItemId, Reason, Unit, UnitId, UnitProgress};
use crate::runtime::Degree;
use crate::state::{Held, Reopen};

use super::again::{Which, end_again, try_again, unit_steps_anew};
use super::chunks::Chunk;
use super::start::{Left, Task};

/// Items of a unit, or of a part.
struct Piece {
    unit: UnitId,
    items: Vec<ItemId>,
    /// Its holder, as it was seen a term ago.
    held: Option<Held>,
}

/// What became of a piece of a unit; another may hold it.
type Landed = (UnitId, Result<Left, Box<Piece>>);

/// Pieces of units that are worked on, one of each unit at a time.
struct Flying {
    tasks: FuturesUnordered<BoxFuture<'static, Landed>>,
    units: BTreeSet<UnitId>,
    /// Units whose counters were held against their rows in this run.
    counted: BTreeSet<UnitId>,
    /// Those that others hold.
    busy: Vec<Piece>,
    left: Left,
}

impl Flying {
    /// Takes in what became of a piece.
    fn landed(&mut self, (unit, end): Landed) {
        self.units.remove(&unit);
        match end {
            Ok(left) => self.left.add(left),
            Err(piece) => {
                // Nothing was done with it: its counters are for who takes it next.
                self.counted.remove(&unit);
                self.busy.push(*piece);
            }
        }
    }
}

/// Tries items again as they are told. Those that others hold are asked for once more after a term, all together: a
/// holder that did not beat for a whole term is dead, one that did is left alone.
pub(super) async fn failed<M: Migration>(
    run: &Arc<Shared<M>>,
    chunks: BoxStream<'static, Result<Chunk, Failure>>,
    which: Which,
) -> Left {
    let mut flying = Flying {
        tasks: FuturesUnordered::new(),
        units: BTreeSet::new(),
        counted: BTreeSet::new(),
        busy: Vec::new(),
        left: Left::default(),
    };
    let told = chunks.map_ok(|(unit, items)| {
        run.events.publish(Event::ItemsAsked {
            items: items.len() as u64,
        });
        Piece {
            unit,
            items,
            held: None,
        }
    });
    pass(run, &mut flying, told, which).await;
    let busy = std::mem::take(&mut flying.busy);
    if !busy.is_empty() {
        wait_a_term(run).await;
        pass(run, &mut flying, stream::iter(busy).map(Ok), which).await;
    }
    for piece in std::mem::take(&mut flying.busy) {
        held(&mut flying.left, piece);
    }
    flying.left
}

/// Another holds it, and lives.
fn held(left: &mut Left, piece: Piece) {
    left.retried.planned += piece.items.len() as u64;
    left.held.extend(piece.held.map(|held| (piece.unit, held)));
}

async fn wait_a_term<M: Migration>(run: &Arc<Shared<M>>) {
    tokio::select! {
        biased;
        () = run.stop.reached(Degree::Drain) => {}
        () = tokio::time::sleep(run.config.pace.lease_term) => {}
    }
}

/// Tries each piece, some at once.
async fn pass<M: Migration>(
    run: &Arc<Shared<M>>,
    flying: &mut Flying,
    pieces: impl Stream<Item = Result<Piece, Failure>>,
    which: Which,
) {
    let at_once = run.config.units_at_once.max(1) as usize;
    let mut pieces = std::pin::pin!(pieces);
    loop {
        let piece = tokio::select! {
            biased;
            Some(end) = flying.tasks.next() => {
                flying.landed(end);
                continue;
            }
            piece = pieces.next() => piece,
        };
        let piece = match piece {
            None => break,
            Some(Ok(piece)) => piece,
            Some(Err(failure)) => {
                flying.left.unread = Some(failure);
                break;
            }
        };
        while flying.units.len() >= at_once || flying.units.contains(&piece.unit) {
            let Some(end) = flying.tasks.next().await else {
                break;
            };
            flying.landed(end);
        }
        let unit = piece.unit.clone();
        flying.units.insert(unit.clone());
        let which = Which {
            recount: flying.counted.insert(unit.clone()),
            ..which
        };
        let shared = Arc::clone(run);
        let task = async move { of_one_unit(&shared, piece, which).await };
        let task = Task::new(run.tasks.spawn(task));
        let landing = async move {
            let end = task.await;
            (
                unit.clone(),
                end.unwrap_or_else(|error| Ok(panicked(unit, &error))),
            )
        };
        flying.tasks.push(landing.boxed());
    }
    while let Some(end) = flying.tasks.next().await {
        flying.landed(end);
    }
}

/// A piece whose task panicked is in trouble, the others are not.
fn panicked(unit: UnitId, error: &tokio::task::JoinError) -> Left {
    let failure = Failure::permanent(Reason::INTERNAL, error.to_string());
    let mut left = Left::default();
    left.troubled.push((unit, failure));
    left
}

/// Tries the items of parts, as those of units.
fn of_parts<M: Migration>(
    run: &Arc<Shared<M>>,
    of_part: BTreeMap<UnitId, Vec<ItemId>>,
    which: Which,
) -> BoxFuture<'_, Left> {
    let mut pieces: Vec<Piece> = of_part
        .into_iter()
        .map(|(unit, items)| Piece {
            unit,
            items,
            held: None,
        })
        .collect();
    async move {
        let mut left = Left::default();
        for is_last in [false, true] {
            let mut busy = Vec::new();
            for piece in std::mem::take(&mut pieces) {
                match of_one_unit(run, piece, which).await {
                    Ok(of_part) => left.add(of_part),
                    Err(piece) => busy.push(*piece),
                }
            }
            if busy.is_empty() {
                break;
            }
            if is_last {
                for piece in busy {
                    held(&mut left, piece);
                }
                break;
            }
            pieces = busy;
            wait_a_term(run).await;
        }
        left
    }
    .boxed()
}

/// Tries items again under the lease of their unit, or of the parts that they lie in.
async fn try_all<M: Migration>(
    hand: &InHand<M>,
    items: Vec<ItemId>,
    which: Which,
) -> Result<Left, Failure> {
    let mut left = Left::default();
    let Some(parts) = Parts::of(hand) else {
        return try_again(hand, items, which).await;
    };
    unit_steps_anew(hand, which).await?;
    parts.fold(&parts.rows().await?, None);
    let mut of_part: BTreeMap<UnitId, Vec<ItemId>> = BTreeMap::new();
    for item in items {
        // What the unit keeps back is tried again when its parts have ended.
        match parts.part_of(&item).filter(|_| !item.is_all_of_unit()) {
            Some(part) => of_part.entry(part).or_default().push(item),
            None => left.unfinished += 1,
        }
    }
    left.retried.planned += left.unfinished;
    left.add(of_parts(&hand.run, of_part, which).await);
    parts.fold(&parts.rows().await?, None);
    Ok(left)
}

/// Tries the items of one unit; gives them back if another holds it.
async fn of_one_unit<M: Migration>(
    run: &Arc<Shared<M>>,
    piece: Piece,
    which: Which,
) -> Result<Left, Box<Piece>> {
    let number = piece.items.len() as u64;
    let mut left = Left::default();
    let hand = match taken(run, &piece, which).await {
        Ok(hand) => *hand,
        Err(Untaken::Held(held)) => {
            return Err(Box::new(Piece {
                held: Some(held),
                ..piece
            }));
        }
        Err(untaken) => {
            left.retried.planned = number;
            match untaken {
                Untaken::Trouble(failure) => left.troubled.push((piece.unit, failure)),
                Untaken::Stopped => left.unfinished = number,
                Untaken::Gone | Untaken::Held(_) => {}
            }
            return Ok(left);
        }
    };
    let Piece { unit, items, .. } = piece;
    let before = hand.progress();
    run.events.publish(Event::UnitLeased {
        unit: before.unit,
        counts: before.counts,
        reasons: before.reasons,
        taken_over: before.taken_over,
    });
    match tried(&hand, items, which).await {
        Ok(Tried::Items(of_items)) => left.add(of_items),
        Ok(Tried::Swept(end)) => return Ok(swept(&hand, end).await),
        Err(failure) => {
            left.retried.planned = number;
            // Of a lost lease, putting the unit back will tell.
            if failure.reason != Reason::LEASE_LOST {
                left.troubled.push((unit.clone(), failure));
            }
        }
    }
    if which.recount
        && hand.progress().status.is_ended()
        && let Err(failure) = hand.recount().await
    {
        left.troubled.push((unit.clone(), failure));
    }
    match put_back(&hand).await {
        Ok(true) => {}
        Ok(false) => left.lost += 1,
        Err(failure) => drop(left.unsummed.insert(Arc::clone(&unit.owner), failure)),
    }
    Ok(left)
}

/// Why there is no unit to work on.
enum Untaken {
    Stopped,
    Held(Held),
    /// A part that is none any more.
    Gone,
    Trouble(Failure),
}

/// Takes the unit of a piece, also one that ended.
async fn taken<M: Migration>(
    run: &Arc<Shared<M>>,
    piece: &Piece,
    which: Which,
) -> Result<Box<InHand<M>>, Untaken> {
    if run.stop.degree() > Degree::Run || run.gate.limit_reached() {
        return Err(Untaken::Stopped);
    }
    let wanted = Wanted {
        dead: piece.held.clone(),
        // Of items without rows of their own, the row of all that are kept back may tell.
        failures: if which.without_rows || piece.items.iter().any(ItemId::is_all_of_unit) {
            Failures::Read
        } else {
            Failures::Unread
        },
        ..Wanted::own(Unit::new(piece.unit.clone()))
    };
    match claim(run, &wanted, Reopen::Yes).await {
        Ok(Claim::InHand(hand)) => Ok(hand),
        Ok(Claim::Done(UnitEnd::Held(held))) => Err(Untaken::Held(held)),
        Ok(Claim::Done(_)) => Err(Untaken::Gone),
        Err(failure) => Err(Untaken::Trouble(failure)),
    }
}

/// Tries a piece while the lease is kept.
async fn tried<M: Migration>(
    hand: &InHand<M>,
    items: Vec<ItemId>,
    which: Which,
) -> Result<Tried, Failure> {
    let Some(keeper) = &hand.keeper else {
        return Ok(Tried::Items(Left::default()));
    };
    let trying = async {
        let all_of_unit = ItemId::all_of_unit();
        let whole = items.contains(&all_of_unit) || hand.failed_before.contains_key(&all_of_unit);
        if whole && Parts::of(hand).is_none() && goes_on(hand, which).await? {
            return Ok(Tried::Swept(sweeps(hand).await));
        }
        try_all(hand, items, which).await.map(Tried::Items)
    };
    let mut trying = std::pin::pin!(trying);
    tokio::select! {
        biased;
        tried = &mut trying => tried,
        () = keep(hand, keeper) => trying.await,
    }
}

/// What came of a piece.
enum Tried {
    /// Its items were tried.
    Items(Left),
    /// The whole unit was gone through.
    Swept(UnitEnd),
}

/// Whether what kept items of the unit back is gone: then it begins anew, for no row says which items these are.
async fn goes_on<M: Migration>(hand: &InHand<M>, which: Which) -> Result<bool, Failure> {
    let context = unit_steps_anew(hand, which).await?;
    let kept_back = hand.run.unit_steps.iter().any(|step| {
        let state = context.step(&step.name());
        matches!(state, Some(crate::model::StepState::Failed(_)))
    });
    if !kept_back {
        hand.lock().rewind(UnitProgress::roll_back);
    }
    Ok(!kept_back)
}

/// What became of a unit that was gone through as a whole.
async fn swept<M: Migration>(hand: &InHand<M>, end: UnitEnd) -> Left {
    let mut left = Left {
        retried: hand.progress().counts,
        retried_reasons: hand.progress().reasons,
        ..Left::default()
    };
    let unit = hand.id.clone();
    match end {
        UnitEnd::Ended => {}
        UnitEnd::Released => left.unfinished += left.retried.left().max(1),
        UnitEnd::Held(held) => left.held.push((unit, held)),
        UnitEnd::Lost => left.lost += 1,
        UnitEnd::Trouble(failure) => left.troubled.push((unit, failure)),
    }
    let owner = &hand.id.owner;
    if let Err(failure) = hand.run.sum_up(owner).await {
        left.unsummed.insert(Arc::clone(owner), failure);
    }
    left
}

/// Writes the unit's row, gives it back and sums its owner up; `false` when the lease was lost.
async fn put_back<M: Migration>(hand: &InHand<M>) -> Result<bool, Failure> {
    end_again(hand);
    if let Err(unwritten) = release(hand).await {
        unsaved(hand, unwritten);
        return Ok(false);
    }
    let UnitProgress { status, counts, .. } = hand.progress();
    let unit = hand.id.clone();
    let is_part = unit.part.is_some();
    let owner = Arc::clone(&unit.owner);
    hand.run.events.publish(if status.is_ended() {
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
        hand.run.sum_up(&owner).await?;
    }
    Ok(true)
}
