//! A fleet over one store: instances run, die, freeze, are cut off and come back, until everything has ended.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::controls;
use super::disk::Drive;
use super::fake_migration::FakeMigration;
use super::faults::FaultProfile;
use super::judge;
use super::mutant::{self, Mutant};
use super::named;
use super::request::EffectFilter;
use super::sim::{Broken, Sim, Who, config};
use super::wire::Wire;
use super::world::{Thing, World, unit};
use crate::engine::tests::world::START;
use crate::engine::{
    Config, Ended, Events, Job, Outcome, Pace, RunParts, ServiceRegistry, Tasks, run,
};
use crate::model::{FolderId, InstanceId, Invariant, RunId, Unit};
use crate::runtime::{Clock, Process, Stop, StopLevel, seed_chance};
use crate::state::{FailedQuery, Store};

/// The term of a lease.
pub(super) const TERM: Duration = Duration::from_secs(6);

/// Nothing takes longer, once faults are over.
const PATIENCE: Duration = Duration::from_mins(30);

/// What a simulation came to.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) digest: u64,
    pub(super) happened: usize,
    pub(super) broken: Option<Broken>,
    pub(super) tail: String,
}

/// Simulates one seed, in its weather.
pub(super) fn simulate(seed: u64, faults: FaultProfile, mutant: Option<Mutant>) -> Report {
    seed_chance(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = sea(seed, &faults);
        let sim = Sim::new(seed, faults, mutant, world);
        tokio::select! {
            biased;
            () = sim.over() => {}
            () = voyage(&sim) => {}
        }
        Report {
            digest: sim.digest(),
            happened: sim.happened(),
            broken: sim.verdict(),
            tail: sim.tail(),
        }
    })
}

/// The world before the migration.
fn sea(seed: u64, faults: &FaultProfile) -> World {
    let mut chance = fastrand::Rng::with_seed(!seed);
    let mut world = World::default();
    for number in 0..faults.units {
        let unit = unit(number);
        world.units.entry(unit.clone()).or_default();
        for item in 0..chance.u32(1..=faults.items) {
            let thing = Thing {
                added_at: chance
                    .bool()
                    .then(|| START - Duration::from_millis(chance.u64(0..2_000_000))),
                corrupt: chance.u8(0..100) < faults.corrupt,
                ..Thing::default()
            };
            *world.thing(&unit, &format!("item-{item:02}")) = thing;
        }
    }
    world
}

async fn voyage(sim: &Arc<Sim>) {
    sim.log(format_args!("{:?}", sim.faults));
    let faults = &sim.faults;
    let calm = async {
        tokio::time::sleep(faults.faults_for).await;
        sim.log("the faults are over");
        sim.lock().calm = true;
    };
    let instances = (1..=faults.engines).map(|number| instance(sim, number));
    let operator = controls::operator(sim);
    let comes = async { tokio::join!(controls::late_items(sim), controls::mends(sim)) };
    let all = async { tokio::join!(join_all(instances), comes, operator, calm) };
    if tokio::time::timeout(faults.faults_for + PATIENCE, all)
        .await
        .is_err()
    {
        sim.broken(Invariant::NothingLost, "not everything ended");
        return;
    }
    // What dead or hasty processes sent arrives, too.
    tokio::time::sleep(faults.slow.max(faults.late.longest)).await;
    end(sim);
}

/// One machine: its processes, one after the other.
async fn instance(sim: &Arc<Sim>, machine: u32) {
    let (drive, mut folders) = (Drive::default(), 0);
    let id = InstanceId::number(sim.faults.number_on(machine));
    sim.lock().drives.push(drive.clone());
    let skew = sim.wait(sim.faults.skew);
    let ahead = sim.flips(50);
    for process in 0.. {
        let job = job(sim, machine);
        let is_retry = matches!(job, Job::RetryFailed(_) | Job::RetryListed(_));
        let who = Who {
            instance: id.clone(),
            machine,
            folder: FolderId::new(format!("{machine}.{folders}")),
            run: RunId::new(format!("{machine}.{process}")),
            process: Process::new(),
            lists: !is_retry,
        };
        let now = sim.clock.now();
        let clock = Clock::set_to(if ahead { now + skew } else { now - skew });
        sim.log(format_args!("{who} begins: {}", named::name_of(&job)));
        let stop = Stop::new();
        let going = start(sim, &who, &drive, (clock, &stop), job);
        let ended = tokio::select! {
            biased;
            () = who.process.died() => None,
            outcome = going => Some(outcome),
            () = misfortunes(sim, &who, &stop) => None,
        };
        who.process.kill();
        sim.lock().cut.remove(&who.machine);
        match ended {
            Some(outcome) => {
                sim.log(format_args!("{who} ended: {:?}", outcome.ended));
                settled(sim, &who, &outcome, is_retry);
                if outcome.ended == Ended::Finished && all_ended(sim) && failed(sim).is_empty() {
                    return;
                }
                tokio::time::sleep(sim.wait(TERM)).await;
            }
            None if !come_back(sim, &who, &drive, &mut folders).await => return,
            None => {}
        }
    }
}

/// What an operator asks for: whole units first, then what failed in them.
fn job(sim: &Arc<Sim>, number: u32) -> Job {
    let failed = failed(sim);
    // Whoever fixed something has it tried again soon.
    let fixed = || {
        failed
            .iter()
            .any(|row| sim.lock().world.thing(&row.unit, row.item.as_str()).fixed)
    };
    let early = || sim.happens(sim.faults.giants.early_retry) || fixed() && sim.flips(60);
    if !failed.is_empty() && (all_ended(sim) || early()) {
        return named::retry(sim, failed);
    }
    let counted = |number| {
        let id = unit(number);
        let is_split = sim.faults.giants.split.is_some();
        let planned = is_split.then(|| sim.lock().world.units[&id].len() as u64);
        Unit { id, planned }
    };
    let mut units: Vec<_> = (0..sim.faults.units).map(counted).collect();
    let turn = number as usize % units.len();
    units.rotate_left(turn);
    Job::Units(units)
}

fn all_ended(sim: &Sim) -> bool {
    (0..sim.faults.units).all(|number| {
        judge::row(sim, &unit(number)).is_some_and(|row| row.progress.status.is_ended())
    })
}

/// Failures that another try may mend.
fn failed(sim: &Sim) -> Vec<crate::model::FailedItem> {
    use futures::FutureExt;
    let rows = sim
        .store
        .failed_items(&FailedQuery::default())
        .now_or_never()
        .unwrap()
        .unwrap();
    let mut inside = sim.lock();
    rows.into_iter()
        .filter(|row| !inside.world.thing(&row.unit, row.item.as_str()).corrupt)
        .collect()
}

async fn start(
    sim: &Arc<Sim>,
    who: &Who,
    drive: &Drive,
    (clock, stop): (Clock, &Stop),
    job: Job,
) -> Outcome {
    let wire = EffectFilter(Wire {
        sim: Arc::clone(sim),
        who: who.clone(),
    });
    let store = Store::over(Arc::new(wire), config(who.machine))
        .with_clock(clock)
        .with_disk(drive.of(&who.process));
    let (tasks, events) = (Tasks::of(&who.process), Events::new(clock));
    let parts = RunParts {
        migration: Arc::new(FakeMigration::new(sim, who, drive, &store)),
        store,
        stop: stop.clone(),
        tasks: tasks.clone(),
        clock,
        events: events.clone(),
        dependencies: ServiceRegistry::new(),
    };
    let mut news = events.subscribe();
    let (listener, teller) = (Arc::clone(sim), who.clone());
    sim.tasks.spawn(async move {
        while let Ok(event) = news.recv().await {
            let add_up = events.read(crate::model::Snapshot::adds_up);
            judge::event(&listener, &teller, &event, add_up);
        }
    });
    let running = run(parts, settings(sim, who), job);
    tasks.spawn(running).await.unwrap().unwrap()
}

fn settings(sim: &Sim, who: &Who) -> Config {
    let mut config = Config::new(who.instance.clone(), who.run.clone(), "sim");
    config.folder = Some(mutant::folder(sim, &who.folder));
    config.adopt_own = true;
    config.concurrency = 4;
    config.units_at_once = 2;
    config.max_failure_rate = 1.0;
    config.steal = sim.faults.giants.steal;
    let (split_above, part_items) = sim.faults.giants.split.unwrap_or((u64::MAX, 1));
    config.pace = Pace {
        lease_term: TERM,
        checkpoint_items: 5,
        checkpoint_every: Duration::from_millis(700),
        attempt_wait: Duration::from_millis(300),
        longest_attempt_wait: Duration::from_secs(2),
        verify_within: Duration::from_secs(5),
        verify_wait: Duration::from_millis(100),
        report_every: Duration::from_secs(3),
        control_within: controls::CONTROL_WITHIN,
        window: 6,
        split_above,
        part_items,
        ..Pace::default()
    };
    config
}

/// Freezes, cuts off and kills a process at times that chance sets.
async fn misfortunes(sim: &Arc<Sim>, who: &Who, stop: &Stop) {
    let faults = &sim.faults;
    let calm_between = async |longest: Option<Duration>| match longest {
        Some(longest) => tokio::time::sleep(sim.wait(longest)).await,
        None => std::future::pending().await,
    };
    let freezes = async {
        loop {
            calm_between(faults.freezes).await;
            if sim.happens(100) {
                let span = sim.wait(TERM * 4);
                sim.log(format_args!("{who} freezes for {} ms", span.as_millis()));
                who.process.freeze();
                tokio::time::sleep(span).await;
                sim.log(format_args!("{who} thaws"));
                controls::unheard(sim, who);
                controls::thawed(sim, who);
                who.process.thaw();
            }
        }
    };
    let partitions = async {
        loop {
            calm_between(faults.partitions).await;
            if sim.happens(100) {
                let span = sim.wait(TERM * 3);
                sim.log(format_args!("{who} is cut off for {} ms", span.as_millis()));
                sim.lock().cut.insert(who.machine);
                tokio::time::sleep(span).await;
                sim.log(format_args!("{who} is heard again"));
                sim.lock().cut.remove(&who.machine);
            }
        }
    };
    let crashes = async {
        loop {
            calm_between(faults.crashes).await;
            if sim.happens(100) {
                sim.log(format_args!("{who} dies"));
                who.process.kill();
            }
        }
    };
    let drains = async {
        calm_between(faults.drains).await;
        if sim.happens(100) {
            sim.log(format_args!("{who} is asked to drain"));
            stop.request(StopLevel::Drain, "SIGTERM");
        }
    };
    tokio::join!(freezes, partitions, crashes, drains);
}

/// What a crash takes with it, and the wait until the instance is started again. `false`: it is not.
async fn come_back(sim: &Arc<Sim>, who: &Who, drive: &Drive, folders: &mut u32) -> bool {
    if sim.flips(40) {
        sim.log(format_args!("{who}: the machine died with it"));
        drive.crash(|most| usize::try_from(sim.between(0..most as u64)).unwrap());
    }
    for (percent, what) in [
        (sim.faults.lost_disk, "instance"),
        (sim.faults.lost_file, "checkpoint"),
    ] {
        if sim.flips(percent) {
            sim.log(format_args!("{who}: files of {what} are gone"));
            drive.lose(what);
            let all = what == "instance";
            sim.lock().lost_disk |= all;
            // The id of the folder is gone with its files.
            *folders += u32::from(all);
        }
    }
    // The last one comes back, or nothing would ever end.
    if who.machine > 1 && sim.flips(sim.faults.never_back) {
        sim.log(format_args!("{who} does not come back"));
        return false;
    }
    tokio::time::sleep(sim.wait(TERM * 2)).await;
    true
}

/// A run that ended tells the truth.
fn settled(sim: &Sim, who: &Who, outcome: &Outcome, is_retry: bool) {
    let parts = [&outcome.counts, &outcome.snapshot.counts];
    if parts.iter().any(|counts| !counts.add_up()) {
        sim.broken(
            Invariant::CountsAddUp,
            format_args!("{who}: {:?}", outcome.counts),
        );
    }
    // A retry knows of units that may not have ended.
    if outcome.ended == Ended::Finished && outcome.counts.left() > 0 && !is_retry {
        sim.broken(
            Invariant::CountsAddUp,
            format_args!("{who} finished with {} left", outcome.counts.left()),
        );
    }
    if outcome.snapshot.in_flight > 0 {
        sim.broken(
            Invariant::CountsAddUp,
            format_args!("{who} ended with {} in flight", outcome.snapshot.in_flight),
        );
    }
}

/// Everything ended: the rows say what is true.
fn end(sim: &Arc<Sim>) {
    for number in 0..sim.faults.units.min(2) {
        judge::owner(sim, &unit(number).owner);
    }
    for number in 0..sim.faults.units {
        let unit = unit(number);
        let Some(row) = judge::row(sim, &unit) else {
            return sim.broken(Invariant::NothingLost, format_args!("{unit} has no row"));
        };
        judge::parts_gone(sim, &row);
        let (counts, things) = (row.progress.counts, sim.lock().world.units[&unit].clone());
        let late = |item: &str| item.contains("late");
        let told = |item: &str| {
            let inside = sim.lock();
            let line = |line: &str| {
                line.contains(&format!(r#""{}""#, unit.name))
                    && line.contains(&format!(r#""{item}""#))
            };
            inside.lost_disk
                || inside
                    .drives
                    .iter()
                    .any(|drive| drive.has_line("results.ndjson", line))
        };
        // What came after its unit was gone through and was named by somebody is in no count, and whoever stopped
        // before its final outcome said nothing of it.
        let is_counted =
            |item: &str| !late(item) || judge::settled_in(sim, &unit, item) == Some(true);
        let is_said = |item: &str| !late(item) || judge::settled_in(sim, &unit, item).is_some();
        let (mut done, mut bad) = (0, 0);
        for (item, thing) in &things {
            let has_failed = judge::has_failed(sim, &unit, item);
            match (thing.is_done(), has_failed) {
                (true, true) => sim.broken(
                    Invariant::NothingLost,
                    format_args!("{unit} {item} is done and has a failure row"),
                ),
                (true, false) if is_said(item) && !told(item) => sim.broken(
                    Invariant::NothingLost,
                    format_args!("no line tells of {unit} {item}"),
                ),
                (true, false) => done += u64::from(is_counted(item)),
                (false, true) => bad += 1,
                (false, false) if late(item) => {}
                (false, false) => sim.broken(
                    Invariant::NothingLost,
                    format_args!("{unit} {item} is lost"),
                ),
            }
        }
        if (counts.done + counts.skipped, counts.bad(), counts.left()) != (done, bad, 0) {
            sim.broken(
                Invariant::CountsAddUp,
                format_args!("{unit} has {done} done and {bad} bad items, its row says {counts:?}"),
            );
        }
    }
}
