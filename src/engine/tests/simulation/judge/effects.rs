//! The rules of looks and effects.

use super::super::controls;
use super::super::disk::Drive;
use super::super::parts;
use super::super::sim::{Sim, Who};
use super::{Look, Place, row};
use crate::model::{Invariant, StepName, StepState, UnitId};
use crate::runtime::Instant;

/// A probe begins.
pub(in super::super) fn probe(sim: &Sim, who: &Who, unit: &UnitId, item: &str) {
    let look = Look {
        began: Instant::now(),
        told: false,
    };
    sim.lock().ledger.looks.insert(place(who, unit, item), look);
}

/// A probe showed something.
pub(in super::super) fn check_reported(sim: &Sim, who: &Who, unit: &UnitId, item: &str) {
    if let Some(look) = sim.lock().ledger.looks.get_mut(&place(who, unit, item)) {
        look.told = true;
    }
}

fn place(who: &Who, unit: &UnitId, item: &str) -> Place {
    (who.run.to_string(), unit.clone(), item.to_owned())
}

/// An effect on an item is about to be made.
pub(in super::super) fn effect(
    sim: &Sim,
    who: &Who,
    drive: &Drive,
    unit: &UnitId,
    item: &str,
    step: &str,
) {
    sim.log(format_args!("{who} {step} {unit} {item}"));
    held(sim, who, &parts::part_of(sim, unit, item), step);
    let started = |line: &str| {
        line.contains(r#""started""#)
            && line.contains(&format!(r#""{item}""#))
            && line.contains(&format!(r#""{step}""#))
            && line.contains(&format!(r#""{}""#, unit.name))
            && line.contains(&format!(r#""{}""#, who.run))
    };
    if !drive.has_line("journal.ndjson", started) {
        sim.broken(
            Invariant::StartedFirst,
            format_args!("{who}: {step} of {unit} {item} is not in the journal"),
        );
    }
    let (look, there) = {
        let mut inside = sim.lock();
        let look = inside.ledger.looks.get(&place(who, unit, item)).copied();
        (look, *inside.world.thing(unit, item).effect(step))
    };
    match look {
        Some(Look { told: true, began }) => {
            controls::begun(sim, who, began, format_args!("{step} of {unit} {item}"));
            if there.is_some_and(|seen| seen < began) {
                sim.broken(
                    Invariant::NothingTwice,
                    format_args!("{who}: {step} of {unit} {item} was seen and is made again"),
                );
            }
        }
        _ => sim.broken(
            Invariant::UnknownPublishesNothing,
            format_args!("{who}: {step} of {unit} {item} without a look"),
        ),
    }
}

/// An effect of a unit is about to be made.
pub(in super::super) fn unit_effect(sim: &Sim, who: &Who, unit: &UnitId, step: &str) {
    sim.log(format_args!("{who} {step} {unit}"));
    held(sim, who, unit, step);
    controls::unit_step(sim, who, unit, step);
    let record = row(sim, unit).and_then(|row| {
        row.progress
            .steps
            .get(&StepName::from(step.to_owned()))
            .cloned()
    });
    if !record.is_some_and(|record| record.state == StepState::Started) {
        sim.broken(
            Invariant::StartedFirst,
            format_args!("{who}: {step} of {unit} is not in its row"),
        );
    }
}

/// Effects are begun by the holder alone.
pub(super) fn held(sim: &Sim, who: &Who, unit: &UnitId, step: &str) {
    let lease = row(sim, unit).and_then(|row| row.lease);
    if lease.as_ref().is_none_or(|lease| lease.run != who.run) {
        let by = lease.map_or("nobody".to_owned(), |lease| lease.run.to_string());
        sim.broken(
            Invariant::OneHolder,
            format_args!("{who} began {step} in {unit}, which {by} holds"),
        );
    }
}

/// An effect was made.
pub(in super::super) fn made(sim: &Sim, who: &Who, unit: &UnitId, item: &str) {
    sim.lock()
        .ledger
        .made
        .insert(place(who, unit, item), Instant::now());
}

/// Done is said only of what the last probe showed to be done, after the last effect.
pub(super) fn verified(sim: &Sim, who: &Who, unit: &UnitId, item: &str) {
    let (done, look, made) = {
        let mut inside = sim.lock();
        let place = place(who, unit, item);
        let done = inside.world.thing(unit, item).is_done();
        (
            done,
            inside.ledger.looks.get(&place).copied(),
            inside.ledger.made.get(&place).copied(),
        )
    };
    if !done {
        sim.broken(
            Invariant::VerifiedLast,
            format_args!("{who} says that {unit} {item} is done, and it is not"),
        );
    }
    if !look.is_some_and(|look| look.told && made.is_none_or(|made| look.began >= made)) {
        sim.broken(
            Invariant::VerifiedLast,
            format_args!("{who} did not look at {unit} {item} after its last effect"),
        );
    }
}
