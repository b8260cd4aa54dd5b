//! Lease attributes of progress rows, of units and of parts: `leaseHolder` (the instance), `leaseFolder`,
//! `leaseRun`, `leaseEpoch`, `leaseBeat`.
//!
//! Each grant of a lease raises the epoch of the unit. Every write of a holder requires its epoch, so that late writes
//! of a former holder are refused. The caller judges whether a holder is dead: by its own clock and a beat that does
//! not move. Clocks of two machines are never compared.

use crate::model::{
    Counts, Epoch, Holder, JournalId, JournalTrace, Lease, RunId, Status, Unit, UnitId,
    UnitProgress, UnixMillis,
};
use crate::state::namespace::Columns;
use crate::state::rows::{Condition, Guard, Row, Update, Value, Written};
use crate::state::{StateError, Store};

use super::holder::LeaseHolder;
use super::progress_row::{JOURNAL, ProgressRow, own_status, with_steps, written};

/// Which leases a request may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeKind {
    /// Only a lease that nobody holds.
    Unheld,
    /// Also a lease of an earlier process of this instance in this state folder, which the lock of the folder proves
    /// dead. The same number in another folder is another holder.
    OwnStale(Holder),
    /// Also exactly this lease, whose beat did not move for a whole term.
    Expired {
        /// Its epoch.
        epoch: Epoch,
        /// Its beat.
        beat: u64,
    },
}

/// Which ended units are reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopen {
    /// No ended unit is reopened.
    No,
    /// Those that another program ended and this one has not processed since; they start over.
    TakenOver,
    /// All, and those in progress: they start over, unless the recheck that started at this time has started them
    /// already.
    Recheck(UnixMillis),
    /// Every ended unit is reopened.
    Yes,
}

/// The answer to a request for a lease.
#[derive(Debug, Clone, PartialEq)]
pub enum Grant {
    /// The lease is granted.
    Leased {
        /// The lease.
        lease: Lease,
        /// The progress of the unit.
        progress: UnitProgress,
    },
    /// Another holds the lease.
    Busy(LeaseHolder),
    /// It is a part of a unit, and the part no longer exists.
    Gone,
    /// The unit ended and is not reopened.
    Ended {
        /// How.
        progress: UnitProgress,
        /// Who wrote its row last.
        by: Option<Holder>,
    },
}

impl Reopen {
    /// Whether an ended unit is reopened.
    #[must_use]
    pub fn opens(self, row: &ProgressRow) -> bool {
        match self {
            Self::No => false,
            Self::TakenOver => row.has_foreign_work(),
            Self::Recheck(since) => row.progress.recheck != Some(since),
            Self::Yes => true,
        }
    }
}

impl TakeKind {
    /// Whether a lease may be taken. A lease of the run `but` is not taken as one's own.
    fn may(&self, lease: &Lease, but: Option<&RunId>) -> bool {
        match self {
            Self::Unheld => false,
            Self::OwnStale(holder) => lease.holder.is_same(holder) && but != Some(&lease.run),
            Self::Expired { epoch, beat } => lease.epoch == *epoch && lease.beat == *beat,
        }
    }
}

/// Requires that the lease is unchanged and the status known.
///
/// A write that timed out may still arrive. It must not overwrite a later one of the same holder, so beats only grow.
/// The same beat is accepted again, for a repeat after a lost answer.
fn fence(lease: &Lease) -> Condition {
    let not_later = vec![
        Condition::Below("leaseBeat", lease.beat.into()),
        Condition::Equals("leaseBeat", lease.beat.into()),
    ];
    Condition::All(vec![Condition::Any(not_later), held(lease), own_status()])
}

/// Requires that the lease is the granted one, however often it was renewed since.
fn held(lease: &Lease) -> Condition {
    Condition::All(vec![
        Condition::Equals("leaseEpoch", lease.epoch.0.into()),
        Condition::Equals("leaseHolder", lease.holder.instance.as_str().into()),
        match &lease.holder.folder {
            Some(folder) => Condition::Equals("leaseFolder", folder.as_str().into()),
            None => Condition::Absent("leaseFolder"),
        },
        Condition::Equals("leaseRun", lease.run.as_str().into()),
    ])
}

/// Requires that nobody took or renewed the lease since the row was read.
fn unchanged(row: Option<&ProgressRow>) -> Condition {
    let epoch = row.map_or(0, |row| row.epoch.0);
    let same_epoch = if epoch == 0 {
        Condition::absent_or("leaseEpoch", 0_u64)
    } else {
        Condition::Equals("leaseEpoch", epoch.into())
    };
    let holder = match row.and_then(|row| row.lease.as_ref()) {
        Some(lease) => Condition::Equals("leaseBeat", lease.beat.into()),
        None => Condition::Absent("leaseHolder"),
    };
    Condition::All(vec![same_epoch, holder, own_status()])
}

/// The progress of a unit that is released: its journal gets no more lines about it.
fn given_back(lease: &Lease, progress: &UnitProgress) -> UnitProgress {
    let mut progress = progress.clone();
    if let Some(trace) = progress.journals.get_mut(&journal_of(lease)) {
        trace.open = false;
    }
    progress
}

/// The journal of the lease holder.
fn journal_of(lease: &Lease) -> JournalId {
    JournalId::of(&lease.holder.instance, lease.holder.folder.as_ref())
}

fn taking(
    (columns, now): (&Columns, UnixMillis),
    lease: &Lease,
    unit: &Unit,
    seen: Option<&ProgressRow>,
) -> Update {
    let update = Update::new();
    // Saved before it is overwritten.
    let found = seen.and_then(|row| row.progress.taken_over.as_ref());
    let update = match found {
        Some(found) => update.set_absent("takenOver", Value::of(found)),
        None => update,
    };
    let update = match &lease.holder.folder {
        Some(folder) => update
            .set("leaseFolder", folder.as_str())
            .set("instanceFolder", folder.as_str()),
        None => update.remove("leaseFolder").remove("instanceFolder"),
    };
    // Written before any effect, so that a rollback finds the journal.
    let journal = journal_of(lease);
    let traces = seen.map(|row| &row.progress.journals);
    let trace = JournalTrace {
        open: true,
        ..traces
            .and_then(|all| all.get(&journal))
            .copied()
            .unwrap_or_default()
    };
    let update = update.set(format!("{JOURNAL}{journal}"), Value::of(&trace));
    update
        .set("leaseHolder", lease.holder.instance.as_str())
        .set("leaseRun", lease.run.as_str())
        .set("leaseEpoch", lease.epoch.0)
        .set("leaseBeat", lease.beat)
        .set("instanceId", lease.holder.instance.as_str())
        .set("updatedAt", now)
        .set_absent("createdAt", now)
        .set_absent("status", Status::Pending.as_str())
        .set_absent(columns.planned, unit.planned.unwrap_or(0))
        .set_absent(columns.completed, 0_u64)
}

/// The progress of a unit for its new holder, whose plan may count more items than the row.
fn begun(mut progress: UnitProgress, unit: &Unit, reopen: Reopen) -> UnitProgress {
    if progress.status.is_ended() && reopen == Reopen::TakenOver {
        progress.status = Status::InProgress;
        progress.counts = Counts::planned(progress.counts.planned);
    }
    if let Reopen::Recheck(since) = reopen {
        progress.begin_recheck(since);
    }
    if !progress.status.is_ended() {
        progress.counts.planned = progress.counts.planned.max(unit.planned.unwrap_or(0));
    }
    progress
}

impl Store {
    /// Requests the lease of a unit. A grant has an epoch above all earlier ones. Creates the row of a unit if there is
    /// none; the status stays until the holder saves.
    ///
    /// # Errors
    /// [`StateError::ForeignStatus`] if the row has a status of another program.
    pub async fn lease(
        &self,
        unit: &Unit,
        holder: &Holder,
        run: &RunId,
        take: &TakeKind,
        reopen: Reopen,
    ) -> Result<Grant, StateError> {
        let (table, key) = self.place(&unit.id);
        let is_part = unit.id.part.is_some();
        let seen = self.progress_row(&unit.id).await?;
        // Only units get a row with their first lease.
        if is_part && seen.is_none() {
            return Ok(Grant::Gone);
        }
        if let Some(row) = &seen {
            if let Some(status) = &row.foreign_status {
                return Err(StateError::ForeignStatus {
                    unit: unit.id.clone(),
                    status: status.clone(),
                });
            }
            if row.progress.status.is_ended() && !reopen.opens(row) {
                return Ok(Grant::Ended {
                    progress: row.progress.clone(),
                    by: row.last_holder(),
                });
            }
            // The same run may hold a part in another task.
            let may = |lease: &Lease| take.may(lease, is_part.then_some(run));
            if let Some(lease) = row.lease.as_ref().filter(|lease| !may(lease)) {
                return Ok(Grant::Busy(lease.clone().into()));
            }
        }
        let epoch = seen
            .as_ref()
            .map_or(Epoch::default(), |row| row.epoch)
            .next();
        let lease = Lease {
            unit: unit.id.clone(),
            holder: holder.clone(),
            run: run.clone(),
            epoch,
            beat: 0,
        };
        let update = taking((self.columns(), self.now()), &lease, unit, seen.as_ref());
        let unchanged = unchanged(seen.as_ref());
        let row = match self.rows.update(table, &key, update, unchanged).await? {
            Written::Done(row) => row,
            Written::Refused(None) if is_part => return Ok(Grant::Gone),
            Written::Refused(row) => row.unwrap_or_default(),
        };
        let row = self.read(table, &row)?;
        match row.lease {
            // Also after an earlier try whose answer was lost.
            Some(held) if held == lease => Ok(Grant::Leased {
                lease,
                progress: begun(row.progress, unit, reopen),
            }),
            Some(held) => Ok(Grant::Busy(held.into())),
            // It was leased and released, or changed by another program, between the read and the write.
            None => Ok(Grant::Busy(LeaseHolder::unknown(row.epoch))),
        }
    }

    /// Writes the progress of a unit and renews its lease: the beat of `lease` grows.
    ///
    /// The beat grows with every try, even a failed one. Others may have seen a write without an answer, and the same
    /// beat again would look dead.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`]: nothing was written.
    pub async fn save(&self, lease: &mut Lease, progress: &UnitProgress) -> Result<(), StateError> {
        self.write_held(lease, written(self.columns(), progress, self.now()))
            .await
    }

    /// Renews the lease and writes nothing else. Cheaper than [`Store::save`], because no index entry changes.
    ///
    /// # Errors
    /// As [`Store::save`].
    pub async fn renew(&self, lease: &mut Lease) -> Result<(), StateError> {
        self.write_held(lease, Update::new()).await
    }

    /// As [`Store::save`], but writes only the steps of the unit and its journals. Status, counters and cursor stay,
    /// and so does what another program wrote.
    ///
    /// # Errors
    /// As [`Store::save`].
    pub async fn save_steps(
        &self,
        lease: &mut Lease,
        progress: &UnitProgress,
    ) -> Result<(), StateError> {
        self.write_held(lease, with_steps(Update::new(), progress))
            .await
    }

    /// Writes the progress of a unit and releases its lease.
    ///
    /// # Errors
    /// As [`Store::save`].
    pub async fn release(&self, lease: Lease, progress: &UnitProgress) -> Result<(), StateError> {
        let progress = given_back(&lease, progress);
        let update = written(self.columns(), &progress, self.now());
        self.give_back(lease, update).await
    }

    /// As [`Store::save_steps`], and releases the lease.
    ///
    /// # Errors
    /// As [`Store::save`].
    pub async fn release_steps(
        &self,
        lease: Lease,
        progress: &UnitProgress,
    ) -> Result<(), StateError> {
        let steps = with_steps(Update::new(), &given_back(&lease, progress));
        self.give_back(lease, steps).await
    }

    async fn give_back(&self, lease: Lease, update: Update) -> Result<(), StateError> {
        let update = update
            .remove("leaseHolder")
            .remove("leaseFolder")
            .remove("leaseRun")
            .remove("leaseBeat");
        let (table, key) = self.place(&lease.unit);
        let written = self.rows.update(table, &key, update, fence(&lease)).await?;
        let refused = match written {
            Written::Done(_) => return Ok(()),
            Written::Refused(row) => row.unwrap_or_default(),
        };
        // Unheld, with this epoch: an earlier try released it, and its answer was lost.
        if refused.text("leaseHolder").is_none()
            && refused.number("leaseEpoch") == Some(lease.epoch.0)
        {
            return Ok(());
        }
        Err(self.lost(&lease.unit, &refused))
    }

    /// The condition that the lease holds, for a write of another row.
    pub(super) fn guard(&self, lease: &Lease) -> Guard {
        let (table, key) = self.place(&lease.unit);
        Guard {
            table: table.to_owned(),
            key,
            condition: held(lease),
        }
    }

    async fn write_held(&self, lease: &mut Lease, update: Update) -> Result<(), StateError> {
        lease.beat += 1;
        let update = update.set("leaseBeat", lease.beat);
        let (table, key) = self.place(&lease.unit);
        match self.rows.update(table, &key, update, fence(lease)).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(row) => Err(self.lost(&lease.unit, &row.unwrap_or_default())),
        }
    }

    fn lost(&self, unit: &UnitId, row: &Row) -> StateError {
        match self.read(self.place(unit).0, row) {
            Ok(ProgressRow {
                foreign_status: Some(status),
                ..
            }) => StateError::ForeignStatus {
                unit: unit.clone(),
                status,
            },
            Ok(row) => StateError::LeaseLost {
                unit: unit.clone(),
                by: row.lease.map(LeaseHolder::from),
            },
            Err(_) => StateError::LeaseLost {
                unit: unit.clone(),
                by: None,
            },
        }
    }
}
