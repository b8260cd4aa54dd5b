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
    /// Its last word.
    pub settled: Settled,
    /// Why it is bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The instance whose unit it is, when this one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helping: Option<InstanceId>,
    /// Whole attempts.
    pub attempts: u32,
    /// How long it took.
    pub took_ms: u64,
}

/// The local files. The journal is on disk before an effect is made; results and checkpoint
/// follow by count and time. Result lines are on disk before the checkpoint or a row says that
/// their items are settled, so that no item is settled without its line.
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    state: Arc<state::Config>,
    checkpoint: PathBuf,
    results_path: PathBuf,
    journal_path: PathBuf,
    journal: Journal,
    /// The first line of this run in the journal, and whether it is there.
    opening: JournalOpening,
    opened: OnceCell<()>,
    results: Journal,
    lines: Mutex<Vec<ItemLine>>,
    save_error: AtomicU64,
    wake: Notify,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Files {
    /// Opens the files of an instance; `results` names the file of result lines. Blocks.
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

    /// What an earlier run of this instance left. That of another migration or of other tables is refused; one that
    /// does not say which tables it is of is not used. Blocks.
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

    /// Says in the journal whose lines follow, if it does not say so yet. A journal that is
    /// to be found again is there before a row names it.
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

    /// Puts a record on disk before it returns, with its number.
    pub(crate) async fn journal(&self, record: JournalRecord) -> Result<(), state::StateError> {
        self.open_journal(record.at).await?;
        let numbered = |seq| JournalRecord { seq, ..record };
        self.journal.append_numbered(numbered).await
    }

    /// The journal had so many lines: what is missing of them is to be seen.
    pub(crate) fn journal_had(&self, lines: u64) {
        self.journal.skip_to(lines);
    }

    /// Lines of the journal that are on disk.
    pub(crate) fn journaled(&self) -> u64 {
        self.journal.durable()
    }

    /// Takes a line for the results file.
    pub(crate) fn result(&self, line: ItemLine, every: u64) {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
        if self.save_error.fetch_add(1, Ordering::AcqRel) + 1 >= every {
            self.wake.notify_one();
        }
    }

    /// Ready when enough was settled to write the checkpoint before its time.
    pub(crate) async fn full(&self) {
        self.wake.notified().await;
    }

    /// Whether anything was settled since the files were written.
    pub(crate) fn is_due(&self) -> bool {
        self.save_error.load(Ordering::Acquire) > 0
    }

    /// Writes results, then the checkpoint of `checkpoints` if there is one.
    pub(crate) async fn write(
        &self,
        tasks: &Tasks,
        checkpoints: Option<(&CheckpointState, Checkpoint)>,
    ) -> Result<(), EngineError> {
        // Goes with the write, which goes on in its thread when whoever waits for it is dropped.
        let one_at_a_time = Arc::clone(&self.writing).lock_owned().await;
        // Marks first: an item whose mark is taken has its line in `lines` already.
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

    /// Writes the result lines taken so far; the checkpoint stays due.
    pub(crate) async fn write_lines(&self) -> Result<(), state::StateError> {
        // Lines that another write took out of memory are on disk when it has ended.
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
            // No later write may pass for one that had them.
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

/// A checkpoint of nobody's units yet.
pub(crate) fn empty_checkpoint(config: &Config, migration: MigrationName) -> Checkpoint {
    Checkpoint::new(migration, config.instance.clone(), config.identity.clone())
}
