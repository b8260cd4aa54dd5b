//! Steps of a unit: made once per unit, and recorded in its row before and after.

use crate::engine::attempts::Attempts;
use crate::engine::{Depth, Migration, UnitContext, UnitObservation, UnitStep};
use crate::model::{
    Class, Effect, Event, Failure, JournalEntry, Reason, StepName, StepRecord, StepState,
};
use crate::runtime::StopLevel;

use super::LeasedUnit;
use super::finish::save;

/// Makes the missing steps. Returns the unit as items see it. A permanent failure of a step is recorded and fails only
/// the items that need the step.
pub(crate) async fn unit_steps<M: Migration>(
    leased: &LeasedUnit<M>,
) -> Result<UnitContext, Failure> {
    let mut context = leased.context.clone();
    if leased.id.part.is_some() {
        // They were made before the unit was split.
        return Ok(context);
    }
    for step in &leased.run.unit_steps {
        let name = step.name();
        let recorded = leased.lock().progress().steps.get(&name).cloned();
        let state = match recorded.as_ref().map(|record| &record.state) {
            Some(done @ (StepState::Applied(_) | StepState::Found))
                if !is_undone(leased, &context, &**step, done).await? =>
            {
                done.clone()
            }
            _ => patiently(leased, &context, &**step, recorded.as_ref()).await?,
        };
        context = context.with_step(name, state);
    }
    Ok(context)
}

/// Whether a probe shows that a recorded effect is gone. Not probed at the lowest depth.
async fn is_undone<M: Migration>(
    leased: &LeasedUnit<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
    recorded: &StepState,
) -> Result<bool, Failure> {
    if context.depth() < Depth::Presence {
        return Ok(false);
    }
    let context = context.clone().with_step(step.name(), recorded.clone());
    let look = probe(leased, &context, step).await;
    let look = look.map_err(|failure| failure.at(step.name()))?;
    Ok(matches!(look, UnitObservation::Gap(_)))
}

/// Makes one step, with retries. Each attempt waits for the end of a pause.
async fn patiently<M: Migration>(
    leased: &LeasedUnit<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
    recorded: Option<&StepRecord>,
) -> Result<StepState, Failure> {
    let before = recorded.map_or(0, |record| record.attempts);
    let was_started = recorded.is_some_and(|record| record.state == StepState::Started);
    let mut attempts = Attempts::default();
    loop {
        tokio::select! {
            biased;
            () = leased.run.admission.open() => {}
            () = leased.run.stop.reached(StopLevel::Drain) => {
                let text = "stopped while paused, before the step started";
                return Err(Failure::transient(Reason::STOPPED, text).at(step.name()));
            }
        }
        let number = before + attempts.counted + 1;
        let begun = was_started || attempts.counted > 0;
        let failure = match once(leased, context, step, number, begun).await {
            Ok(state) => return Ok(state),
            Err(failure) => failure.at(step.name()),
        };
        if failure.class == Class::Permanent {
            let state = StepState::Failed(failure);
            record(leased, &step.name(), state.clone(), number).await?;
            return Ok(state);
        }
        if failure.class == Class::Fatal {
            leased.run.die(&failure);
        }
        let wait = attempts.failed(&leased.run.config.pace, &failure, |_| false);
        match wait {
            Some(wait) if leased.run.wait(wait).await => {}
            _ => return Err(failure),
        }
    }
}

/// The effect of a step that was started before a crash, known by step and unit only.
pub(crate) fn adopted(step: &dyn UnitStep, unit: &UnitContext) -> Effect {
    let effect = Effect::new(step.name().as_str(), &*unit.id.name);
    match step.undo() {
        Some(_) => effect.reversible(),
        None => effect,
    }
}

/// Probe → record → apply → record → probe.
async fn once<M: Migration>(
    leased: &LeasedUnit<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
    attempts: u32,
    was_started: bool,
) -> Result<StepState, Failure> {
    let name = step.name();
    if probe(leased, context, step).await? == UnitObservation::Done {
        // Started before and complete now: it is our effect.
        let state = if was_started {
            StepState::Applied(adopted(step, context))
        } else {
            StepState::Found
        };
        record(leased, &name, state.clone(), attempts).await?;
        return Ok(state);
    }
    record(leased, &name, StepState::Started, attempts).await?;
    leased.check_lease()?;
    let doing = format!("step {name}");
    let in_flight = &leased.run.in_flight;
    let effect = in_flight
        .during(&doing, &context.id, None, |_| step.apply(context))
        .await?;
    leased.run.events.publish(Event::StepApplied {
        unit: context.id.clone(),
        item: None,
        step: name.clone(),
        effect: effect.clone(),
    });
    let state = StepState::Applied(effect);
    verify(leased, context, step).await?;
    record(leased, &name, state.clone(), attempts).await?;
    Ok(state)
}

async fn probe<M: Migration>(
    leased: &LeasedUnit<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
) -> Result<UnitObservation, Failure> {
    let doing = format!("the probe of step {}", step.name());
    let in_flight = &leased.run.in_flight;
    in_flight
        .during(&doing, &context.id, None, |_| step.probe(context))
        .await
}

async fn verify<M: Migration>(
    leased: &LeasedUnit<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
) -> Result<(), Failure> {
    let look = async || match probe(leased, context, step).await? {
        UnitObservation::Done | UnitObservation::Unseen => Ok(()),
        UnitObservation::Gap(gap) => Err(Failure::unknown(Reason::NOT_VISIBLE_YET, gap.why)),
    };
    leased.run.until_seen(look).await
}

/// Records the state of a step: in the shared store first, then in the journal.
async fn record<M: Migration>(
    leased: &LeasedUnit<M>,
    name: &StepName,
    state: StepState,
    attempts: u32,
) -> Result<(), Failure> {
    let run = &leased.run;
    let record = StepRecord {
        state: state.clone(),
        at: run.clock.now(),
        attempts,
    };
    leased.lock().change(|progress| {
        progress.steps.insert(name.clone(), record);
    });
    save(leased).await.map_err(|error| error.failure())?;
    let entry = match state {
        StepState::Started => JournalEntry::Started {
            subject: leased.context.id.name.to_string(),
        },
        StepState::Applied(effect) => JournalEntry::Applied(effect),
        StepState::Found => JournalEntry::Found,
        StepState::Failed(failure) => JournalEntry::Failed(failure),
        StepState::Undone(effect) => JournalEntry::Undone(effect),
    };
    run.journal(
        (&leased.context.id, leased.fence()),
        None,
        Some(name),
        entry,
    )
    .await
}
