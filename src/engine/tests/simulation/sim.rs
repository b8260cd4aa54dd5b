//! What all parts of one simulation share: chance, the log of what happened, and the first rule that was broken.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::controls::Controls;
use super::disk::Drive;
use super::faults::FaultProfile;
use super::judge::Ledger;
use super::mutant::Mutant;
use super::world::World;
use crate::engine::tests::setting;
use crate::engine::tests::world::START;
use crate::migrations::uploads::namespace;
use crate::model::{FolderId, InstanceId, Invariant, RunId};
use crate::runtime::{Clock, Instant, Process, Tasks};
use crate::state::rows::Memory;
use crate::state::{self, Store};

/// Lines of the log that a failure prints.
const PRINTED: usize = 60;

/// One process of one instance.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) instance: InstanceId,
    /// The machine it runs on, and the state folder there.
    pub(super) machine: u32,
    pub(super) folder: FolderId,
    pub(super) run: RunId,
    pub(super) process: Process,
    /// Whether it goes through whole units, not through items that somebody names.
    pub(super) lists: bool,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.run.as_str())
    }
}

/// A rule that was broken.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    pub(super) rule: Invariant,
    pub(super) how: String,
}

/// See the file.
#[derive(Debug)]
pub(super) struct Sim {
    pub(super) faults: FaultProfile,
    pub(super) mutant: Option<Mutant>,
    /// The tables, without anything in between.
    pub(super) memory: Arc<Memory>,
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// What goes on outside of all processes.
    pub(super) tasks: Tasks,
    began: Instant,
    inside: Mutex<Inside>,
    over: Notify,
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct Inside {
    chance: fastrand::Rng,
    pub(super) world: World,
    pub(super) ledger: Ledger,
    pub(super) controls: Controls,
    /// Machines that the store does not hear, and that do not hear it.
    pub(super) cut: BTreeSet<u32>,
    /// The disks of the instances, and whether one was lost.
    pub(super) drives: Vec<Drive>,
    pub(super) lost_disk: bool,
    /// Faults are over: what is left must end.
    pub(super) calm: bool,
    digest: DefaultHasher,
    lines: Vec<String>,
    broken: Option<Broken>,
}

impl Sim {
    pub(super) fn new(
        seed: u64,
        faults: FaultProfile,
        mutant: Option<Mutant>,
        world: World,
    ) -> Arc<Self> {
        let memory = Arc::new(Memory::new());
        let clock = Clock::set_to(START);
        let store = Store::over(Arc::clone(&memory) as _, config(0)).with_clock(clock);
        Arc::new(Self {
            faults,
            mutant,
            memory,
            store,
            clock,
            tasks: Tasks::new(),
            began: Instant::now(),
            inside: Mutex::new(Inside {
                chance: fastrand::Rng::with_seed(seed),
                world,
                ledger: Ledger::default(),
                controls: Controls::default(),
                cut: BTreeSet::new(),
                drives: Vec::new(),
                lost_disk: false,
                calm: false,
                digest: DefaultHasher::new(),
                lines: Vec::new(),
                broken: None,
            }),
            over: Notify::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of `range`.
    pub(super) fn between(&self, range: std::ops::Range<u64>) -> u64 {
        self.lock().chance.u64(range)
    }

    /// A wait of up to `longest`.
    pub(super) fn wait(&self, longest: Duration) -> Duration {
        let most = u64::try_from(longest.as_millis()).unwrap().max(1);
        Duration::from_millis(self.between(0..most))
    }

    /// Whether something happens that happens in `percent` of all cases, while there are faults.
    pub(super) fn happens(&self, percent: u8) -> bool {
        let mut inside = self.lock();
        !inside.calm && inside.chance.u8(0..100) < percent
    }

    /// As [`Sim::happens`], also when faults are over.
    pub(super) fn flips(&self, percent: u8) -> bool {
        self.lock().chance.u8(0..100) < percent
    }

    /// Notes what happened.
    pub(super) fn log(&self, line: impl fmt::Display) {
        let mut inside = self.lock();
        let line = format!("{:>8} {line}", self.began.elapsed().as_millis());
        inside.digest.write(line.as_bytes());
        inside.lines.push(line);
    }

    /// Notes that a rule was broken; the first one ends the simulation.
    pub(super) fn broken(&self, rule: Invariant, how: impl fmt::Display) {
        let how = how.to_string();
        self.log(format_args!("BROKEN {rule}: {how}"));
        self.lock().broken.get_or_insert(Broken { rule, how });
        self.over.notify_one();
    }

    /// Ready when a rule was broken.
    pub(super) async fn over(&self) {
        self.over.notified().await;
    }

    pub(super) fn verdict(&self) -> Option<Broken> {
        self.lock().broken.clone()
    }

    /// What tells two simulations apart.
    pub(super) fn digest(&self) -> u64 {
        self.lock().digest.finish()
    }

    /// How many things happened.
    pub(super) fn happened(&self) -> usize {
        self.lock().lines.len()
    }

    /// The end of the log, or all of it if `STERNA_SIM_LOG` is set.
    pub(super) fn tail(&self) -> String {
        let inside = self.lock();
        let first = match setting("STERNA_SIM_LOG") {
            Some(_) => 0,
            None => inside.lines.len().saturating_sub(PRINTED),
        };
        inside.lines[first..].join("\n")
    }
}

/// Names of tables, and the folder of a machine.
pub(super) fn config(machine: u32) -> state::Config {
    state::Config::new(namespace("sim-migration-"), format!("/machine-{machine}"))
}
