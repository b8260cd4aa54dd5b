//! The local files of one instance: checkpoint, journal, results.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::{Notify, OnceCell};

use crate::engine::{Config, EngineError};
use crate::model::{
    Belongs, Checkpoint, Failure, InstanceId, ItemId, JOURNAL_VERSION, JournalOpening,
    JournalRecord, MigrationName, Settled, UnitCheckpoint, UnitId, UnixMillis,
};
use crate::runtime::Tasks;
use crate::state::files::{Disk, Rotation};
use crate::state::{self, Journal, Store, checkpoint};

use super::CheckpointState;

/// One line of the results file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ItemLine {
    /// When.
    pub at: UnixMillis,
    /// The unit.
    pub unit: UnitId,
    /// The item.
    pub item: ItemId,
    /// Its final outcome.
    pub settled: Settled,
    /// Why it is bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The instance that the unit belongs to, if this one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helping: Option<InstanceId>,
    /// Whole attempts.
    pub attempts: u32,
    /// How long it took.
    pub took_ms: u64,
}

/// The local files. The journal is on disk before an effect is made; results and checkpoint are written by count and
/// time. Result lines are on disk before the checkpoint or a row says that their items are settled.
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    state: Arc<state::Config>,
    checkpoint: PathBuf,
    results_path: PathBuf,
    journal_path: PathBuf,
    journal: Journal,
    /// The first journal line of this run.
    opening: JournalOpening,
    opened: OnceCell<()>,
    results: Journal,
    lines: Mutex<Vec<ItemLine>>,
    save_error: AtomicU64,
    wake: Notify,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Files {
    /// Opens the files of an instance. `results` is the end of the name of the results file. Blocks.
    pub(crate) fn open(
        store: &Store,
        tasks: &Tasks,
        config: &Config,
        results: &str,
    ) -> Result<Self, EngineError> {
        let (state, instance) = (Arc::new(store.config().clone()), &config.instance);
        let checkpoint = checkpoint::path(&state, instance);
        let results_path = state.file(instance, &format!("-{results}"));
        let journal_path = Journal::path(&state, instance);
        let open = |path: &Path| {
            let opened = Journal::on(store.disk(), tasks, path, Rotation::default());
            opened.map_err(|source| EngineError::File {
                path: path.to_owned(),
                source,
            })
        };
        Ok(Self {
            journal: open(&journal_path)?,
            opening: JournalOpening {
                v: JOURNAL_VERSION,
                seq: 0,
                at: UnixMillis::ZERO,
                run: config.run.clone(),
                instance: config.instance.clone(),
                folder: config.folder.clone(),
                plan: config.plan.clone(),
                migration: Some(store.config().namespace.migration.clone()),
                state: config.identity.clone(),
                program: env!("CARGO_PKG_VERSION").to_owned(),
            },
            opened: OnceCell::new(),
            results: open(&results_path)?,
            lines: Mutex::default(),
            save_error: AtomicU64::new(0),
            wake: Notify::new(),
            writing: Arc::default(),
            disk: Arc::clone(store.disk()),
            state,
            checkpoint,
            results_path,
            journal_path,
        })
    }

    /// The checkpoints of an earlier run of this instance. Those without a table id are not used. Blocks.
    pub(crate) fn load(&self, wanted: &Checkpoint) -> Result<Vec<UnitCheckpoint>, EngineError> {
        let found = checkpoint::load(&self.disk, &self.state, &wanted.instance)
            .map_err(EngineError::State)?;
        let Some(found) = found else {
            return Ok(Vec::new());
        };
        let whose = |one: &Checkpoint| {
            format!(
                "migration {}, instance {}, state {}",
                one.migration, one.instance, one.state
            )
        };
        let same = (&found.migration, &found.instance) == (&wanted.migration, &wanted.instance);
        let belongs = wanted.state.judge(&found.state);
        if same && belongs == Belongs::Unproven {
            tracing::warn!(
                file = %self.checkpoint.display(),
                "written by an earlier version, which did not name its tables: not used, the tables are enough"
            );
            return Ok(Vec::new());
        }
        if !same || belongs != Belongs::Here {
            return Err(EngineError::Foreign {
                path: self.checkpoint.clone(),
                found: format!("what belongs to {}", whose(&found)),
                wanted: format!("this run is {}", whose(wanted)),
            });
        }
        Ok(found.units)
    }

    /// Writes the first journal line of this run, unless it is written. It must be there before a row names the
    /// journal.
    pub(crate) async fn open_journal(&self, now: UnixMillis) -> Result<(), state::StateError> {
        let open = || async {
            let opening = |seq| JournalOpening {
                seq,
                at: now,
                ..self.opening.clone()
            };
            self.journal.append_numbered(opening).await
        };
        self.opened.get_or_try_init(open).await?;
        Ok(())
    }

    /// Writes a record with its number. It is on disk on return.
    pub(crate) async fn journal(&self, record: JournalRecord) -> Result<(), state::StateError> {
        self.open_journal(record.at).await?;
        let numbered = |seq| JournalRecord { seq, ..record };
        self.journal.append_numbered(numbered).await
    }

    /// The journal had this many lines. Numbers of missing lines are not reused, so that a rollback sees the gap.
    pub(crate) fn journal_had(&self, lines: u64) {
        self.journal.skip_to(lines);
    }

    /// The number of journal lines on disk.
    pub(crate) fn journaled(&self) -> u64 {
        self.journal.durable()
    }

    /// Adds a line for the results file.
    pub(crate) fn result(&self, line: ItemLine, every: u64) {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
        if self.save_error.fetch_add(1, Ordering::AcqRel) + 1 >= every {
            self.wake.notify_one();
        }
    }

    /// Waits until enough items are settled to write the checkpoint early.
    pub(crate) async fn full(&self) {
        self.wake.notified().await;
    }

    /// Whether any item was settled since the last write.
    pub(crate) fn is_due(&self) -> bool {
        self.save_error.load(Ordering::Acquire) > 0
    }

    /// Writes results, then the checkpoint if there is one.
    pub(crate) async fn write(
        &self,
        tasks: &Tasks,
        checkpoints: Option<(&CheckpointState, Checkpoint)>,
    ) -> Result<(), EngineError> {
        // Moves into the write, which finishes even if its caller is dropped.
        let one_at_a_time = Arc::clone(&self.writing).lock_owned().await;
        // Checkpoints first: an item in one has its line in `lines` already.
        let checkpoint = checkpoints.map(|(checkpoints, empty)| Checkpoint {
            units: checkpoints.checkpoints(),
            ..empty
        });
        self.save_error.store(0, Ordering::Release);
        self.append_lines().await.map_err(EngineError::State)?;
        if let Some(checkpoint) = checkpoint {
            let (disk, state) = (Arc::clone(&self.disk), Arc::clone(&self.state));
            let written = tasks
                .blocking(move || {
                    let _one_at_a_time = one_at_a_time;
                    checkpoint::save(&disk, &state, &checkpoint)
                })
                .await;
            let written = written.map_err(|source| EngineError::File {
                path: self.checkpoint.clone(),
                source: std::io::Error::other(source),
            })?;
            written.map_err(EngineError::State)?;
        }
        Ok(())
    }

    /// Writes the result lines so far. The checkpoint stays due.
    pub(crate) async fn write_lines(&self) -> Result<(), state::StateError> {
        // Waits for another write, which may have taken lines out of memory.
        let _one_at_a_time = self.writing.lock().await;
        self.append_lines().await
    }

    async fn append_lines(&self) -> Result<(), state::StateError> {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            return Ok(());
        }
        let written = self.results.append_all(&lines).await;
        if written.is_err() {
            // Put back, so that a later write includes them.
            let mut waiting = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.splice(..0, lines);
        }
        written
    }

    /// The files, for reports.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        vec![
            self.checkpoint.clone(),
            self.journal_path.clone(),
            self.results_path.clone(),
        ]
    }
}

/// A checkpoint without units.
pub(crate) fn empty_checkpoint(config: &Config, migration: MigrationName) -> Checkpoint {
    Checkpoint::new(migration, config.instance.clone(), config.identity.clone())
}
