//! One whole attempt at an item.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::engine::shared::Shared;
use crate::engine::{Migration, Need, Step, Turn};
use crate::model::{Effect, Event, Failure, JournalEntry, Reason, Settled, StepName};

use super::context::ItemContext;
use super::looks::{Looked, StepNeeds, look};

/// Probe → record → apply → record → probe. The same for a first attempt, a repeated one and one
/// after a crash: what is there already is not needed any more.
pub(super) async fn attempt<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
) -> Result<Settled, Failure> {
    let first = look_at(run, context).await?;
    if first.is_well() {
        return Ok(Settled::Found);
    }
    for (step, needs) in &first.needs {
        let name = step.name();
        let intent = |effect| intend(run, context, name.clone(), effect).boxed();
        let doing = format!("step {name}");
        let making =
            run.flights
                .during(&doing, &context.unit.id, Some(&context.id), async |pulse| {
                    let turn = Turn {
                        migration: &*run.migration,
                        unit: context.unit,
                        item: context.item,
                        seen: &first.seen,
                        pulse,
                        intent: &intent,
                    };
                    make(run, context, &**step, &turn, needs).await
                });
        making.await.map_err(|failure| failure.at(name.clone()))?;
    }
    match first.blocked {
        Some(failure) => Err(failure),
        None => verify(run, context, &made(&first)).await,
    }
}

/// Puts right what one step needs, some at once.
async fn make<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    step: &dyn Step<M>,
    turn: &Turn<'_, M>,
    needs: &[Need],
) -> Result<(), Failure> {
    let work: Vec<_> = needs
        .iter()
        .map(|need| put_right(run, context, step, turn, need).boxed())
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
    context: &ItemContext<'_, M>,
    step: StepName,
    effect: Effect,
) -> Result<(), Failure> {
    let entry = JournalEntry::Intended(effect);
    run.journal(context.place(), Some(&context.id), Some(&step), entry)
        .await?;
    context.check_lease()
}

/// Record → apply → record, for one need.
async fn put_right<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    step: &dyn Step<M>,
    turn: &Turn<'_, M>,
    need: &Need,
) -> Result<(), Failure> {
    let name = step.name();
    let journal = |entry| run.journal(context.place(), Some(&context.id), Some(&name), entry);
    let subject = need.subject.clone();
    journal(JournalEntry::Started { subject }).await?;
    context.check_lease()?;
    context.touched.store(true, Ordering::Release);
    match step.apply(turn, need).await {
        Ok(effect) => {
            journal(JournalEntry::Applied(effect.clone())).await?;
            run.events.publish(Event::StepApplied {
                unit: context.unit.id.clone(),
                item: Some(context.id.clone()),
                step: name,
                effect,
            });
            Ok(())
        }
        Err(failure) => {
            let failure = failure.at(name.clone());
            journal(JournalEntry::Failed(failure.clone())).await?;
            Err(failure)
        }
    }
}

async fn look_at<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
) -> Result<Looked<M>, Failure> {
    let (migration, steps) = (&*run.migration, &run.steps);
    run.flights
        .during("the probe", &context.unit.id, Some(&context.id), |_| {
            look(migration, steps, context.unit, context.item)
        })
        .await
}

/// Looks until nothing is needed any more, or the deadline is over: what was just written may
/// take a while to be seen. A look that could not tell counts as not seen.
async fn verify<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    made: &Made,
) -> Result<Settled, Failure> {
    let within = run.config.pace.verify_within;
    let look = async || {
        let seen = without(look_at(run, context).await?, made);
        if seen.is_well() {
            return Ok(());
        }
        let failure = seen.blocked.or_else(|| not_visible(&seen.needs, within));
        Err(failure.unwrap_or_else(|| Failure::unknown(Reason::NOT_VISIBLE_YET, "not visible")))
    };
    run.until_seen(look).await?;
    run.journal(
        context.place(),
        Some(&context.id),
        None,
        JournalEntry::Verified,
    )
    .await?;
    Ok(Settled::Migrated)
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
