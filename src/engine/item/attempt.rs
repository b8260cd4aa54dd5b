//! One whole attempt at an item.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::engine::shared::Shared;
use crate::engine::{Migration, Need, Step, Turn};
use crate::model::{Effect, Event, Failure, JournalEntry, Reason, Settled, StepName};

use super::looks::{Looked, StepNeeds};
use super::{Hand, look};

/// No wait between two looks of a verification is longer.
const LONGEST_LOOK_WAIT: Duration = Duration::from_secs(10);

/// Probe → record → apply → record → probe. The same for a first attempt, a repeated one and one
/// after a crash: what is there already is not needed any more.
pub(super) async fn attempt<M: Migration>(
    run: &Shared<M>,
    hand: &Hand<'_, M>,
) -> Result<Settled, Failure> {
    let first = look_at(run, hand).await?;
    if first.is_well() {
        return Ok(Settled::Found);
    }
    let past = Mutex::new(Vec::new());
    for (step, needs) in &first.needs {
        let name = step.name();
        let intent = |effect| intend(run, hand, name.clone(), effect).boxed();
        let doing = format!("step {name}");
        let making = run
            .flights
            .during(&doing, &hand.unit.id, Some(&hand.id), async |pulse| {
                let turn = Turn {
                    migration: &*run.migration,
                    unit: hand.unit,
                    item: hand.item,
                    seen: &first.seen,
                    pulse,
                    past: &past,
                    intent: &intent,
                };
                make(run, hand, &**step, &turn, needs).await
            });
        making.await.map_err(|failure| failure.at(name.clone()))?;
    }
    match first.blocked {
        Some(failure) => Err(failure),
        None => verify(run, hand, &made(&first)).await,
    }
}

/// Puts right what one step needs, some at once.
async fn make<M: Migration>(
    run: &Shared<M>,
    hand: &Hand<'_, M>,
    step: &dyn Step<M>,
    turn: &Turn<'_, M>,
    needs: &[Need],
) -> Result<(), Failure> {
    let work: Vec<_> = needs
        .iter()
        .map(|need| put_right(run, hand, step, turn, need).boxed())
        .collect();
    stream::iter(work)
        .buffer_unordered(run.config.pace.needs_at_once.max(1))
        .inspect_ok(|()| turn.pulse.beat())
        .try_collect::<()>()
        .await
}

/// Writes down an effect that is about to be made, while it still may be.
async fn intend<M: Migration>(
    run: &Shared<M>,
    hand: &Hand<'_, M>,
    step: crate::model::StepName,
    effect: Effect,
) -> Result<(), Failure> {
    let entry = JournalEntry::Intended(effect);
    run.journal(hand.place(), Some(&hand.id), Some(&step), entry)
        .await?;
    hand.check_lease()
}

/// Record → apply → record, for one need.
async fn put_right<M: Migration>(
    run: &Shared<M>,
    hand: &Hand<'_, M>,
    step: &dyn Step<M>,
    turn: &Turn<'_, M>,
    need: &Need,
) -> Result<(), Failure> {
    let name = step.name();
    let journal = |entry| run.journal(hand.place(), Some(&hand.id), Some(&name), entry);
    let subject = need.subject.clone();
    journal(JournalEntry::Started { subject }).await?;
    hand.check_lease()?;
    hand.touched.store(true, Ordering::Release);
    match step.apply(turn, need).await {
        Ok(effect) => {
            journal(JournalEntry::Applied(effect.clone())).await?;
            applied(run, hand, turn, &name, effect);
            Ok(())
        }
        Err(failure) => {
            let failure = failure.at(name.clone());
            journal(JournalEntry::Failed(failure.clone())).await?;
            Err(failure)
        }
    }
}

async fn look_at<M: Migration>(run: &Shared<M>, hand: &Hand<'_, M>) -> Result<Looked<M>, Failure> {
    let (migration, steps) = (&*run.migration, &run.steps);
    run.flights
        .during("the probe", &hand.unit.id, Some(&hand.id), |_| {
            look(migration, steps, hand.unit, hand.item)
        })
        .await
}

fn applied<M: Migration>(
    run: &Shared<M>,
    hand: &Hand<'_, M>,
    turn: &Turn<'_, M>,
    step: &crate::model::StepName,
    effect: Effect,
) {
    run.events.publish(Event::StepApplied {
        unit: hand.unit.id.clone(),
        item: Some(hand.id.clone()),
        step: step.clone(),
        effect: effect.clone(),
    });
    turn.past
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .push(effect);
}

/// Looks until nothing is needed any more, or the deadline is over: what was just written may
/// take a while to be seen. A look that could not tell counts as not seen.
async fn verify<M: Migration>(
    run: &Shared<M>,
    hand: &Hand<'_, M>,
    made: &Made,
) -> Result<Settled, Failure> {
    let pace = &run.config.pace;
    let deadline = run.clock.moment() + pace.verify_within;
    let mut wait = pace.verify_wait;
    loop {
        let seen = look_at(run, hand).await;
        let failure = match seen.map(|seen| without(seen, made)) {
            Ok(seen) if seen.is_well() => {
                run.journal(hand.place(), Some(&hand.id), None, JournalEntry::Verified)
                    .await?;
                return Ok(Settled::Migrated);
            }
            Ok(seen) => seen
                .blocked
                .or_else(|| not_visible(&seen.needs, pace.verify_within)),
            Err(failure) => Some(failure),
        };
        let failure =
            failure.unwrap_or_else(|| Failure::unknown(Reason::NOT_VISIBLE_YET, "not visible"));
        let over = run.clock.moment() + wait > deadline;
        if over || failure.class == crate::model::Class::Permanent {
            return Err(failure);
        }
        tokio::time::sleep(failure.retry_after.unwrap_or(wait).min(pace.verify_within)).await;
        wait = (wait * 2).min(LONGEST_LOOK_WAIT);
    }
}

/// Steps and subjects of the needs that were put right.
type Made = BTreeSet<(StepName, String)>;

fn made<M: Migration>(first: &Looked<M>) -> Made {
    let needs = first.needs.iter();
    let named = needs.flat_map(|(step, needs)| needs.iter().map(|need| (step.name(), need)));
    named
        .map(|(step, need)| (step, need.subject.clone()))
        .collect()
}

/// What a look showed without what it cannot show, if that was made.
fn without<M: Migration>(mut seen: Looked<M>, made: &Made) -> Looked<M> {
    for (step, needs) in &mut seen.needs {
        let name = step.name();
        needs.retain(|need| !need.unseen || !made.contains(&(name.clone(), need.subject.clone())));
    }
    seen.needs.retain(|(_, needs)| !needs.is_empty());
    seen
}

fn not_visible<M: Migration>(needs: &[StepNeeds<M>], within: Duration) -> Option<Failure> {
    let (step, wanted) = needs.first()?;
    let need = wanted.first()?;
    let message = format!(
        "{}: {} ({} s after it was written)",
        need.subject,
        need.why,
        within.as_secs()
    );
    Some(Failure::unknown(Reason::NOT_VISIBLE_YET, message).at(step.name()))
}
