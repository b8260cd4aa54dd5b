//! Rows `journal` of `…-migration-control`: which journals tell of effects that were made in a unit without its lease
//! (single items, single steps). What is made under a lease is noted in the row of the unit: `journal:…`.

use crate::model::{JournalId, UnitId};
use crate::state::rows::{self, Condition, Key, Row, Select, Value};
use crate::state::{StateError, Store};

const SCOPE: &str = "journal";

impl Store {
    /// Notes that a journal is about to tell of effects in a unit whose lease is not held. Again, it changes nothing.
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

    /// Every journal and unit that was noted so.
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
