//! Rows `journal` of `…-migration-control`: the journals that hold effects made without the lease of their unit (single
//! items, single steps). Journals of effects under a lease are in the row of the unit: `journal:…`.

use crate::model::{JournalId, UnitId};
use crate::state::rows::{self, Condition, Key, Row, Select, Value};
use crate::state::{StateError, Store};

const SCOPE: &str = "journal";

impl Store {
    /// Records that a journal is about to hold effects on a unit without its lease. It is idempotent.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn note_unleased(
        &self,
        journal: &JournalId,
        unit: &UnitId,
    ) -> Result<(), StateError> {
        let entry = format!("{journal} {unit}");
        let row = Row::new()
            .with("updatedAt", self.now())
            .with("journal", journal.as_str())
            .with("unit", Value::of(unit));
        let key = Key::two(("scope", SCOPE), ("entry", &entry));
        let table = &self.tables().control;
        self.rows
            .put(table, &key, row, Condition::Absent("scope"))
            .await?;
        Ok(())
    }

    /// Every journal and unit recorded by [`Store::note_unleased`].
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn unleased(&self) -> Result<Vec<(JournalId, UnitId)>, StateError> {
        let select = Select {
            partition: Some(("scope", SCOPE.to_owned())),
            ..Select::default()
        };
        let table = &self.tables().control;
        let rows = rows::all(&*self.rows, table, &select).await?;
        let read = |row: &Row| {
            let journal = row.text("journal").map(JournalId::new);
            let unit = row.get("unit").and_then(Value::read);
            journal.zip(unit).ok_or_else(|| {
                rows::RowsError::shape(table, "the row of a journal is not one of ours").into()
            })
        };
        rows.iter().map(read).collect()
    }
}
