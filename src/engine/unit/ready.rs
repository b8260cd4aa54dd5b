//! A unit made ready for its items, in runs that keep records of it and in those that do not.
//!
//! No look can show some steps of a unit, so where they stand is always written down, under the lease of the unit: a
//! test of one step must not make for a second time what the run before it made, nor leave it to the run after it.

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::engine::{Migration, UnitContext};
use crate::model::{Event, Failure, Reason, StepState, Unit, UnitProgress};
use crate::runtime::Degree;
use crate::state::{Held, Reopen};

use super::claim::{Claim, Wanted, claim};
use super::finish::release;
use super::keeper::{Unwritten, keep};
use super::steps::unit_steps;
use super::{InHand, UnitEnd};

/// Looks at a holder that lives, in a term: it may be making the steps just now.
const LOOKS: u32 = 6;

/// Makes the steps of a unit that are not made yet; gives the unit as items see it then. As [`unit_steps`], which it is
/// for a unit that is leased already.
pub(crate) async fn ready<M: Migration>(hand: &InHand<M>) -> Result<UnitContext, Failure> {
    if hand.keeper.is_some() || !lacks_steps(hand, &hand.progress()) {
        return unit_steps(hand).await;
    }
    let steps = under_lease(hand).await?;
    hand.lock().change(|progress| progress.steps = steps.steps);
    // All of them have come to an end: nothing is made here.
    let progress = hand.progress();
    let names = hand.run.unit_steps.iter().map(|step| step.name());
    Ok(names.fold(hand.context.clone(), |context, name| {
        match progress.steps.get(&name) {
            Some(record) => context.with_step(name, record.state.clone()),
            None => context,
        }
    }))
}

/// What became of the unit's own steps, told for whoever asked for just these: `before` is how the unit was found.
pub(crate) fn tell_steps<M: Migration>(
    hand: &InHand<M>,
    before: &UnitProgress,
    context: &UnitContext,
) {
    for step in &hand.run.unit_steps {
        let (unit, step) = (hand.id.clone(), step.name());
        match context.step(&step) {
            Some(StepState::Failed(failure)) => {
                let failure = failure.clone();
                tracing::warn!(%unit, %step, reason = %failure.reason, "{}", failure.message);
                let failed = Event::StepFailed {
                    unit,
                    step,
                    failure,
                };
                hand.run.events.publish(failed);
            }
            Some(StepState::Found) => hand.run.events.publish(Event::StepFound { unit, step }),
            Some(StepState::Applied(_)) if before.has_made(&step) => {
                hand.run.events.publish(Event::StepFound { unit, step });
            }
            _ => {}
        }
    }
}

/// Whether a step that this run may make is not made.
fn lacks_steps<M: Migration>(hand: &InHand<M>, progress: &UnitProgress) -> bool {
    let steps = &hand.run.unit_steps;
    steps.iter().any(|step| !progress.has_made(&step.name()))
}

/// Leases the unit, makes the steps, and gives it back. Gives its row, or that of a holder that made them meanwhile.
fn under_lease<M: Migration>(hand: &InHand<M>) -> BoxFuture<'_, Result<UnitProgress, Failure>> {
    async move {
        let leased = match lease(hand).await? {
            Leased::Ours(leased) => leased,
            Leased::Made(progress) => return Ok(*progress),
        };
        let Some(keeper) = leased.keeper.clone() else {
            return Err(Failure::permanent(
                Reason::INTERNAL,
                "leased without a lease",
            ));
        };
        let mut making = std::pin::pin!(unit_steps(&leased));
        let made = tokio::select! {
            biased;
            made = &mut making => made,
            () = keep(&leased, &keeper) => making.await,
        };
        let released = release(&leased).await;
        made?;
        match released {
            // What was made is written down before it is given back.
            Ok(()) | Err(Unwritten::Lost) => Ok(leased.progress()),
            Err(Unwritten::Trouble(error)) => Err(error.failure()),
        }
    }
    .boxed()
}

enum Leased<M: Migration> {
    Ours(Box<InHand<M>>),
    Made(Box<UnitProgress>),
}

/// Asks for the unit for a term: its holder may end, make the steps, or be dead.
async fn lease<M: Migration>(hand: &InHand<M>) -> Result<Leased<M>, Failure> {
    let run = &hand.run;
    let mut wanted = Wanted::for_steps(Unit::new(hand.id.clone()));
    let mut first: Option<Held> = None;
    for look in 0..=LOOKS {
        if look == LOOKS {
            wanted.dead.clone_from(&first);
        }
        let held = match claim(run, &wanted, Reopen::Yes).await? {
            Claim::InHand(leased) => return Ok(Leased::Ours(leased)),
            Claim::Done(UnitEnd::Held(held)) => held,
            Claim::Done(_) => break,
        };
        first.get_or_insert(held);
        tokio::select! {
            biased;
            () = run.stop.reached(Degree::Drain) => {
                return Err(Failure::transient(Reason::STOPPED, "stopped before the unit was leased"));
            }
            () = tokio::time::sleep(run.config.pace.lease_term / LOOKS) => {}
        }
        let progress = run.store.progress(&hand.id).await;
        let progress = progress.map_err(|error| error.failure())?;
        if let Some(progress) = progress.filter(|progress| !lacks_steps(hand, progress)) {
            return Ok(Leased::Made(Box::new(progress)));
        }
    }
    let holder = first.map_or_else(
        || "another".to_owned(),
        |held| format!("instance {}", held.holder),
    );
    let text = format!(
        "{holder} holds {} and has not made its own steps yet",
        hand.id
    );
    Err(Failure::transient(Reason::LEASE_LOST, text))
}
