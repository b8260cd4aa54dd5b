//! The rules, held against every write of the store, every effect and every event.

mod effects;
mod owners;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;

use super::controls;
use super::mutant;
use super::parts;
use super::request::{Answer, Request};
use super::sim::{Sim, Who};
use crate::engine::tests::simulation::fleet::TERM;
use crate::model::{Event, Invariant, ItemId, Pass, Settled, UnitId, UnixMillis};
use crate::runtime::Instant;
use crate::state::ProgressRow;
use crate::state::rows::Written;

use effects::{held, verified};

pub(super) use effects::{check_reported, effect, made, probe, unit_effect};
pub(super) use owners::{keys, owner};

/// What the rules have to remember.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Until when each run may trust its lease of a unit.
    trust: BTreeMap<UnitId, BTreeMap<String, (Who, Instant)>>,
    looks: BTreeMap<Place, Look>,
    /// When the last effect of a run on an item was made.
    made: BTreeMap<Place, Instant>,
    /// Items that had their final outcome, and whether one was when their unit was gone through.
    settled: BTreeMap<(UnitId, String), bool>,
}

/// A run, a unit, an item.
type Place = (String, UnitId, String);

/// The last probe of a run at an item.
#[derive(Debug, Clone, Copy)]
struct Look {
    began: Instant,
    told: bool,
}

/// Carries a request out and holds what became of the store against the rules.
pub(super) fn land(
    sim: &Arc<Sim>,
    who: &Who,
    table: &str,
    request: Request,
    asked: Instant,
) -> Answer {
    let request = mutant::twist(sim, table, request);
    let unit = request.key().filter(|_| request.writes());
    let unit = unit.and_then(|key| parts::leased(sim, table, key));
    let (name, writes) = (request.name(), request.writes());
    let subject = request.key().map(|key| {
        format!(
            "{} {}",
            key.partition.1,
            key.sort.as_ref().map_or("", |sort| &sort.1)
        )
    });
    let before = unit.as_ref().and_then(|unit| row(sim, unit));
    let owner = owners::summed(sim, table, &request);
    let revision = owner.as_ref().map(|key| owners::revision(sim, key));
    let failure = under_lease(sim, &request);
    let answer = request.land(&sim.memory, table).unwrap();
    let answer = mutant::answer(sim, table, answer);
    let done = matches!(
        answer,
        Answer::Written(Written::Done(_)) | Answer::Changed(true)
    );
    if writes {
        let table = table.rsplit('-').next().unwrap_or_default();
        let end = if done { "done" } else { "refused" };
        sim.log(format_args!(
            "{who} {name} {table} {}: {end}",
            subject.unwrap_or_default()
        ));
    }
    if let (true, Some(key), Some(before)) = (done, owner, revision) {
        owners::covered(sim, who, &key, before);
    }
    if let (true, Some((unit, item))) = (done, failure) {
        held(
            sim,
            who,
            &parts::part_of(sim, &unit, &item),
            &format!("{name} of {item}"),
        );
    }
    if let (true, Some(unit)) = (done, unit) {
        written(sim, who, &unit, before.as_ref(), asked);
    }
    answer
}

/// The unit and the item whose failure row is written or removed.
fn under_lease(sim: &Sim, request: &Request) -> Option<(UnitId, String)> {
    let Request::ChangeUnder(guard, key, _) = request else {
        return None;
    };
    let unit = parts::leased(sim, &guard.table, &guard.key)?;
    Some((unit.whole(), key.sort.as_ref()?.1.clone()))
}

/// The row of a unit, as it is.
pub(super) fn row(sim: &Sim, unit: &UnitId) -> Option<ProgressRow> {
    sim.store
        .progress_row(unit)
        .now_or_never()
        .unwrap()
        .unwrap()
}

/// Nothing is left of the parts of a unit that has ended.
pub(super) fn parts_gone(sim: &Sim, row: &ProgressRow) {
    if row.progress.open_split().is_some() {
        let how = format_args!("{} ended with parts", row.progress.unit);
        sim.broken(Invariant::PartsMakeTheWhole, how);
    }
}

/// Whether an item has its final outcome: its effects are there, or its failure row is.
pub(super) fn is_settled(sim: &Sim, unit: &UnitId, item: &str) -> bool {
    sim.lock().world.thing(unit, item).is_done() || has_failed(sim, unit, item)
}

pub(super) fn has_failed(sim: &Sim, unit: &UnitId, item: &str) -> bool {
    sim.store
        .failed_item(unit, &ItemId::new(item))
        .now_or_never()
        .unwrap()
        .unwrap()
        .is_some()
}

/// Whether an item had its final outcome in any run, and if so, in one that went through its unit.
pub(super) fn settled_in(sim: &Sim, unit: &UnitId, item: &str) -> Option<bool> {
    let place = (unit.clone(), item.to_owned());
    sim.lock().ledger.settled.get(&place).copied()
}

fn written(sim: &Sim, who: &Who, unit: &UnitId, before: Option<&ProgressRow>, asked: Instant) {
    let Some(now) = row(sim, unit) else {
        if unit.part.is_some() {
            // Whoever leased a part of a closed cut has looked, works on nothing, and removes the row.
            sim.lock().ledger.trust.remove(unit);
            return parts::removed(sim, who, unit);
        }
        return sim.broken(
            Invariant::OneHolder,
            format_args!("{who} removed the row of {unit}"),
        );
    };
    let is_planned = unit.part.is_some() && before.is_none();
    if !is_planned {
        holder(sim, who, before, &now, asked);
    }
    let progress = &now.progress;
    sim.log(format_args!(
        "    {} sweep {} cursor {} settled {}/{} epoch {}",
        progress.status,
        progress.pass.number,
        progress.cursor.as_ref().map_or("-", ItemId::as_str),
        progress.counts.settled(),
        progress.counts.planned,
        now.epoch.0
    ));
    let (all, counts) = (parts::items(sim, unit), progress.counts);
    if !counts.add_up() || counts.settled() > all {
        sim.broken(
            Invariant::CountsAddUp,
            format_args!("{unit}: {counts:?} of {all} items"),
        );
    }
    if unit.part.is_some() {
        return parts::check_listed(sim, who, &now);
    }
    check_listed(sim, who, before, &now);
    parts::sum(sim, who, before, &now);
}

/// The cursor passes settled items alone, and so does the end.
fn check_listed(sim: &Sim, who: &Who, before: Option<&ProgressRow>, now: &ProgressRow) {
    let (progress, unit) = (&now.progress, &now.progress.unit);
    let (from_start, by_run) = {
        let inside = sim.lock();
        let listed = inside.world.listed.get(unit);
        listed.map_or((UnixMillis::ZERO, UnixMillis::ZERO), |listed| {
            let by = listed.by.get(who.run.as_str()).copied().unwrap_or_default();
            (listed.from_start, by)
        })
    };
    // What comes while the last pass runs, which takes whatever it meets, is left to another run.
    let is_last = progress.pass.until == UnixMillis::MAX;
    let cursor = progress.cursor.as_ref().map(ItemId::as_str);
    let there = if is_last { from_start } else { UnixMillis::MAX };
    if let (Some(cursor), Some(open)) = (cursor, open(sim, unit, &progress.pass, cursor, there)) {
        sim.broken(
            Invariant::CursorBelowSettled,
            format_args!("{who} moved the cursor of {unit} to {cursor}, and {open} is not settled"),
        );
    }
    let ended_now = progress.status.is_ended()
        && before.is_none_or(|before| !before.progress.status.is_ended());
    let all_of_them = Pass {
        number: 0,
        from: UnixMillis::ZERO,
        until: UnixMillis::MAX,
    };
    let there = if is_last { from_start } else { by_run };
    if let (true, Some(open)) = (ended_now, open(sim, unit, &all_of_them, None, there)) {
        sim.broken(
            Invariant::CompletedIsListed,
            format_args!(
                "{who} ended {unit}, and {open} is not settled, which was there when it was listed"
            ),
        );
    }
}

/// The first item of a pass that came before a time, is not above the cursor, and is not settled.
pub(super) fn open(
    sim: &Sim,
    unit: &UnitId,
    pass: &Pass,
    cursor: Option<&str>,
    before: UnixMillis,
) -> Option<String> {
    let things = sim.lock().world.units[unit].clone();
    things
        .into_iter()
        .filter(|(item, _)| cursor.is_none_or(|cursor| item.as_str() <= cursor))
        .filter(|(_, thing)| {
            pass.takes(thing.added_at) && thing.added_at.unwrap_or_default() < before
        })
        .map(|(item, _)| item)
        .find(|item| !is_settled(sim, unit, item))
}

/// One holder, and no write of another.
fn holder(sim: &Sim, who: &Who, before: Option<&ProgressRow>, now: &ProgressRow, asked: Instant) {
    let unit = &now.progress.unit;
    let held_by = |row: &ProgressRow| row.lease.as_ref().map(|lease| lease.run.clone());
    let (was, is) = (before.and_then(held_by), held_by(now));
    let old_epoch = before.map_or(0, |row| row.epoch.0);
    let taken = is.as_ref() == Some(&who.run) && now.epoch.0 > old_epoch;
    if !taken && was.as_ref() != Some(&who.run) {
        sim.broken(
            Invariant::OneHolder,
            format_args!(
                "a write of {who} to {unit} was taken, which {} holds",
                was.map_or("nobody".to_owned(), |run| run.to_string())
            ),
        );
    }
    if now.epoch.0 < old_epoch || now.epoch.0 > old_epoch + 1 {
        sim.broken(
            Invariant::OneHolder,
            format_args!(
                "the epoch of {unit} went from {old_epoch} to {}",
                now.epoch.0
            ),
        );
    }
    let mut inside = sim.lock();
    let trust = inside.ledger.trust.entry(unit.clone()).or_default();
    let other = trust
        .values()
        .find(|(other, until)| {
            taken && other.run != who.run && !other.process.is_dead() && *until > Instant::now()
        })
        .map(|(other, until)| {
            format!(
                "{who} took {unit}, which {other} trusts for {:?} more",
                *until - Instant::now()
            )
        });
    if is.as_ref() == Some(&who.run) {
        trust.insert(who.run.to_string(), (who.clone(), asked + TERM * 3 / 4));
    } else {
        trust.remove(who.run.as_str());
    }
    drop(inside);
    if let Some(how) = other {
        sim.broken(Invariant::OneHolder, how);
    }
}

/// Something was told of a run.
pub(super) fn event(sim: &Sim, who: &Who, event: &Event, counts_add_up: bool) {
    if !counts_add_up {
        sim.broken(
            Invariant::CountsAddUp,
            format_args!("{who}: after {event:?}"),
        );
    }
    match event {
        Event::ItemSettled {
            unit,
            item,
            settled,
            failure,
            ..
        } => {
            let why = failure
                .as_ref()
                .map_or("", |failure| failure.reason.as_str());
            sim.log(format_args!(
                "{who} settled {unit} {item} {} {why}",
                settled.as_str()
            ));
            let place = (unit.whole(), item.to_string());
            *sim.lock().ledger.settled.entry(place).or_default() |= who.lists;
            if matches!(settled, Settled::Migrated | Settled::Found) {
                verified(sim, who, &unit.whole(), item.as_str());
            }
        }
        Event::ItemStarted { unit, item } => controls::item(sim, who, unit, item.as_str()),
        Event::LeaseLost { unit } => sim.log(format_args!("{who} lost {unit}")),
        Event::UnitLeased { unit, .. } => sim.log(format_args!("{who} has {unit}")),
        Event::UnitReleased { unit } => sim.log(format_args!("{who} gave {unit} back")),
        Event::UnitSettled { unit, status, .. } => {
            sim.log(format_args!("{who} ended {unit} {status}"));
        }
        _ => {}
    }
}
