//! Which faults a simulation meets, and how often. Each seed has its own mix: a fault that is always there hides others.

use std::time::Duration;

/// Chances are in percent of requests or of looks; times are the longest.
#[derive(Debug, Clone)]
pub(super) struct FaultProfile {
    pub(super) engines: u32,
    /// The same number is typed on two machines each.
    pub(super) twins: bool,
    pub(super) units: u32,
    pub(super) items: u32,
    /// A request or an answer takes up to this long.
    pub(super) latency: Duration,
    /// Requests to the store that take up to `slow` instead.
    pub(super) slow_store: u8,
    pub(super) slow: Duration,
    pub(super) late: Late,
    /// Requests that are carried out and never answered.
    pub(super) lost_answer: u8,
    pub(super) throttled: u8,
    /// Effects that fail before, and after, they are made.
    pub(super) failed_effect: u8,
    pub(super) lost_effect: u8,
    /// Looks that could not tell.
    pub(super) untold: u8,
    pub(super) broken_list: u8,
    /// An effect is seen up to this long after it is made.
    pub(super) unseen: Duration,
    /// Clocks of engines differ from the true time by up to this.
    pub(super) skew: Duration,
    /// Items that can never be migrated.
    pub(super) corrupt: u8,
    /// Of these, items that are fixed while the run goes on, and tried again then.
    pub(super) fixed: u8,
    /// Uploads that come while the run goes on.
    pub(super) late_items: u32,
    /// The longest calm between two faults of one instance of each kind; none when they do not come.
    pub(super) crashes: Option<Duration>,
    pub(super) drains: Option<Duration>,
    pub(super) freezes: Option<Duration>,
    pub(super) partitions: Option<Duration>,
    /// The longest time between two commands of the operator.
    pub(super) controls: Option<Duration>,
    /// Of crashed instances: those that lose their disk, lose the checkpoint file, or never come back.
    pub(super) lost_disk: u8,
    pub(super) lost_file: u8,
    pub(super) never_back: u8,
    pub(super) giants: Giants,
    /// Faults end after this.
    pub(super) faults_for: Duration,
}

/// Writes of failure rows that take longer than their sender holds its lease.
#[derive(Debug, Clone)]
pub(super) struct Late {
    /// In percent of all.
    pub(super) rows: u8,
    pub(super) longest: Duration,
}

impl Late {
    /// Most of them.
    pub(super) fn most() -> Self {
        Self {
            rows: 60,
            longest: Duration::from_secs(25),
        }
    }

    fn of(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed ^ 0x1a7e_0f0b_0a7e);
        let some = chance.bool();
        Self {
            rows: if some { chance.u8(5..40) } else { 0 },
            longest: Duration::from_millis(chance.u64(5_000..30_000)),
        }
    }
}

/// Whether units are split and shared.
#[derive(Debug, Clone)]
pub(super) struct Giants {
    /// Units with more items than the first are split, into parts of the second; none when none are.
    pub(super) split: Option<(u64, u64)>,
    more_items: u32,
    /// Whether idle instances help.
    pub(super) steal: bool,
    /// Failed items are tried again although units are open, in percent of all runs.
    pub(super) early_retry: u8,
}

impl Giants {
    fn of(chance: &mut fastrand::Rng) -> Self {
        Self {
            split: (chance.u8(0..100) < 60).then(|| (chance.u64(2..12), chance.u64(1..5))),
            more_items: chance.u32(5..25),
            steal: chance.u8(0..100) < 60,
            early_retry: chance.u8(0..30),
        }
    }

    /// How many units there are, and the most items of one.
    fn sizes(&self, units: u32, items: u32) -> (u32, u32) {
        match self.split {
            Some(_) => (units.min(3), items + self.more_items),
            None => (units, items),
        }
    }
}

/// Commands, and how often items are fixed. Drawn apart, so that all else of a seed is as it was without them.
fn apart(seed: u64) -> (Option<Duration>, u8) {
    let mut chance = fastrand::Rng::with_seed(seed ^ 0x0b5e_55ed_f1ee);
    let controls =
        (chance.u8(0..100) < 50).then(|| Duration::from_millis(chance.u64(2_000..30_000)));
    (controls, chance.u8(0..100))
}

/// Apart, too.
fn twins(seed: u64) -> bool {
    fastrand::Rng::with_seed(seed ^ 0x7719_5a3e).u8(0..100) < 30
}

impl FaultProfile {
    /// The instance number that is typed on a machine.
    pub(super) fn number_on(&self, machine: u32) -> u32 {
        if self.twins {
            machine.div_ceil(2)
        } else {
            machine
        }
    }

    /// The highest of them.
    pub(super) fn numbers(&self) -> u32 {
        self.number_on(self.engines)
    }

    /// The weather of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed ^ 0x5eed_0f0b_ad5e);
        let mut some = |percent: u8, most: u8| {
            if chance.u8(0..100) < percent {
                chance.u8(1..=most)
            } else {
                0
            }
        };
        let (slow_store, lost_answer, throttled) = (some(40, 10), some(50, 12), some(30, 8));
        let (failed_effect, lost_effect, untold, broken_list) =
            (some(40, 15), some(40, 15), some(30, 10), some(30, 10));
        let (corrupt, lost_disk, lost_file, never_back) =
            (some(40, 15), some(30, 40), some(40, 60), some(30, 30));
        let mut every = |percent: u8, from: u64, to: u64| {
            (chance.u8(0..100) < percent).then(|| Duration::from_millis(chance.u64(from..to)))
        };
        let crashes = every(60, 3_000, 20_000);
        let [freezes, partitions] = [0; 2].map(|_| every(50, 4_000, 25_000));
        let drains = every(30, 3_000, 30_000);
        let skew = every(50, 100, 120_000).unwrap_or_default();
        let unseen = every(40, 10, 1_500).unwrap_or_default();
        let slow = every(100, 1_000, 9_000).unwrap_or_default();
        let latency = every(100, 5, 120).unwrap_or_default();
        let (controls, fixed) = apart(seed);
        let mut size = |from, to| chance.u32(from..=to);
        let (engines, units, items) = (size(3, 5), size(2, 5), size(2, 12));
        let late_items = if chance.bool() { chance.u32(1..6) } else { 0 };
        let giants = Giants::of(&mut chance);
        let (units, items) = giants.sizes(units, items);
        Self {
            engines,
            twins: twins(seed),
            units,
            items,
            late_items,
            giants,
            latency,
            slow_store,
            slow,
            late: Late::of(seed),
            lost_answer,
            throttled,
            failed_effect,
            lost_effect,
            untold,
            broken_list,
            unseen,
            skew,
            corrupt,
            fixed,
            crashes,
            drains,
            controls,
            freezes,
            partitions,
            lost_disk,
            lost_file,
            never_back,
            faults_for: Duration::from_secs(40),
        }
    }
}
