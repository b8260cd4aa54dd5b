//! Reads and writes progress rows.
//!
//! Columns that another program reads and writes (docs/protocol/tables.md §3) are kept up to date: `status`,
//! `instanceId`, `error`, and the columns for planned, completed and last items, which the namespace names. The
//! counters of that program are not trusted (docs/protocol/pitfalls.md 43-46). Ours are in `counts`, `sweep` (the
//! pass), `cursor`, one `step:NAME` per step of the unit, and one `journal:ID` per journal that holds effects on it.
//! `takenOver` has what the other program wrote before the unit was taken over. `assigned` is the instance of the plan.
//! Lease attributes: `super::lease`.

use std::collections::BTreeMap;

use crate::model::{
    Counts, Epoch, FolderId, Holder, InstanceId, ItemId, JournalId, JournalTrace, Lease, PartId,
    Pass, RunId, Split, Status, StepName, TakenOver, UnitId, UnitProgress, UnixMillis,
};
use crate::state::namespace::Columns;
use crate::state::rows::{self, Condition, Key, Row, Update, Value};

/// Prefix of a column for a journal that holds effects on the unit.
pub(super) const JOURNAL: &str = "journal:";
/// Prefix of a column for a step of the unit.
const STEP: &str = "step:";

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressRow {
    /// The progress of the unit.
    pub progress: UnitProgress,
    /// The status, if it is of another program. Such a row must not be changed.
    pub foreign_status: Option<String>,
    /// The lease; `None` if nobody holds it.
    pub lease: Option<Lease>,
    /// The epoch of the last lease.
    pub epoch: Epoch,
    /// The instance that it was assigned to, or that wrote it last.
    pub instance: Option<InstanceId>,
    /// The state folder of that instance; `None` if an older version or another program wrote it.
    pub folder: Option<FolderId>,
    /// The instance that the plan assigned it to; `None` if no plan has it.
    pub assigned: Option<InstanceId>,
    /// Whether the row has counters of this program.
    pub is_counted: bool,
    /// The number of completed items in a row that only another program wrote.
    pub legacy_completed: Option<u64>,
    /// When it was created.
    pub created_at: Option<UnixMillis>,
    /// When it was last written.
    pub updated_at: Option<UnixMillis>,
}

impl ProgressRow {
    /// Whether another program worked on the unit and this one has not processed all its items since.
    #[must_use]
    pub fn has_foreign_work(&self) -> bool {
        let gone_through = self.is_counted && self.progress.status.is_ended();
        self.progress.taken_over.is_some() && !gone_through
    }

    /// The last holder of the unit.
    #[must_use]
    pub fn last_holder(&self) -> Option<Holder> {
        self.instance.clone().map(|instance| Holder {
            instance,
            folder: self.folder.clone(),
        })
    }
}

/// Key of a unit's row.
pub(super) fn key(columns: &Columns, unit: &UnitId) -> Key {
    Key::two((columns.owner, &unit.owner), (columns.unit, &unit.name))
}

/// Requires that the row has a known status.
pub(super) fn own_status() -> Condition {
    let words = Status::ALL
        .iter()
        .map(|status| Condition::Equals("status", status.as_str().into()));
    Condition::Any(words.chain([Condition::Absent("status")]).collect())
}

/// The row as data.
pub(super) fn read(
    (table, columns): (&str, &Columns),
    row: &Row,
) -> Result<ProgressRow, rows::RowsError> {
    let unit = unit_of((table, columns), row)?;
    let of_table = (table, &unit);
    let word = row.text("status").unwrap_or(Status::Pending.as_str());
    let status = word.parse().ok();
    let epoch = Epoch(row.number("leaseEpoch").unwrap_or(0));
    let counts: Option<Counts> = attribute(of_table, row, "counts")?;
    let has_counts = counts.is_some();
    let legacy_completed = row.number(columns.completed).filter(|_| counts.is_none());
    let taken_over = match (attribute(of_table, row, "takenOver")?, &counts) {
        (None, None) => status.and_then(|status| begun_elsewhere(columns, row, status)),
        (kept, _) => kept,
    };
    let (status, counts) = match counts {
        Some(counts) => (status, counts),
        None => uncounted((columns, row), status, taken_over.as_ref()),
    };
    let steps = row
        .0
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(STEP)?, value)));
    let steps = steps.map(|(name, value)| {
        let record = value.read().ok_or_else(|| {
            rows::RowsError::shape(table, format!("{STEP}{name} of {unit} is not one of ours"))
        })?;
        Ok((StepName::from(name.to_owned()), record))
    });
    Ok(ProgressRow {
        is_counted: has_counts,
        foreign_status: status.is_none().then(|| word.to_owned()),
        legacy_completed,
        progress: UnitProgress {
            status: status.unwrap_or(Status::Failed),
            counts,
            reasons: attribute(of_table, row, "reasons")?.unwrap_or_default(),
            pass: attribute::<Pass>(of_table, row, "sweep")?.unwrap_or_default(),
            cursor: row.text("cursor").map(ItemId::new),
            steps: steps.collect::<Result<BTreeMap<_, _>, rows::RowsError>>()?,
            round: round(row),
            error: row.text("error").map(str::to_owned),
            taken_over,
            recheck: row.number("recheck").map(UnixMillis),
            split: attribute::<Split>(of_table, row, "split")?,
            journals: journals(of_table, row)?,
            unit: unit.clone(),
        },
        lease: lease(row, unit, epoch),
        epoch,
        instance: row.text("instanceId").map(InstanceId::new),
        folder: row.text("instanceFolder").map(FolderId::new),
        assigned: row.text("assigned").map(InstanceId::new),
        created_at: row.time("createdAt"),
        updated_at: row.time("updatedAt"),
    })
}

fn unit_of((table, columns): (&str, &Columns), row: &Row) -> Result<UnitId, rows::RowsError> {
    let text = |name: &str| {
        row.text(name)
            .ok_or_else(|| rows::RowsError::shape(table, format!("a row has no {name}")))
    };
    Ok(UnitId {
        part: part_of(table, row)?,
        ..UnitId::new(text(columns.owner)?, text(columns.unit)?)
    })
}

/// The journals that hold effects on the unit.
fn journals(
    of_table: (&str, &UnitId),
    row: &Row,
) -> Result<BTreeMap<JournalId, JournalTrace>, rows::RowsError> {
    let named = row.0.keys().filter_map(|name| name.strip_prefix(JOURNAL));
    let read = named.map(|id| {
        let trace = attribute(of_table, row, &format!("{JOURNAL}{id}"))?;
        Ok((JournalId::new(id), trace.unwrap_or_default()))
    });
    read.collect()
}

/// How often the unit was rolled back.
fn round(row: &Row) -> u32 {
    let round = row.number("round");
    round
        .and_then(|round| u32::try_from(round).ok())
        .unwrap_or(0)
}

/// The lease of the unit.
fn lease(row: &Row, unit: UnitId, epoch: Epoch) -> Option<Lease> {
    Some(Lease {
        unit,
        holder: Holder {
            instance: InstanceId::new(row.text("leaseHolder")?),
            folder: row.text("leaseFolder").map(FolderId::new),
        },
        run: RunId::new(row.text("leaseRun").unwrap_or_default()),
        epoch,
        beat: row.number("leaseBeat").unwrap_or(0),
    })
}

/// What another program wrote, if it worked on the unit.
fn begun_elsewhere(columns: &Columns, row: &Row, status: Status) -> Option<TakenOver> {
    let completed = row.number(columns.completed).unwrap_or(0);
    let last = row.text(columns.last);
    (status != Status::Pending || completed > 0 || last.is_some()).then(|| TakenOver {
        status,
        planned: row.number(columns.planned).unwrap_or(0),
        completed,
        last: last.map(ItemId::new),
        instance: row.text("instanceId").map(InstanceId::new),
        error: row.text("error").map(str::to_owned),
        at: row.time("updatedAt"),
    })
}

/// Status and counters of a row that only another program wrote.
///
/// Another program's `completed` may mean "ended by a limit", and its counter may count failures as completed
/// (docs/protocol/pitfalls.md 43-46): it is trusted only where all items were processed. Otherwise nothing counts as
/// done, and probes find what is.
fn uncounted(
    (columns, row): (&Columns, &Row),
    status: Option<Status>,
    taken_over: Option<&TakenOver>,
) -> (Option<Status>, Counts) {
    let total = row.number(columns.planned).unwrap_or(0);
    let counts = Counts::planned(total);
    match taken_over {
        Some(found) if found.is_trusted() => (
            status,
            Counts {
                done: total,
                ..counts
            },
        ),
        Some(_) => (Some(Status::InProgress), counts),
        None => (status, counts),
    }
}

/// The part of the row; `None` for the row of a unit.
fn part_of(table: &str, row: &Row) -> Result<Option<PartId>, rows::RowsError> {
    let part = row.text("part").map(str::parse).transpose();
    part.map_err(|error| rows::RowsError::shape(table, format!("{error}")))
}

fn attribute<T: serde::de::DeserializeOwned>(
    (table, unit): (&str, &UnitId),
    row: &Row,
    name: &str,
) -> Result<Option<T>, rows::RowsError> {
    let wrong = || {
        rows::RowsError::shape(
            table,
            format!("{name} of {:?} is not one of ours", unit.name),
        )
    };
    row.get(name)
        .map(|value| value.read().ok_or_else(wrong))
        .transpose()
}

/// The update that writes `progress`.
pub(super) fn written(columns: &Columns, progress: &UnitProgress, now: UnixMillis) -> Update {
    let counts = &progress.counts;
    let update = Update::new()
        .set("status", progress.status.as_str())
        .set(columns.planned, counts.planned)
        .set(columns.completed, counts.done + counts.skipped)
        .set("counts", Value::of(counts))
        .set("reasons", Value::of(&progress.reasons))
        .set("sweep", Value::of(&progress.pass))
        .set("error", progress.error.as_deref().unwrap_or(""))
        .set("updatedAt", now)
        .set_some("cursor", progress.cursor.as_ref().map(ItemId::as_str))
        .set_some(columns.last, progress.cursor.as_ref().map(ItemId::as_str));
    let update = if progress.cursor.is_none() {
        update.remove("cursor")
    } else {
        update
    };
    let update = if progress.round > 0 {
        update.set("round", u64::from(progress.round))
    } else {
        update
    };
    let update = update.set_some("recheck", progress.recheck.map(|since| since.0));
    let update = update.set_some("split", progress.split.as_ref().map(Value::of));
    // The unit was rolled back: another program would continue after this item.
    let update = if progress.status == Status::Pending && progress.cursor.is_none() {
        update.remove(columns.last)
    } else {
        update
    };
    with_steps(update, progress)
}

/// Adds the steps of the unit and its journals to `update`.
pub(super) fn with_steps(update: Update, progress: &UnitProgress) -> Update {
    let steps = progress.steps.iter();
    let update = steps.fold(update, |update, (step, record)| {
        update.set(format!("{STEP}{step}"), Value::of(record))
    });
    let journals = progress.journals.iter();
    journals.fold(update, |update, (journal, trace)| {
        update.set(format!("{JOURNAL}{journal}"), Value::of(trace))
    })
}
