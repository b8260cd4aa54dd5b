//! One row per part of a split unit, while the parts are in progress.
//!
//! The rows look like progress rows and are leased like them (`super::progress_row`, `super::lease`). Their key is
//! `unit` (owner and name) and `part` (cut and number). They have their own table, so that another program finds one
//! progress row per unit.

use crate::model::{Epoch, InstanceId, PartId, UnitId, UnitProgress};
use crate::state::rows::{self, Bound, Condition, Key, Row, Select};
use crate::state::{StateError, Store};

use super::progress_row::{self, ProgressRow, written};

fn part_key(unit: &UnitId, part: PartId) -> Key {
    Key::two(
        ("unit", &unit.whole().to_string()),
        ("part", &part.to_string()),
    )
}

impl Store {
    /// Table and key of the row of a unit, or of a part of one.
    pub(super) fn place(&self, unit: &UnitId) -> (&str, Key) {
        let tables = self.tables();
        match unit.part {
            Some(part) => (&tables.parts, part_key(unit, part)),
            None => (&tables.progress, progress_row::key(self.columns(), unit)),
        }
    }

    /// Creates the row of a part, unless it exists. Its epochs start from that of the split.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn plan_part(
        &self,
        part: &UnitProgress,
        instance: &InstanceId,
    ) -> Result<(), StateError> {
        let (table, key) = self.place(&part.unit);
        let cut = part.unit.part.map_or(Epoch::default(), |part| part.cut);
        let (now, columns) = (self.now(), self.columns());
        let mut row = Row::new()
            .with(columns.owner, &*part.unit.owner)
            .with(columns.unit, &*part.unit.name)
            .with("instanceId", instance.as_str())
            .with("leaseEpoch", cut.0)
            .with("createdAt", now);
        for (name, value) in written(columns, part, now).set {
            row.set(&name, value);
        }
        let absent = Condition::Absent("unit");
        self.rows.put(table, &key, row, absent).await?;
        Ok(())
    }

    /// The parts of a split of a unit, in order.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn parts(&self, unit: &UnitId, cut: Epoch) -> Result<Vec<ProgressRow>, StateError> {
        let table = &self.tables().parts;
        let first = PartId { cut, number: 0 }.to_string();
        let of_cut = first.split('-').next().unwrap_or_default();
        let select = Select {
            partition: Some(("unit", unit.whole().to_string())),
            sort: Some(("part", Bound::Prefix(format!("{of_cut}-")))),
            ..Select::default()
        };
        let rows = rows::all(&*self.rows, table, &select).await?;
        Ok(rows
            .iter()
            .map(|row| self.read(table, row))
            .collect::<Result<_, _>>()?)
    }

    /// Parts that have not ended, as [`Store::open_units`].
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn open_parts(&self, most: usize) -> Result<Vec<ProgressRow>, StateError> {
        self.open_in(&self.tables().parts, most).await
    }

    /// Removes the row of a part. A holder loses its lease.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn remove_part(&self, part: &UnitId) -> Result<(), StateError> {
        let (table, key) = self.place(part);
        self.rows.delete(table, &key, Condition::Always).await?;
        Ok(())
    }
}
