//! A fleet in virtual time, under seeded faults, with the rules held against everything that happens.
//!
//! `STERNA_SIM_SEED=N` replays one seed, `STERNA_SIM_LOG=1` prints its whole log, `STERNA_SIM_SEEDS=N` tries so many
//! seeds instead of the usual ones.

mod controls;
pub(super) mod disk;
mod fake_migration;
mod faults;
mod fleet;
mod judge;
mod mutant;
pub(super) mod named;
mod parts;
pub(super) mod request;
mod sim;
mod wire;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use super::setting;
use faults::FaultProfile;
use fleet::{Report, simulate};
use mutant::Mutant;

/// Seeds of the usual run.
const SEEDS: u64 = 200;

fn number_in(variable: &str) -> Option<u64> {
    let text = setting(variable)?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    )
}

/// Panics with what is needed to see it again.
fn assert_kept(seed: u64, report: &Report) {
    if let Some(broken) = &report.broken {
        panic!(
            "seed {seed} broke {}: {}\n{}\nreplay: STERNA_SIM_SEED={seed} cargo test --lib simulation::no_rule",
            broken.rule, broken.how, report.tail
        );
    }
}

/// Simulates seeds on all cores; the first that fails is the one that is told.
fn each_seed(seeds: std::ops::Range<u64>, look: impl Fn(u64, Report) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    look(seed, simulate(seed, FaultProfile::of(seed), None));
                }
            });
        }
    });
}

#[test]
fn no_rule_is_broken_whatever_goes_wrong() {
    let seeds = match number_in("STERNA_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_in("STERNA_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let broken = std::sync::Mutex::new(std::collections::BTreeMap::new());
    each_seed(seeds, |seed, report| {
        if setting("STERNA_SIM_LOG").is_some() {
            eprintln!("seed {seed}:\n{}", report.tail);
        }
        if report.broken.is_some() {
            broken.lock().unwrap().insert(seed, report);
        }
    });
    let broken = broken.into_inner().unwrap();
    if let Some((seed, report)) = broken.first_key_value() {
        for (seed, report) in &broken {
            let how = report.broken.as_ref().unwrap();
            eprintln!("seed {seed}: {}: {}", how.rule, how.how);
        }
        assert_kept(*seed, report);
    }
}

#[test]
fn a_seed_replays_to_the_letter() {
    for seed in [3, 7, 17, 58] {
        let [first, second] = [0, 1].map(|_| simulate(seed, FaultProfile::of(seed), None));
        assert!(first.happened > 100, "{}", first.happened);
        assert_eq!(
            (first.digest, first.happened),
            (second.digest, second.happened),
            "seed {seed}"
        );
    }
}

#[test]
fn each_mutant_breaks_the_rule_that_it_should() {
    for mutant in Mutant::ALL {
        let mut seen = Vec::new();
        let caught = (0..100).any(|seed| {
            let broken = simulate(seed, mutant.faults(seed), Some(mutant)).broken;
            let rule = broken.map(|broken| broken.rule);
            seen.extend(rule);
            rule == Some(mutant.breaks())
        });
        assert!(caught, "{mutant:?} broke {seen:?}");
    }
}
