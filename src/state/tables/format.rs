//! The row `state` of `…-migration-control`: the version of all rows, and the environment that they belong to.
//!
//! One row for all tables: rows are read by their attributes, and a change that an older program would misread raises
//! [`FORMAT`]. Tables without the row were made by the existing tool, or by `CloudFormation` and not used yet.

use serde::{Deserialize, Serialize};

use crate::state::rows::{Condition, Key, Row, Value, Written, stamp};
use crate::state::{Error, Store};

/// The version of the rows that this program writes, the only one that it reads.
pub const FORMAT: u32 = 1;

/// What the row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Format {
    version: u32,
    environment: String,
    /// Version of the program that wrote it.
    program: String,
}

fn key() -> Key {
    Key::two(("scope", "state"), ("entry", "format"))
}

impl Store {
    /// Fails if the rows are of another version, or belong to another environment. Tables that say nothing pass.
    ///
    /// # Errors
    /// [`Error::Other`] with both.
    pub async fn check_format(&self, environment: &str) -> Result<(), Error> {
        let table = &self.config.tables.control;
        let row = self.rows.get(table, &key()).await?;
        row.map_or(Ok(()), |row| self.judge(&row, environment))
    }

    /// Writes down that the rows are of this version and environment, if nothing is written down yet.
    ///
    /// # Errors
    /// As [`Store::check_format`].
    pub async fn mark_format(&self, environment: &str) -> Result<(), Error> {
        let format = Format {
            version: FORMAT,
            environment: environment.to_owned(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let row = Row::new()
            .with("updatedAt", stamp(self.now()))
            .with("format", Value::of(&format));
        let table = &self.config.tables.control;
        let absent = Condition::Absent("scope");
        match self.rows.put(table, &key(), row, absent).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(held) => self.judge(&held.unwrap_or_default(), environment),
        }
    }

    fn judge(&self, row: &Row, environment: &str) -> Result<(), Error> {
        let words = |version: &str, environment: &str, program: &str| {
            format!("rows of version {version} of {environment} (written by Sterna {program})")
        };
        let wanted = words(&FORMAT.to_string(), environment, env!("CARGO_PKG_VERSION"));
        let found = match row.get("format").and_then(Value::read::<Format>) {
            Some(found) if found.version == FORMAT && found.environment == environment => {
                return Ok(());
            }
            Some(found) => words(
                &found.version.to_string(),
                &found.environment,
                &found.program,
            ),
            None => "rows of a version that this program does not know".to_owned(),
        };
        Err(Error::Other {
            table: self.config.tables.control.clone(),
            found,
            wanted,
        })
    }
}
