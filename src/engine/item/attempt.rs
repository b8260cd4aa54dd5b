//! One whole attempt at an item.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::engine::shared::Shared;
use crate::engine::{Gap, Migration, Step, StepContext};
use crate::model::{Effect, Event, Failure, JournalEntry, Reason, Settled, StepName};

use super::context::ItemContext;
use super::probe::{ProbedItem, StepGaps, probe};

/// Probe → record → apply → record → probe. A first attempt, a repeated one and one after a crash are the same: effects
/// that exist leave no gap.
pub(super) async fn attempt<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
) -> Result<Settled, Failure> {
    let first = probe_item(run, context).await?;
    if first.is_well() {
        return Ok(Settled::Found);
    }
    for (step, gaps) in &first.gaps {
        let name = step.name();
        let intent = |effect| intend(run, context, name.clone(), effect).boxed();
        let doing = format!("step {name}");
        let making = run.in_flight.during(
            &doing,
            &context.unit.id,
            Some(&context.id),
            async |heartbeat| {
                let step_context = StepContext {
                    migration: &*run.migration,
                    unit: context.unit,
                    item: context.item,
                    observed: &first.observed,
                    heartbeat,
                    intent: &intent,
                };
                make(run, context, &**step, &step_context, gaps).await
            },
        );
        making.await.map_err(|failure| failure.at(name.clone()))?;
    }
    match first.blocked {
        Some(failure) => Err(failure),
        None => verify(run, context, &made(&first)).await,
    }
}

/// Closes the gaps of one step, some at once.
async fn make<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    step: &dyn Step<M>,
    step_context: &StepContext<'_, M>,
    gaps: &[Gap],
) -> Result<(), Failure> {
    let work: Vec<_> = gaps
        .iter()
        .map(|gap| put_right(run, context, step, step_context, gap).boxed())
        .collect();
    stream::iter(work)
        .buffer_unordered(run.config.pace.gaps_at_once.max(1))
        .inspect_ok(|()| step_context.heartbeat.beat())
        .try_collect::<()>()
        .await
}

/// Records an effect that is about to be made, and checks the lease.
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

/// Record → apply → record, for one gap.
async fn put_right<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    step: &dyn Step<M>,
    step_context: &StepContext<'_, M>,
    gap: &Gap,
) -> Result<(), Failure> {
    let name = step.name();
    let journal = |entry| run.journal(context.place(), Some(&context.id), Some(&name), entry);
    let subject = gap.subject.clone();
    journal(JournalEntry::Started { subject }).await?;
    context.check_lease()?;
    context.touched.store(true, Ordering::Release);
    match step.apply(step_context, gap).await {
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

async fn probe_item<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
) -> Result<ProbedItem<M>, Failure> {
    let (migration, steps) = (&*run.migration, &run.steps);
    run.in_flight
        .during("the probe", &context.unit.id, Some(&context.id), |_| {
            probe(migration, steps, context.unit, context.item)
        })
        .await
}

/// Probes until no gap is left or the deadline is over, because an effect may take a while to become visible. A probe
/// that could not tell counts as not visible.
async fn verify<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    made: &Made,
) -> Result<Settled, Failure> {
    let within = run.config.pace.verify_within;
    let look = async || {
        let observed = without(probe_item(run, context).await?, made);
        if observed.is_well() {
            return Ok(());
        }
        let failure = observed
            .blocked
            .or_else(|| not_visible(&observed.gaps, within));
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

/// Steps and subjects of the closed gaps.
type Made = BTreeSet<(StepName, String)>;

fn made<M: Migration>(first: &ProbedItem<M>) -> Made {
    let gaps = first.gaps.iter();
    let named = gaps.flat_map(|(step, gaps)| gaps.iter().map(|gap| (step.name(), gap)));
    named
        .map(|(step, gap)| (step, gap.subject.clone()))
        .collect()
}

/// The probe without gaps that no probe can show and that were closed.
fn without<M: Migration>(mut observed: ProbedItem<M>, made: &Made) -> ProbedItem<M> {
    for (step, gaps) in &mut observed.gaps {
        let name = step.name();
        gaps.retain(|gap| !gap.unseen || !made.contains(&(name.clone(), gap.subject.clone())));
    }
    observed.gaps.retain(|(_, gaps)| !gaps.is_empty());
    observed
}

fn not_visible<M: Migration>(gaps: &[StepGaps<M>], within: Duration) -> Option<Failure> {
    let (step, wanted) = gaps.first()?;
    let gap = wanted.first()?;
    let message = format!(
        "{}: {} ({} s after it was written)",
        gap.subject,
        gap.why,
        within.as_secs()
    );
    Some(Failure::unknown(Reason::NOT_VISIBLE_YET, message).at(step.name()))
}
