//! Makes the steps of a unit before its items, in runs with and without records.
//!
//! No probe can show some steps of a unit. Their state is therefore always recorded under the lease of the unit, so
//! that a run with only some steps neither repeats nor loses them.

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::engine::lease::SaveError;
use crate::engine::{Migration, UnitContext};
use crate::model::{Event, Failure, Reason, StepState, Unit, UnitProgress};
use crate::runtime::StopLevel;
use crate::state::{LeaseHolder, Reopen};

use super::LeasedUnit;
use super::claim::{ClaimRequest, claim};
use super::end::UnitEnd;
use super::finish::release;
use super::steps::unit_steps;

/// Probes of a live holder within a term. It may be making the steps.
const PROBES: u32 = 6;

/// Makes the missing steps of a unit, under a lease. Returns the unit as items see it. For a leased unit it is
/// [`unit_steps`].
pub(crate) async fn ready<M: Migration>(leased: &LeasedUnit<M>) -> Result<UnitContext, Failure> {
    if leased.lease.is_some() || !lacks_steps(leased, &leased.progress()) {
        return unit_steps(leased).await;
    }
    let steps = under_lease(leased).await?;
    leased
        .lock()
        .change(|progress| progress.steps = steps.steps);
    // All steps are recorded, so nothing is made here.
    let progress = leased.progress();
    let names = leased.run.unit_steps.iter().map(|step| step.name());
    Ok(names.fold(leased.context.clone(), |context, name| {
        match progress.steps.get(&name) {
            Some(record) => context.with_step(name, record.state.clone()),
            None => context,
        }
    }))
}

/// Publishes the outcome of the unit's own steps. `before` is the progress before.
pub(crate) fn publish_steps<M: Migration>(
    leased: &LeasedUnit<M>,
    before: &UnitProgress,
    context: &UnitContext,
) {
    for step in &leased.run.unit_steps {
        let (unit, step) = (leased.id.clone(), step.name());
        match context.step(&step) {
            Some(StepState::Failed(failure)) => {
                let failure = failure.clone();
                tracing::warn!(%unit, %step, reason = %failure.reason, "{}", failure.message);
                let failed = Event::StepFailed {
                    unit,
                    step,
                    failure,
                };
                leased.run.events.publish(failed);
            }
            Some(StepState::Found) => leased.run.events.publish(Event::StepFound { unit, step }),
            Some(StepState::Applied(_)) if before.has_made(&step) => {
                leased.run.events.publish(Event::StepFound { unit, step });
            }
            _ => {}
        }
    }
}

/// Whether a step of this run is missing.
fn lacks_steps<M: Migration>(leased: &LeasedUnit<M>, progress: &UnitProgress) -> bool {
    let steps = &leased.run.unit_steps;
    steps.iter().any(|step| !progress.has_made(&step.name()))
}

/// Leases the unit, makes the steps and releases it. Returns its row, or that of a holder that made them meanwhile.
fn under_lease<M: Migration>(
    leased: &LeasedUnit<M>,
) -> BoxFuture<'_, Result<UnitProgress, Failure>> {
    async move {
        let leased = match lease(leased).await? {
            Leased::Ours(leased) => leased,
            Leased::Made(progress) => return Ok(*progress),
        };
        let made = leased.while_renewing(unit_steps(&leased)).await;
        let released = release(&leased).await;
        made?;
        match released {
            // The steps were recorded before the release.
            Ok(()) | Err(SaveError::Lost) => Ok(leased.progress()),
            Err(SaveError::State(error)) => Err(error.failure()),
        }
    }
    .boxed()
}

enum Leased<M: Migration> {
    Ours(Box<LeasedUnit<M>>),
    Made(Box<UnitProgress>),
}

/// Requests the unit for a term. Its holder may end, make the steps, or be dead.
async fn lease<M: Migration>(leased: &LeasedUnit<M>) -> Result<Leased<M>, Failure> {
    let run = &leased.run;
    let mut request = ClaimRequest::for_steps(Unit::new(leased.id.clone()));
    let mut first: Option<LeaseHolder> = None;
    for look in 0..=PROBES {
        if look == PROBES {
            request.dead.clone_from(&first);
        }
        let held = match claim(run, &request, Reopen::Yes).await {
            Ok(leased) => return Ok(Leased::Ours(Box::new(leased))),
            Err(UnitEnd::Held(held)) => held,
            Err(UnitEnd::Failed(failure)) => return Err(failure),
            Err(_) => break,
        };
        first.get_or_insert(held);
        tokio::select! {
            biased;
            () = run.stop.reached(StopLevel::Drain) => {
                return Err(Failure::transient(Reason::STOPPED, "stopped before the unit was leased"));
            }
            () = tokio::time::sleep(run.config.pace.lease_term / PROBES) => {}
        }
        let progress = run.store.progress(&leased.id).await;
        let progress = progress.map_err(|error| error.failure())?;
        if let Some(progress) = progress.filter(|progress| !lacks_steps(leased, progress)) {
            return Ok(Leased::Made(Box::new(progress)));
        }
    }
    let holder = first.map_or_else(
        || "another".to_owned(),
        |held| format!("instance {}", held.holder),
    );
    let text = format!(
        "{holder} holds {} and has not made its own steps yet",
        leased.id
    );
    Err(Failure::transient(Reason::LEASE_LOST, text))
}
