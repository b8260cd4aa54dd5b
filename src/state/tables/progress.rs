//! One row per unit, which another program may share (docs/protocol/tables.md §3): created, assigned, queried.
//!
//! The content of the rows: `super::progress_row`. The rows of parts: `super::parts`.

use crate::model::{InstanceId, Status, Unit, UnitId, UnitProgress, UnixMillis};
use crate::state::define::BY_STATUS;
use crate::state::rows::{self, Condition, Row, Select, Update, Written};
use crate::state::{StateError, Store};

use super::progress_row::{self, ProgressRow, key};

impl Store {
    /// A row of this table as data.
    pub(super) fn read(&self, table: &str, row: &Row) -> Result<ProgressRow, rows::RowsError> {
        progress_row::read((table, self.columns()), row)
    }

    /// Creates the row of a unit. Returns `false`, and changes nothing, if it exists.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn plan_unit(&self, unit: &Unit, instance: &InstanceId) -> Result<bool, StateError> {
        let (now, columns) = (self.now(), self.columns());
        let row = Row::new()
            .with("status", Status::Pending.as_str())
            .with(columns.planned, unit.planned.unwrap_or(0))
            .with(columns.completed, 0_u64)
            .with("instanceId", instance.as_str())
            .with("assigned", instance.as_str())
            .with("createdAt", now)
            .with("updatedAt", now);
        let absent = Condition::Absent(columns.owner);
        let written = self
            .rows
            .put(
                &self.tables().progress,
                &key(columns, &unit.id),
                row,
                absent,
            )
            .await?;
        Ok(matches!(written, Written::Done(_)))
    }

    /// Assigns an existing unit to an instance of a new plan. Status, counters and lease stay. Until the unit is
    /// started, `instanceId` changes, too; until it is first leased, the number of items becomes that of the new plan.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn assign_unit(&self, unit: &Unit, instance: &InstanceId) -> Result<(), StateError> {
        let (table, unit, planned) = (&self.tables().progress, &unit.id, unit.planned);
        let columns = self.columns();
        let assigned = Update::new().set("assigned", instance.as_str());
        let both = assigned.clone().set("instanceId", instance.as_str());
        if let Some(planned) = planned {
            let counted = both.clone().set(columns.planned, planned);
            let never_leased = Condition::All(vec![
                Condition::Equals("status", Status::Pending.as_str().into()),
                Condition::Present("assigned"),
                Condition::Absent("leaseEpoch"),
            ]);
            let row = key(columns, unit);
            let written = self.rows.update(table, &row, counted, never_leased);
            if let Written::Done(_) = written.await? {
                return Ok(());
            }
        }
        let unbegun = Condition::All(vec![
            Condition::Equals("status", Status::Pending.as_str().into()),
            Condition::Absent("leaseHolder"),
        ]);
        let key = key(columns, unit);
        if let Written::Refused(_) = self.rows.update(table, &key, both, unbegun).await? {
            let there = Condition::Present(columns.owner);
            self.rows.update(table, &key, assigned, there).await?;
        }
        Ok(())
    }

    /// The progress of a unit.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn progress(&self, unit: &UnitId) -> Result<Option<UnitProgress>, StateError> {
        Ok(self.progress_row(unit).await?.map(|row| row.progress))
    }

    /// The whole row of a unit, or of a part of one.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn progress_row(&self, unit: &UnitId) -> Result<Option<ProgressRow>, StateError> {
        let (table, key) = self.place(unit);
        let row = self.rows.get(table, &key).await?;
        Ok(row.map(|row| self.read(table, &row)).transpose()?)
    }

    /// Every unit of an owner, in order of name.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn progress_of(&self, owner: &str) -> Result<Vec<ProgressRow>, StateError> {
        self.read_progress(Select {
            partition: Some((self.columns().owner, owner.to_owned())),
            ..Select::default()
        })
        .await
    }

    /// Units of one status that were last written before `before`, oldest first.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn progress_by_status(
        &self,
        status: Status,
        before: Option<UnixMillis>,
    ) -> Result<Vec<ProgressRow>, StateError> {
        let before = before.map(|before| ("updatedAt", rows::Bound::Below(before.to_string())));
        self.read_progress(Select {
            index: Some(BY_STATUS.name),
            partition: Some((BY_STATUS.partition, status.as_str().to_owned())),
            sort: before,
            ..Select::default()
        })
        .await
    }

    /// Units that have not ended, those in progress first; all of them if there are fewer than `most`. The index may
    /// lag; a lease request reads the row itself.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn open_units(&self, most: usize) -> Result<Vec<ProgressRow>, StateError> {
        self.open_in(&self.tables().progress, most).await
    }

    /// As [`Store::open_units`], for one table.
    pub(super) async fn open_in(
        &self,
        table: &str,
        most: usize,
    ) -> Result<Vec<ProgressRow>, StateError> {
        let mut found = Vec::new();
        for status in [Status::InProgress, Status::Pending] {
            let select = Select {
                index: Some(BY_STATUS.name),
                partition: Some((BY_STATUS.partition, status.as_str().to_owned())),
                ..Select::default()
            };
            let mut after = None;
            while found.len() < most {
                let page = self.rows.page(table, &select, after).await?;
                for row in &page.rows {
                    found.push(self.read(table, row)?);
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Every unit of a name, of any owner, or of an instance. Reads the whole table.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn progress_where(
        &self,
        name: Option<&str>,
        instance: Option<&InstanceId>,
    ) -> Result<Vec<ProgressRow>, StateError> {
        let name = name.map(|name| Condition::Equals(self.columns().unit, name.into()));
        let instance =
            instance.map(|instance| Condition::Equals("instanceId", instance.as_str().into()));
        let asked: Vec<Condition> = name.into_iter().chain(instance).collect();
        let filter = (!asked.is_empty()).then_some(Condition::All(asked));
        self.read_progress(Select {
            filter,
            ..Select::default()
        })
        .await
    }

    async fn read_progress(&self, select: Select) -> Result<Vec<ProgressRow>, StateError> {
        let table = &self.tables().progress;
        let rows = rows::all(&*self.rows, table, &select).await?;
        let read = rows.iter().map(|row| self.read(table, row));
        Ok(read.collect::<Result<_, _>>()?)
    }
}
