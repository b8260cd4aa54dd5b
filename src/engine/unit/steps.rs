//! Steps of a unit: once per unit, recorded in its row before and after.

use crate::engine::{Depth, Look, Migration, UnitContext, UnitStep};
use crate::model::{
    Class, Effect, Event, Failure, JournalEntry, Reason, StepName, StepRecord, StepState,
};
use crate::runtime::{Degree, full_jitter};

use super::{InHand, Unwritten};

/// Makes the steps that are not made yet; gives the unit as items see it then. A permanent failure
/// of a step is recorded and left to the items that need the step. An error ends the work on the
/// unit for now.
pub(crate) async fn unit_steps<M: Migration>(hand: &InHand<M>) -> Result<UnitContext, Failure> {
    let mut context = hand.context.clone();
    if hand.id.part.is_some() {
        // They were made before the unit was cut.
        return Ok(context);
    }
    for step in &hand.run.unit_steps {
        let name = step.name();
        let recorded = hand.lock().progress().steps.get(&name).cloned();
        let state = match recorded.as_ref().map(|record| &record.state) {
            Some(done @ (StepState::Applied(_) | StepState::Found))
                if !is_undone(hand, &context, &**step, done).await? =>
            {
                done.clone()
            }
            _ => patiently(hand, &context, &**step, recorded.as_ref()).await?,
        };
        context = context.with_step(name, state);
    }
    Ok(context)
}

/// Whether the effect of a step that is recorded as made does not hold any more, by a close look.
async fn is_undone<M: Migration>(
    hand: &InHand<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
    recorded: &StepState,
) -> Result<bool, Failure> {
    if context.depth() < Depth::Presence {
        return Ok(false);
    }
    let context = context.clone().with_step(step.name(), recorded.clone());
    let look = probe(hand, &context, step).await;
    let look = look.map_err(|failure| failure.at(step.name()))?;
    Ok(matches!(look, Look::Needed(_)))
}

/// Makes one step, again when that may help. A pause holds each attempt back.
async fn patiently<M: Migration>(
    hand: &InHand<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
    recorded: Option<&StepRecord>,
) -> Result<StepState, Failure> {
    let pace = &hand.run.config.pace;
    let before = recorded.map_or(0, |record| record.attempts);
    let was_started = recorded.is_some_and(|record| record.state == StepState::Started);
    let mut attempts = 0;
    loop {
        tokio::select! {
            biased;
            () = hand.run.gate.open() => {}
            () = hand.run.stop.reached(Degree::Drain) => {
                let text = "stopped while paused, before the step started";
                return Err(Failure::transient(Reason::STOPPED, text).at(step.name()));
            }
        }
        attempts += 1;
        let failure = match once(
            hand,
            context,
            step,
            before + attempts,
            was_started || attempts > 1,
        )
        .await
        {
            Ok(state) => return Ok(state),
            Err(failure) => failure.at(step.name()),
        };
        if failure.class == Class::Permanent {
            let state = StepState::Failed(failure);
            record(hand, &step.name(), state.clone(), before + attempts).await?;
            return Ok(state);
        }
        if failure.class == Class::Fatal {
            hand.run.die(&failure);
        }
        if failure.class == Class::Fatal || attempts >= pace.attempts {
            return Err(failure);
        }
        let grown = pace.attempt_wait * 2_u32.saturating_pow(attempts - 1);
        let wait = full_jitter(grown.min(pace.longest_attempt_wait));
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait.max(failure.retry_after.unwrap_or_default())) => {}
            () = hand.run.stop.reached(Degree::Drain) => return Err(failure),
        }
    }
}

/// The effect of a step that was begun before a crash: what it made is known by step and unit.
pub(crate) fn adopted(step: &dyn UnitStep, unit: &UnitContext) -> Effect {
    let effect = Effect::new(step.name().as_str(), &*unit.id.name);
    match step.undo() {
        Some(_) => effect.reversible(),
        None => effect,
    }
}

/// Probe → record → apply → record → probe.
async fn once<M: Migration>(
    hand: &InHand<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
    attempts: u32,
    was_started: bool,
) -> Result<StepState, Failure> {
    let name = step.name();
    if probe(hand, context, step).await? == Look::Done {
        // Begun by us and found done: ours.
        let state = if was_started {
            StepState::Applied(adopted(step, context))
        } else {
            StepState::Found
        };
        record(hand, &name, state.clone(), attempts).await?;
        return Ok(state);
    }
    record(hand, &name, StepState::Started, attempts).await?;
    if hand
        .keeper
        .as_ref()
        .is_some_and(|keeper| !keeper.is_trusted())
    {
        return Err(Failure::unknown(
            Reason::LEASE_LOST,
            "the lease can no longer be trusted",
        ));
    }
    let doing = format!("step {name}");
    let flights = &hand.run.flights;
    let effect = flights
        .during(&doing, &context.id, None, |_| step.apply(context))
        .await?;
    hand.run.events.publish(Event::StepApplied {
        unit: context.id.clone(),
        item: None,
        step: name.clone(),
        effect: effect.clone(),
    });
    let state = StepState::Applied(effect);
    verify(hand, context, step).await?;
    record(hand, &name, state.clone(), attempts).await?;
    Ok(state)
}

async fn probe<M: Migration>(
    hand: &InHand<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
) -> Result<Look, Failure> {
    let doing = format!("the probe of step {}", step.name());
    let flights = &hand.run.flights;
    flights
        .during(&doing, &context.id, None, |_| step.probe(context))
        .await
}

async fn verify<M: Migration>(
    hand: &InHand<M>,
    context: &UnitContext,
    step: &dyn UnitStep,
) -> Result<(), Failure> {
    let pace = &hand.run.config.pace;
    let deadline = hand.run.clock.moment() + pace.verify_within;
    let mut wait = pace.verify_wait;
    loop {
        let failure = match probe(hand, context, step).await {
            Ok(Look::Done | Look::Unseen) => return Ok(()),
            Ok(Look::Needed(need)) => Failure::unknown(Reason::NOT_VISIBLE_YET, need.why),
            Err(failure) => failure,
        };
        if hand.run.clock.moment() + wait > deadline {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

/// Writes where a step stands: into the shared store first, then the journal.
async fn record<M: Migration>(
    hand: &InHand<M>,
    name: &StepName,
    state: StepState,
    attempts: u32,
) -> Result<(), Failure> {
    let run = &hand.run;
    let record = StepRecord {
        state: state.clone(),
        at: run.clock.unix_ms(),
        attempts,
    };
    hand.lock().change(|progress| {
        progress.steps.insert(name.clone(), record);
    });
    match super::save(hand).await {
        Ok(()) => {}
        Err(Unwritten::Lost) => {
            return Err(Failure::unknown(
                Reason::LEASE_LOST,
                "another holds the lease",
            ));
        }
        Err(Unwritten::Trouble(error)) => return Err(error.failure()),
    }
    let entry = match state {
        StepState::Started => JournalEntry::Started {
            subject: hand.context.id.name.to_string(),
        },
        StepState::Applied(effect) => JournalEntry::Applied(effect),
        StepState::Found => JournalEntry::Found,
        StepState::Failed(failure) => JournalEntry::Failed(failure),
        StepState::Undone(effect) => JournalEntry::Undone(effect),
    };
    run.journal((&hand.context.id, hand.fence()), None, Some(name), entry)
        .await
}
