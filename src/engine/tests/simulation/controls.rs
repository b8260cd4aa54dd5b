//! What an operator asks of the fleet and of its instances, at instants that chance sets, and whether it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use super::sim::{Sim, Who};
use super::world::{Thing, unit};
use crate::model::{Control, ControlCommand, InstanceId, Invariant, Limit, UnitId};
use crate::runtime::Instant;
use crate::state::Scope;

/// How long an instance that reaches the store may take to do what is asked.
const DELAY: Duration = Duration::from_secs(10);
/// How long an instance that cannot be told goes on.
pub(super) const CONTROL_WITHIN: Duration = Duration::from_secs(8);
/// Turns of a rate that may be taken late.
const LATE_TURNS: u32 = 2;

/// What the rules have to remember.
#[derive(Debug, Default)]
pub(super) struct Controls {
    /// What holds for each instance.
    held: BTreeMap<InstanceId, Held>,
    /// When each run last could not be told.
    unheard: BTreeMap<String, Instant>,
    /// When each run was answered last, and when it thawed last.
    heard: BTreeMap<String, Instant>,
    thawed: BTreeMap<String, Instant>,
    /// Items of each run that a call is made for.
    busy: BTreeMap<String, BTreeSet<Place>>,
    /// When each run looked at the step of a unit last.
    looks: BTreeMap<(String, UnitId, String), Instant>,
    /// When each run began items.
    begun: BTreeMap<String, Vec<Instant>>,
}

type Place = (UnitId, String);

/// What holds for an instance, and since when.
#[derive(Debug, Clone, Default)]
struct Held {
    stopped: Option<Instant>,
    concurrency: Option<(u32, Instant)>,
    rate: Option<(u32, Instant)>,
}

impl Held {
    fn change(&mut self, control: &Control) {
        let now = Instant::now();
        self.stopped = control.stops().then(|| self.stopped.unwrap_or(now));
        let since = |held: Option<(u32, Instant)>, asked: Option<u32>| {
            let asked = asked?;
            Some(held.filter(|held| held.0 == asked).unwrap_or((asked, now)))
        };
        self.concurrency = since(self.concurrency, control.concurrency);
        self.rate = since(self.rate, control.rate);
    }
}

/// Asks for this and that while there are faults; then everything may go on.
pub(super) async fn operator(sim: &Arc<Sim>) {
    let Some(longest) = sim.faults.controls else {
        return;
    };
    let end = Instant::now() + sim.faults.faults_for;
    loop {
        tokio::time::sleep(sim.wait(longest)).await;
        if Instant::now() >= end {
            break;
        }
        let scope = scopes(sim).swap_remove(if sim.flips(50) {
            0
        } else {
            usize::try_from(sim.between(1..u64::from(sim.faults.numbers()) + 1)).unwrap()
        });
        let command = match sim.between(0..100) {
            0..35 => ControlCommand::Pause,
            35..60 => ControlCommand::Resume,
            60..68 => ControlCommand::Drain,
            _ => ControlCommand::Set {
                concurrency: limit(sim, 1..4),
                rate: limit(sim, 60..400),
            },
        };
        send(sim, &scope, command);
    }
    let default = ControlCommand::Set {
        concurrency: Limit::Default,
        rate: Limit::Default,
    };
    for scope in scopes(sim) {
        send(sim, &scope, default);
        send(sim, &scope, ControlCommand::Resume);
    }
}

/// The fleet, then each instance.
fn scopes(sim: &Sim) -> Vec<Scope> {
    let one = |number| Scope::Instance(InstanceId::number(number));
    let all = (1..=sim.faults.numbers()).map(one);
    std::iter::once(Scope::Fleet).chain(all).collect()
}

fn limit(sim: &Sim, range: std::ops::Range<u64>) -> Limit {
    match sim.between(0..5) {
        0 => Limit::Stays,
        1 => Limit::Default,
        _ => Limit::To(u32::try_from(sim.between(range)).unwrap()),
    }
}

fn send(sim: &Sim, scope: &Scope, command: ControlCommand) {
    sim.log(format_args!(
        "{} is asked to {}",
        scope.text(),
        command.words()
    ));
    let asked = sim.store.set_control(scope, command, "operator", "chance");
    asked.now_or_never().unwrap().unwrap();
    for number in 1..=sim.faults.numbers() {
        let instance = InstanceId::number(number);
        let control = sim
            .store
            .effective_control(&instance)
            .now_or_never()
            .unwrap();
        let mut inside = sim.lock();
        let held = inside.controls.held.entry(instance).or_default();
        held.change(&control.unwrap());
    }
}

/// A process could not be told what is asked until now.
pub(super) fn unheard(sim: &Sim, who: &Who) {
    let mut inside = sim.lock();
    let unheard = &mut inside.controls.unheard;
    unheard.insert(who.run.to_string(), Instant::now());
}

/// A process was told what is asked.
pub(super) fn heard(sim: &Sim, who: &Who) {
    let heard = &mut sim.lock().controls.heard;
    heard.insert(who.run.to_string(), Instant::now());
}

/// A process that was frozen goes on.
pub(super) fn thawed(sim: &Sim, who: &Who) {
    let thawed = &mut sim.lock().controls.thawed;
    thawed.insert(who.run.to_string(), Instant::now());
}

/// Something is begun by a process that may not know what is asked: never before it was told once, nor long after it
/// was told last.
fn check_reported(sim: &Sim, who: &Who, began: Instant, what: impl fmt::Display) {
    let (heard, thawed) = {
        let controls = &sim.lock().controls;
        let run = who.run.as_str();
        let at = |times: &BTreeMap<String, Instant>| times.get(run).copied();
        (at(&controls.heard), at(&controls.thawed))
    };
    let known = heard.map(|heard| (heard + CONTROL_WITHIN).max(thawed.unwrap_or(heard)) + DELAY);
    if known.is_none_or(|until| began > until) {
        sim.broken(
            Invariant::PauseHolds,
            format_args!("{who} began {what}, and was told what is asked at {heard:?}"),
        );
    }
}

/// From when on a process has to do what is asked since then.
fn due(controls: &Controls, who: &Who, since: Instant) -> Instant {
    let heard = controls.unheard.get(who.run.as_str()).copied();
    since.max(heard.unwrap_or(since)) + DELAY
}

/// Something is done that was begun at `began`.
pub(super) fn begun(sim: &Sim, who: &Who, began: Instant, what: impl fmt::Display) {
    check_reported(sim, who, began, &what);
    let due = {
        let inside = sim.lock();
        let held = inside.controls.held.get(&who.instance);
        let stopped = held.and_then(|held| held.stopped);
        stopped.map(|since| due(&inside.controls, who, since))
    };
    if let Some(due) = due.filter(|due| began > *due) {
        sim.broken(
            Invariant::PauseHolds,
            format_args!(
                "{who} began {what} {:?} after it had to stand still",
                began - due
            ),
        );
    }
}

/// An item is begun.
pub(super) fn item(sim: &Sim, who: &Who, unit: &UnitId, item: &str) {
    let now = Instant::now();
    begun(sim, who, now, format_args!("{unit} {item}"));
    let broken = {
        let mut inside = sim.lock();
        let controls = &mut inside.controls;
        let run = who.run.to_string();
        controls.begun.entry(run.clone()).or_default().push(now);
        let held = controls.held.get(&who.instance).cloned();
        let held = held.unwrap_or_default();
        let busy = controls.busy.get(&run).into_iter().flatten();
        let others = busy
            .filter(|place| (&place.0, place.1.as_str()) != (unit, item))
            .count();
        let too_many = held.concurrency.filter(|(most, since)| {
            now > due(controls, who, *since) && others + 1 > *most as usize
        });
        let too_fast = held.rate.filter(|(rate, since)| {
            let due = due(controls, who, *since);
            let begun = controls.begun[&run].iter().filter(|at| **at > due).count();
            let allowed =
                now.saturating_duration_since(due).as_secs_f64() / 60.0 * f64::from(*rate);
            f64::from(u32::try_from(begun).unwrap()) > allowed + f64::from(LATE_TURNS)
        });
        let many = too_many.map(|(most, _)| format!("{others} were in flight, of {most}"));
        many.or(too_fast.map(|(rate, _)| format!("{rate} a minute may be begun")))
    };
    if let Some(how) = broken {
        sim.broken(
            Invariant::LimitsHold,
            format_args!("{who} began {unit} {item}: {how}"),
        );
    }
}

/// A probe of a step of a unit.
pub(super) fn probe(sim: &Sim, who: &Who, unit: &UnitId, step: &str) {
    let place = (who.run.to_string(), unit.clone(), step.to_owned());
    sim.lock().controls.looks.insert(place, Instant::now());
}

/// A step of a unit is made.
pub(super) fn unit_step(sim: &Sim, who: &Who, unit: &UnitId, step: &str) {
    let place = (who.run.to_string(), unit.clone(), step.to_owned());
    let began = sim.lock().controls.looks.get(&place).copied();
    if let Some(began) = began {
        begun(sim, who, began, format_args!("{step} of {unit}"));
    }
}

/// A call for an item, as long as this is held.
pub(super) struct Busy {
    sim: Arc<Sim>,
    run: String,
    place: Place,
}

impl Busy {
    pub(super) fn new(sim: &Arc<Sim>, who: &Who, unit: &UnitId, item: &str) -> Self {
        let (run, place) = (who.run.to_string(), (unit.clone(), item.to_owned()));
        let mut inside = sim.lock();
        let busy = inside.controls.busy.entry(run.clone()).or_default();
        busy.insert(place.clone());
        Self {
            sim: Arc::clone(sim),
            run,
            place,
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(busy) = self.sim.lock().controls.busy.get_mut(&self.run) {
            busy.remove(&self.place);
        }
    }
}

/// Uploads that come while the migration runs.
pub(super) async fn late_items(sim: &Arc<Sim>) {
    for number in 0..sim.faults.late_items {
        tokio::time::sleep(sim.wait(sim.faults.faults_for / 4)).await;
        let unit = unit(u32::try_from(sim.between(0..u64::from(sim.faults.units))).unwrap());
        let item = format!(
            "item-{:02}-late-{number}",
            sim.between(0..u64::from(sim.faults.items))
        );
        sim.log(format_args!("{unit} {item} comes"));
        let added_at = Some(sim.clock.now());
        *sim.lock().world.thing(&unit, &item) = Thing {
            added_at,
            ..Thing::default()
        };
    }
}

/// Some items that could never be migrated are fixed by whoever owns them.
pub(super) async fn mends(sim: &Arc<Sim>) {
    let corrupt: Vec<(UnitId, String)> = {
        let inside = sim.lock();
        let all = inside.world.units.iter().flat_map(|(unit, things)| {
            let corrupt = things.iter().filter(|(_, thing)| thing.corrupt);
            corrupt.map(|(item, _)| (unit.clone(), item.clone()))
        });
        all.collect()
    };
    for (unit, item) in corrupt {
        if !sim.flips(sim.faults.fixed) {
            continue;
        }
        tokio::time::sleep(sim.wait(sim.faults.faults_for / 4)).await;
        sim.log(format_args!("{unit} {item} is mended"));
        let mut inside = sim.lock();
        let thing = inside.world.thing(&unit, &item);
        (thing.corrupt, thing.fixed) = (false, true);
    }
}
