//! What the local files hold: the checkpoint, and the lines of the effect journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    Effect, Epoch, Failure, FolderId, InstanceId, ItemId, MigrationName, PlanId, Reason, RunId,
    Settled, StateIdentity, StepName, UnitId, UnitProgress, UnixMillis,
};

/// The shape of [`Checkpoint`]; a file of another version is refused.
pub const CHECKPOINT_VERSION: u32 = 1;

/// What one instance knows of its units: a cache of the tables and a little more. It may be deleted at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The migration.
    pub migration: MigrationName,
    /// The instance.
    pub instance: InstanceId,
    /// The tables that it belongs to. A checkpoint of other tables is refused.
    #[serde(alias = "fingerprint")]
    pub state: StateIdentity,
    /// When it was taken.
    pub taken_at: UnixMillis,
    /// The units that were started and have not ended.
    pub units: Vec<UnitCheckpoint>,
}

/// One unit in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitCheckpoint {
    /// Its progress.
    pub progress: UnitProgress,
    /// Settled items above the cursor, with the reason if bad.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub above: BTreeMap<ItemId, (Settled, Option<Reason>)>,
    /// The progress of an earlier run, while this run goes through the same items again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further: Option<Further>,
}

/// Progress of a unit that its row does not confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    /// The pass of the cursor.
    #[serde(rename = "sweep")]
    pub pass: u32,
    /// The cursor: every item of the pass up to it was settled.
    pub cursor: Option<ItemId>,
    /// How many items up to the cursor were migrated, not found.
    pub migrated: u64,
}

impl Checkpoint {
    /// A checkpoint without units.
    #[must_use]
    pub fn new(
        migration: MigrationName,
        instance: InstanceId,
        state: impl Into<StateIdentity>,
    ) -> Self {
        Self {
            migration,
            instance,
            state: state.into(),
            taken_at: UnixMillis::ZERO,
            units: Vec::new(),
        }
    }
}

/// The shape of journal lines.
pub const JOURNAL_VERSION: u32 = 1;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum JournalLine {
    /// What happened.
    Record(Box<JournalRecord>),
    /// The first line of a run.
    Opening(Box<JournalOpening>),
}

/// The first line of a run: it says whose lines follow. It is written before the first lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalOpening {
    /// The shape, [`JOURNAL_VERSION`].
    pub v: u32,
    /// Its place in its journal, as [`JournalRecord::seq`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// The run.
    pub run: RunId,
    /// Its instance.
    pub instance: InstanceId,
    /// The state folder of the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// The plan that its scope is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The migration; `None` in lines of versions that had only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationName>,
    /// The tables that its effects belong to.
    pub state: StateIdentity,
    /// Version of the program.
    pub program: String,
}

/// Why a line is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// It is of another version.
    #[error("journal version {0}")]
    Version(u64),
    /// It is damaged, or not a journal line.
    #[error("{0}")]
    Damaged(String),
}

impl JournalLine {
    /// Reads a line. Of a line of another version only the version is read.
    ///
    /// # Errors
    /// [`JournalFault`].
    pub fn parse(line: &[u8]) -> Result<Self, JournalFault> {
        #[derive(Deserialize)]
        struct Versioned {
            v: u64,
        }
        let damaged = |error: serde_json::Error| JournalFault::Damaged(error.to_string());
        let record = serde_json::from_slice::<JournalRecord>(line);
        let missing = match record {
            Ok(record) if record.v == JOURNAL_VERSION => {
                return Ok(Self::Record(Box::new(record)));
            }
            Ok(record) => return Err(JournalFault::Version(record.v.into())),
            Err(error) => damaged(error),
        };
        let Versioned { v } = serde_json::from_slice(line).map_err(damaged)?;
        if v != u64::from(JOURNAL_VERSION) {
            return Err(JournalFault::Version(v));
        }
        // For a line that is neither, the error of a record says more.
        serde_json::from_slice(line)
            .map(Self::Opening)
            .map_err(|_| missing)
    }
}

/// Orders the lines of several journals about one unit, independent of clocks: a greater fence is later. Rollbacks
/// divide the life of a unit into rounds, and leases divide a round.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Fence {
    /// How often the unit had been rolled back.
    pub round: u32,
    /// The epoch of the lease; without a lease, that of the last lease before.
    pub epoch: Epoch,
    /// Written without a lease, and so after everything under the lease of this epoch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unleased: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(seq: &u64) -> bool {
    *seq == 0
}

/// One line: what happened to one gap of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// The shape, [`JOURNAL_VERSION`].
    pub v: u32,
    /// Its place in its journal: each line has the number after that of the line before it, from 1. 0 in lines of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: u64,
    /// Orders it among the lines of other journals; `None` in lines of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
    /// When. Not comparable with the clocks of other machines.
    pub at: UnixMillis,
    /// The run that wrote it.
    pub run: RunId,
    /// The unit.
    pub unit: UnitId,
    /// The item; none for a step of the unit itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// The step; none for a record of the item as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepName>,
    /// What happened.
    pub entry: JournalEntry,
}

/// See [`JournalRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalEntry {
    /// A gap is about to be closed. On disk before the effect is made.
    Started {
        /// What the gap is about.
        subject: String,
    },
    /// This effect is about to be made. On disk before it is made. A rollback probes whether it exists.
    Intended(Effect),
    /// The effect was made.
    Applied(Effect),
    /// It existed before.
    Found,
    /// It failed, or may have had its effect.
    Failed(Failure),
    /// A probe of the world after the last effect showed no gap.
    Verified,
    /// A rollback is about to undo the effect.
    Undoing(Effect),
    /// A probe showed the effect gone, or others still need what it made.
    Undone(Effect),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_opening_or_a_record_of_this_version_or_is_refused() {
        let opening =
            r#"{"v":1,"at":5,"run":"r","instance":"1","state":"local t","program":"0.1.0"}"#;
        let JournalLine::Opening(read) = JournalLine::parse(opening.as_bytes()).unwrap() else {
            panic!("no opening")
        };
        assert_eq!((read.state, read.plan), ("local t".into(), None));
        let record = r#"{"v":1,"at":5,"run":"r","unit":{"owner":"o","name":"n"},"entry":"found"}"#;
        let read = JournalLine::parse(record.as_bytes()).unwrap();
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            record,
            "of an earlier version"
        );
        let numbered = record.replace("\"at\"", r#""seq":3,"fence":{"round":1,"epoch":7},"at""#);
        let JournalLine::Record(read) = JournalLine::parse(numbered.as_bytes()).unwrap() else {
            panic!("no record")
        };
        let fence = read.fence.unwrap();
        assert_eq!((read.seq, fence.round, fence.epoch), (3, 1, Epoch(7)));
        assert_eq!(serde_json::to_string(&read).unwrap(), numbered);
        for line in [opening, record, r#"{"v":1,"all":"new"}"#] {
            for version in [0, 2] {
                let other = line.replace("\"v\":1", &format!("\"v\":{version}"));
                let refused = JournalLine::parse(other.as_bytes());
                assert_eq!(refused, Err(JournalFault::Version(version)), "{other}");
            }
        }
        for damaged in ["7", "{}", r#"{"v":1,"all":"new"}"#, &record[..30]] {
            let refused = JournalLine::parse(damaged.as_bytes());
            assert!(
                matches!(refused, Err(JournalFault::Damaged(_))),
                "{damaged}"
            );
        }
    }
}
