//! Two folders, a store without sockets, and runs over them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::calls::{Calls, Fault};
use super::copy::{Copy, Target};
use crate::engine::{
    Config, EngineError, Events, Job, Outcome, RunParts, ServiceRegistry, Stop, Tasks, run,
};
use crate::migrations::uploads::namespace;
use crate::model::{
    Counts, FolderId, Holder, InstanceId, RunId, Status, Unit, UnitId, UnitProgress, UnixMillis,
};
use crate::runtime::Clock;
use crate::state::rows::{Batched, Key, Row};
use crate::state::{self, Store};

/// Wall time at which every test begins.
pub(super) const START: UnixMillis = UnixMillis(1_760_000_000_000);

pub(super) struct World {
    pub(super) dir: TempDir,
    pub(super) store: Store,
    pub(super) copy: Arc<Copy>,
    pub(super) clock: Clock,
    pub(super) config: Config,
    /// How many keys the plan gives each unit.
    pub(super) planned: Option<u64>,
    runs: Mutex<u32>,
}

/// An instance on another machine.
pub(super) fn elsewhere(number: u32) -> Holder {
    let folder = FolderId::new(format!("folder of {number}"));
    Holder::new(InstanceId::number(number), folder)
}

pub(super) fn no_fault() -> Fault {
    Box::new(|_, _, _| None)
}

impl World {
    /// `units` folders with `keys` files each.
    pub(super) async fn new(units: usize, keys: usize, latency: Duration, fault: Fault) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::set_to(START);
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for unit in 0..units {
            fs::create_dir_all(from.join(name(unit))).unwrap();
            for key in 0..keys {
                fs::write(
                    from.join(name(unit)).join(key_name(key)),
                    format!("{unit}/{key}"),
                )
                .unwrap();
            }
        }
        fs::create_dir_all(&to).unwrap();
        let calls = Arc::new(Calls::new(latency, fault));
        let mut config = Config::new(InstanceId::number(1), RunId::new("?"), "test");
        config.folder = Some(FolderId::new("here"));
        config.adopt_own = true;
        config.concurrency = 4;
        config.units_at_once = 2;
        Self {
            store: fresh_store(dir.path(), clock).await,
            copy: Arc::new(Copy {
                from,
                to: Target(to, Arc::clone(&calls)),
                calls,
            }),
            dir,
            clock,
            config,
            planned: None,
            runs: Mutex::new(0),
        }
    }

    pub(super) fn parts(&self, stop: &Stop) -> RunParts<Copy> {
        RunParts {
            migration: Arc::clone(&self.copy),
            store: self.store.clone(),
            stop: stop.clone(),
            tasks: Tasks::new(),
            clock: self.clock,
            events: Events::new(self.clock),
            dependencies: ServiceRegistry::new(),
        }
    }

    /// The settings for one more run.
    pub(super) fn next_config(&self) -> Config {
        let mut runs = self.runs.lock().unwrap();
        *runs += 1;
        Config {
            run: RunId::new(format!("run-{runs}")),
            ..self.config.clone()
        }
    }

    pub(super) fn units(&self) -> Vec<Unit> {
        let mut names: Vec<_> = fs::read_dir(&self.copy.from)
            .unwrap()
            .map(|folder| folder.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
            .into_iter()
            .map(|name| Unit {
                id: UnitId::new("did:mailto:test:owner", name),
                planned: self.planned,
            })
            .collect()
    }

    pub(super) async fn run(&self) -> Outcome {
        self.run_job(Job::Units(self.units()), &Stop::new()).await
    }

    pub(super) async fn try_run(&self) -> Result<Outcome, EngineError> {
        let job = Job::Units(self.units());
        run(self.parts(&Stop::new()), self.next_config(), job).await
    }

    pub(super) async fn run_job(&self, job: Job, stop: &Stop) -> Outcome {
        run(self.parts(stop), self.next_config(), job)
            .await
            .unwrap()
    }

    /// Runs and dies after `after`: what was in flight is dropped where it was.
    pub(super) async fn crash(&self, after: Duration) -> bool {
        let job = Job::Units(self.units());
        let parts = self.parts(&Stop::new());
        let tasks = parts.tasks.clone();
        let going = run(parts, self.next_config(), job);
        let crashed = tokio::time::timeout(after, going).await.is_err();
        // A file that is being written in a thread: the thread would have died, too.
        tasks.join().await;
        crashed
    }

    pub(super) async fn row(&self, unit: usize) -> UnitProgress {
        let unit = UnitId::new("did:mailto:test:owner", name(unit));
        self.store.progress(&unit).await.unwrap().unwrap()
    }

    /// The table is gone.
    pub(super) async fn lose_table(&mut self) {
        self.store = fresh_store(self.dir.path(), self.clock).await;
    }

    /// The row of a unit with all its attributes.
    pub(super) async fn raw_row(&self, unit: usize) -> Row {
        let row = self.store.rows().get(&self.table(), &key(unit)).await;
        row.unwrap().unwrap()
    }

    /// Puts the row of a unit back.
    pub(super) async fn put_raw_row(&self, row: Row) {
        let put = vec![Batched::Put(key(0), row)];
        let table = self.table();
        self.store.rows().write_all(&table, put).await.unwrap();
    }

    fn table(&self) -> String {
        self.store.config().namespace.tables.progress.clone()
    }

    /// Nothing was ever copied.
    pub(super) fn empty_target(&self) {
        self.restore_target(&BTreeMap::new());
    }

    /// The target has these files and no others.
    pub(super) fn restore_target(&self, files: &BTreeMap<String, Vec<u8>>) {
        for name in self.target().into_keys() {
            if !files.contains_key(&name) {
                fs::remove_file(self.copy.to.0.join(name)).unwrap();
            }
        }
    }

    /// The checkpoint file is gone, and the one before it.
    pub(super) fn lose_file(&self) {
        for entry in fs::read_dir(self.dir.path().join("state")).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("checkpoint") {
                fs::remove_file(path).unwrap();
            }
        }
    }

    pub(super) fn calls(&self, operation: &str) -> u32 {
        let calls = self.copy.calls.made.lock().unwrap();
        let of = calls.iter().filter(|((name, _), _)| name == operation);
        of.map(|(_, count)| count).sum()
    }

    /// Result lines of each item, by unit and item.
    pub(super) fn reported_items(&self) -> BTreeMap<(String, String), u32> {
        let path = self.dir.path().join("state/instance-1-results.ndjson");
        let mut told = BTreeMap::new();
        for line in fs::read_to_string(path).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let item = (text(&line["unit"]["name"]), text(&line["item"]));
            *told.entry(item).or_default() += 1;
        }
        told
    }

    /// Everything in the target, with its bytes.
    pub(super) fn target(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in fs::read_dir(&self.copy.to.0).unwrap() {
            for file in fs::read_dir(folder.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                let name = path.strip_prefix(&self.copy.to.0).unwrap();
                found.insert(
                    name.to_string_lossy().into_owned(),
                    fs::read(&path).unwrap(),
                );
            }
        }
        found
    }

    /// Every key copied and sealed, every unit completed, every counter right.
    pub(super) async fn assert_all_done(&self, units: usize, keys: u64) {
        let target = self.target();
        assert_eq!(target.len() as u64, 2 * units as u64 * keys);
        for unit in 0..units {
            for key in 0..keys {
                let path = format!("{}/{}", name(unit), key_name(usize::try_from(key).unwrap()));
                assert_eq!(target[&path], format!("{unit}/{key}").as_bytes(), "{path}");
            }
            let row = self.row(unit).await;
            assert_eq!(row.status, Status::Completed, "{row:?}");
            assert_eq!(
                (row.counts.planned, row.counts.done),
                (keys, keys),
                "{row:?}"
            );
            assert!(row.counts.add_up());
        }
    }
}

fn key(unit: usize) -> Key {
    let name = name(unit);
    Key::two(("customer", "did:mailto:test:owner"), ("space", &name))
}

pub(super) fn name(unit: usize) -> String {
    format!("unit-{unit:02}")
}

pub(super) fn key_name(key: usize) -> String {
    format!("key-{key:03}")
}

pub(super) fn done(outcome: &Outcome) -> Counts {
    let counts = outcome.snapshot.counts;
    assert!(counts.add_up(), "{counts:?}");
    counts
}

async fn fresh_store(dir: &Path, clock: Clock) -> Store {
    let config = state::Config::new(namespace("test-migration-"), dir.join("state"));
    let store = Store::in_memory(config).with_clock(clock);
    store.create_tables().await.unwrap();
    store
}
