//! The row `state` of `…-migration-control`: the version of all rows, the environment that they belong to, and which
//! tables these are.
//!
//! There is one row for all tables. A change that an older program would misread raises [`FORMAT`]. Tables without the
//! row were created by the existing tool, or by `CloudFormation` and not used yet.
//!
//! `tablesId` is random and never changes. Checkpoints, journals, assignment files and reports name it, so that they
//! are not mistaken for state of other tables with the same names. `tables` has the names of all tables of the set, so
//! that settings cannot mix two sets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::StateIdentity;
use crate::state::namespace::Namespace;
use crate::state::rows::{Condition, Key, Row, Update, Value, Written};
use crate::state::{StateError, Store};

/// The version of the rows that this program reads and writes.
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

/// Names of all tables but the control table.
fn names(namespace: &Namespace) -> BTreeMap<String, String> {
    let tables = &namespace.tables;
    let common = [
        ("progress", &tables.progress),
        ("parts", &tables.parts),
        ("failures", &tables.failures),
        ("fleet", &tables.fleet),
    ];
    let own = namespace.own.iter();
    let own = own.map(|table| (table.what, &table.definition.name));
    let named = own.chain(common);
    named
        .map(|(what, name)| (what.to_owned(), name.clone()))
        .collect()
}

impl Store {
    /// The identity of the tables: their id and location. `None` if they have no id, because `init` did not run on them
    /// since ids exist.
    ///
    /// # Errors
    /// [`StateError::Other`] if the rows belong to another version or environment, or to other tables than the settings
    /// name.
    pub async fn identity(&self, environment: &str) -> Result<Option<StateIdentity>, StateError> {
        match self.check_format(environment).await? {
            Some(id) => Ok(Some(self.located(environment, id).await?)),
            None => Ok(None),
        }
    }

    /// Checks version, environment and table names. Returns the id of the tables. Tables without the row pass.
    ///
    /// # Errors
    /// As [`Store::identity`].
    pub async fn check_format(&self, environment: &str) -> Result<Option<String>, StateError> {
        let table = &self.tables().control;
        match self.rows.get(table, &key()).await? {
            None => Ok(None),
            Some(row) => self.judge(&row, environment),
        }
    }

    /// Writes version, environment, table names and a new id, unless they are already there. Returns the identity of
    /// the tables. Of two concurrent calls the first one sets the id.
    ///
    /// # Errors
    /// As [`Store::check_format`].
    pub async fn mark_format(&self, environment: &str) -> Result<StateIdentity, StateError> {
        let table = &self.tables().control;
        let format = Format {
            version: FORMAT,
            environment: environment.to_owned(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let row = Row::new()
            .with("updatedAt", self.now())
            .with("format", Value::of(&format));
        let absent = Condition::Absent("scope");
        if let Written::Refused(held) = self.rows.put(table, &key(), row, absent).await? {
            self.judge(&held.unwrap_or_default(), environment)?;
        }
        let update = Update::new()
            .set("tablesId", uuid::Uuid::new_v4().to_string())
            .set("tables", Value::of(&names(&self.config.namespace)));
        let absent = Condition::Absent("tablesId");
        let row = match self.rows.update(table, &key(), update, absent).await? {
            Written::Done(row) => row,
            Written::Refused(held) => held.unwrap_or_default(),
        };
        let id = self.judge(&row, environment)?;
        self.located(environment, id.unwrap_or_default()).await
    }

    async fn located(&self, environment: &str, id: String) -> Result<StateIdentity, StateError> {
        let tables = self.tables();
        let location = self.rows.locate(&tables.control).await?;
        Ok(StateIdentity {
            id: Some(id),
            account: location.account,
            region: location.region,
            ..StateIdentity::new(environment, &tables.progress)
        })
    }

    /// The id of the tables in the row.
    fn judge(&self, row: &Row, environment: &str) -> Result<Option<String>, StateError> {
        let words = |version: &str, environment: &str, program: &str| {
            format!("rows of version {version} of {environment} (written by Sterna {program})")
        };
        let wanted = words(&FORMAT.to_string(), environment, env!("CARGO_PKG_VERSION"));
        let found = match row.get("format").and_then(Value::read::<Format>) {
            Some(found) if found.version == FORMAT && found.environment == environment => {
                self.judge_names(row)?;
                return Ok(row.text("tablesId").map(str::to_owned));
            }
            Some(found) => words(
                &found.version.to_string(),
                &found.environment,
                &found.program,
            ),
            None => "rows of a version that this program does not know".to_owned(),
        };
        Err(self.other(found, wanted))
    }

    /// Rows of an earlier version do not name tables that a later version adds.
    fn judge_names(&self, row: &Row) -> Result<(), StateError> {
        let wanted = names(&self.config.namespace);
        let found: BTreeMap<String, String> =
            row.get("tables").and_then(Value::read).unwrap_or_default();
        let differs = |(what, name): &(&String, &String)| {
            wanted.get(*what).is_some_and(|wanted| wanted != *name)
        };
        let Some((what, name)) = found.iter().find(differs) else {
            return Ok(());
        };
        let named = |name: &str| format!("rows that go with the {what} table {name}");
        Err(self.other(named(name), named(&wanted[what])))
    }

    fn other(&self, found: String, wanted: String) -> StateError {
        StateError::Other {
            table: self.tables().control.clone(),
            found,
            wanted,
        }
    }
}
