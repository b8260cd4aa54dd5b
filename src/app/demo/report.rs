//! What a demonstration came to, as data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::compare::{Difference, Found};
use super::fetch::Fetched;
use super::folder::Folder;
use super::news::StageTime;
use crate::app::{CommandError, Kind};
use crate::model::{Reason, VerdictCounts};
use crate::sandbox::world::manifest::{self, Manifest};
use crate::sandbox::{Service, ServiceCount};
use crate::state::files::write_atomic;

/// Differences that an error names.
const NAMED: usize = 5;

/// A demonstration that held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Always: what does not hold is an error.
    pub held: bool,
    /// What was seeded.
    pub world: World,
    /// What became of the uploads.
    pub uploads: Uploads,
    /// What the audit said of them.
    pub audit: VerdictCounts,
    /// What the gateway served.
    pub retrieval: Fetched,
    /// What was asked of the network.
    pub requests: Requests,
    /// How long each stage took.
    pub stages: Vec<StageTime>,
    /// Wall time of all.
    pub seconds: f64,
    /// Where everything lies.
    pub paths: Paths,
}

/// The sizes of a world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct World {
    /// The seed that makes the same world again.
    pub seed: u64,
    /// Its customers.
    pub customers: usize,
    /// Its spaces.
    pub spaces: usize,
    /// Its uploads.
    pub uploads: usize,
    /// Bytes in all shards.
    pub bytes: u64,
    /// Processes that migrated it.
    pub instances: u32,
}

/// Uploads by what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uploads {
    /// Migrated and verified.
    pub migrated: u64,
    /// Found complete and left alone.
    pub already_complete: u64,
    /// Quarantined, exactly those of which the world said so.
    pub set_aside: u64,
    /// Why.
    pub set_aside_by_reason: BTreeMap<Reason, u64>,
}

impl Uploads {
    pub(super) fn of(found: &Found) -> Self {
        let mut reasons = BTreeMap::new();
        // By the final outcomes of uploads: a row may tell of many.
        for (settled, reason) in found.settled.values() {
            if let Some(reason) = reason.filter(|_| !settled.is_good()) {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        Self {
            migrated: found.counts.done - found.counts.found.min(found.counts.done),
            already_complete: found.counts.found,
            set_aside: found.counts.bad(),
            set_aside_by_reason: reasons,
        }
    }
}

/// Requests of the processes, and of the retrieval, as the services counted them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// `init`, `setup` and `migrate`.
    pub migration: Asked,
    /// `verify`.
    pub audit: Asked,
    /// Plain HTTP at the gateway.
    pub retrieval: Asked,
}

/// Requests in some time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// HTTP requests.
    pub total: u64,
    /// Operations that were to change something.
    pub mutating: u64,
    /// By service and operation.
    pub services: BTreeMap<Service, ServiceCount>,
}

/// A reading of all counters.
pub(super) type Reading = BTreeMap<Service, ServiceCount>;

impl Asked {
    /// What was asked between two readings.
    pub(super) fn between(before: &Reading, after: &Reading) -> Self {
        let mut asked = Self::default();
        for (service, now) in after {
            let earlier = before.get(service).cloned().unwrap_or_default();
            let mut count = now.clone();
            count.requests -= earlier.requests;
            count.mutating -= earlier.mutating;
            for (name, operation) in &mut count.operations {
                if let Some(earlier) = earlier.operations.get(name) {
                    operation.count -= earlier.count;
                    operation.faults -= earlier.faults;
                }
            }
            count.operations.retain(|_, operation| operation.count > 0);
            if count.requests > 0 {
                asked.total += count.requests;
                asked.mutating += count.mutating;
                asked.services.insert(*service, count);
            }
        }
        asked
    }
}

/// Where everything lies, absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paths {
    /// Checkpoints, journals, customers files and the local network.
    pub state: PathBuf,
    /// What was seeded, and what had to become of it.
    pub world: PathBuf,
    /// This summary.
    pub report: PathBuf,
    /// The final outcome of each upload, a file per instance.
    pub results: Vec<PathBuf>,
    /// What the processes said.
    pub logs: PathBuf,
}

impl Paths {
    pub(super) fn of(folder: &Folder, results: Vec<PathBuf>) -> Self {
        Self {
            state: folder.root.clone(),
            world: folder.local().join(manifest::FILE),
            report: folder.root.join("demo-report.json"),
            results,
            logs: folder.logs(),
        }
    }
}

impl World {
    pub(super) fn of(world: &Manifest, instances: u32) -> Self {
        Self {
            seed: world.seed,
            customers: world.sizes.customers,
            spaces: world.sizes.spaces,
            uploads: world.uploads.len(),
            bytes: world.bytes,
            instances,
        }
    }
}

/// Writes the summary beside the state.
pub(super) fn write(summary: &Summary) -> Result<()> {
    let path = &summary.paths.report;
    let text = serde_json::to_vec_pretty(summary).context("write the summary as JSON")?;
    write_atomic(path, &text).with_context(|| format!("write {}", path.display()))
}

/// Fails unless nothing differs; all differences go to a file, the first into the error.
pub(super) fn hold(what: &str, differences: &[Difference], folder: &Path) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let path = folder.join("differences.json");
    let text = serde_json::to_vec_pretty(differences).context("write differences as JSON")?;
    write_atomic(&path, &text).with_context(|| format!("write {}", path.display()))?;
    let mut told = vec![format!(
        "{what} did not hold, {} differences",
        differences.len()
    )];
    told.extend(differences.iter().take(NAMED).map(ToString::to_string));
    let more = differences.len().saturating_sub(NAMED);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    Err(CommandError::new(
        Kind::Unexpected,
        told.join("\n         "),
        "a fault of this program, or of its local network",
        format!(
            "read {}; `sterna sandbox start --state-dir {}` starts the network again for inspection",
            path.display(),
            folder.display()
        ),
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Count;

    fn reading(requests: u64, gets: u64) -> Reading {
        let operation = Count {
            count: gets,
            mutating: false,
            on: BTreeMap::new(),
            faults: 0,
            rows: std::collections::BTreeMap::new(),
        };
        let count = ServiceCount {
            requests,
            mutating: 0,
            operations: BTreeMap::from([("GET /claims".to_owned(), operation)]),
        };
        BTreeMap::from([(Service::Indexer, count)])
    }

    #[test]
    fn requests_between_two_readings_are_those_of_the_time_between() {
        let asked = Asked::between(&reading(3, 2), &reading(10, 7));
        assert_eq!(asked.total, 7);
        assert_eq!(
            asked.services[&Service::Indexer].operations["GET /claims"].count,
            5
        );
        assert_eq!(
            Asked::between(&reading(3, 2), &reading(3, 2)),
            Asked::default()
        );
    }

    #[test]
    fn differences_are_reported_and_written() {
        let dir = tempfile::tempdir().unwrap();
        assert!(hold("the run", &[], dir.path()).is_ok());
        let one = Difference::new("root", "migrated", "failed");
        let error = hold("the run", &[one], dir.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("root: expected migrated, found failed"),
            "{error}"
        );
        assert!(dir.path().join("differences.json").exists());
    }
}
