//! `…-migration-spaces`: each customer's one migration space with its sealed key (docs/protocol/tables.md §3).
//!
//! Of two processes that create at once, one wins and both go on with the stored row (docs/protocol/pitfalls.md 33).
//! No write here ever replaces a key.

use std::collections::BTreeSet;
use std::fmt;

use crate::proto::{CustomerDid, SpaceDid};
use crate::state::StateError;
use crate::state::rows::{self, Condition, Key, Row, Update, Written};

use super::CustomerTables;

/// One thing about a migration space that is or is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceMark {
    /// Consumer and subscription rows are written.
    Provisioned(bool),
    /// The customer's account has its delegation, and it is stored.
    Delegated(bool),
}

/// A customer's migration space.
#[derive(Clone, PartialEq, Eq)]
pub struct MigrationSpace {
    /// Whose it is.
    pub customer: CustomerDid,
    /// The space.
    pub space: SpaceDid,
    /// `Migrated Indexes - <customer>`.
    pub name: String,
    /// The sealed key, as envelope text; `None` in rows that lost theirs (docs/protocol/pitfalls.md 34).
    pub sealed_key: Option<String>,
    /// How far it is made.
    pub status: SpaceStatus,
    /// Whether the customer's account got its delegation, and it is stored.
    pub delegated: bool,
    /// Whether this program created it; else the existing tool did.
    pub ours: bool,
}

/// How far a migration space is made, in the existing tool's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceStatus {
    /// `active`: it has a row.
    Active,
    /// `provisioned`: it has consumer and subscription rows too.
    Provisioned,
}

/// The key stays out of every text.
impl fmt::Debug for MigrationSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrationSpace")
            .field("customer", &self.customer)
            .field("space", &self.space)
            .field("status", &self.status)
            .field("delegated", &self.delegated)
            .field("has_key", &self.sealed_key.is_some())
            .finish_non_exhaustive()
    }
}

/// What came of creating.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Ours is stored.
    Ours(MigrationSpace),
    /// Another was there first: this is the one to go on with.
    Theirs(MigrationSpace),
}

impl MigrationSpace {
    /// What the existing tool left undone when it made it, in words. A space of ours that is not ready was interrupted or
    /// rolled back: the next upload that needs it makes it ready.
    #[must_use]
    pub fn left_undone(&self) -> Option<String> {
        let ours = self.ours && self.sealed_key.is_some();
        self.lacks().filter(|_| !ours)
    }

    /// What was left undone when it was made, in words; nothing of a space that is ready for use.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        let missing: Vec<&str> = [
            (self.sealed_key.is_none(), "its key"),
            (self.status == SpaceStatus::Active, "provisioning"),
            (!self.delegated, "a recorded delegation to its customer"),
        ]
        .into_iter()
        .filter_map(|(lacking, what)| lacking.then_some(what))
        .collect();
        (!missing.is_empty())
            .then(|| format!("a migration space that lacks {}", missing.join(", ")))
    }
}

impl Stored {
    /// The stored one, whoever made it.
    #[must_use]
    pub fn into_space(self) -> MigrationSpace {
        match self {
            Self::Ours(space) | Self::Theirs(space) => space,
        }
    }
}

const ACTIVE: &str = "active";
const PROVISIONED: &str = "provisioned";
/// Who created a row, if it was this program.
const CREATOR: &str = "sterna";

fn key(customer: &CustomerDid) -> Key {
    Key::one("customer", customer.as_str())
}

fn read(table: &str, row: &Row) -> Result<MigrationSpace, rows::RowsError> {
    let text = |name: &str| {
        row.text(name)
            .ok_or_else(|| rows::RowsError::shape(table, format!("a row has no {name}")))
    };
    let wrong = |error: crate::proto::IdError| rows::RowsError::shape(table, error.to_string());
    Ok(MigrationSpace {
        customer: text("customer")?.parse().map_err(wrong)?,
        space: text("migrationSpace")?.parse().map_err(wrong)?,
        name: row.text("spaceName").unwrap_or_default().to_owned(),
        sealed_key: row.text("privateKey").map(str::to_owned),
        status: if row.text("status") == Some(PROVISIONED) {
            SpaceStatus::Provisioned
        } else {
            SpaceStatus::Active
        },
        delegated: row.truth("delegated"),
        ours: row.text("createdBy") == Some(CREATOR),
    })
}

impl CustomerTables {
    /// The customer's migration space, if it has one.
    ///
    /// # Errors
    /// The table cannot be read, or the row is not understood.
    pub async fn migration_space(
        &self,
        customer: &CustomerDid,
    ) -> Result<Option<MigrationSpace>, StateError> {
        let table = self.spaces_table();
        let row = self.rows().get(table, &key(customer)).await?;
        Ok(row.map(|row| read(table, &row)).transpose()?)
    }

    /// The names of all migration spaces: reads the whole table.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn migration_space_names(&self) -> Result<BTreeSet<SpaceDid>, StateError> {
        let table = self.spaces_table();
        let rows = rows::all(self.rows(), table, &rows::Select::default()).await?;
        let name = |row: &Row| {
            row.text("migrationSpace")
                .and_then(|name| name.parse().ok())
        };
        Ok(rows.iter().filter_map(name).collect())
    }

    /// Every migration space whose row can be read, and what is wrong with the others: reads the whole table.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn migration_spaces(&self) -> Result<(Vec<MigrationSpace>, Vec<String>), StateError> {
        let table = self.spaces_table();
        let rows = rows::all(self.rows(), table, &rows::Select::default()).await?;
        let (mut spaces, mut odd) = (Vec::new(), Vec::new());
        for row in &rows {
            match read(table, row) {
                Ok(space) => spaces.push(space),
                Err(error) => odd.push(format!(
                    "{}: {error}",
                    row.text("customer").unwrap_or("a row without customer")
                )),
            }
        }
        Ok((spaces, odd))
    }

    /// Stores `space` unless the customer has one; gives the stored one in either case.
    ///
    /// # Errors
    /// The table cannot be read or written, or the row that is there is not understood.
    pub async fn create_migration_space(
        &self,
        space: &MigrationSpace,
    ) -> Result<Stored, StateError> {
        let table = self.spaces_table();
        let status = match space.status {
            SpaceStatus::Active => ACTIVE,
            SpaceStatus::Provisioned => PROVISIONED,
        };
        let mut row = Row::new()
            .with("migrationSpace", space.space.as_str())
            .with("spaceName", space.name.as_str())
            .with("created", self.store.now())
            .with("lastUsed", self.store.now())
            .with("indexCount", 0_u64)
            .with("status", status)
            .with("delegated", space.delegated);
        if space.ours {
            row.set("createdBy", CREATOR);
        }
        if let Some(sealed) = &space.sealed_key {
            row.set("privateKey", sealed.as_str());
        }
        match self
            .rows()
            .put(
                table,
                &key(&space.customer),
                row,
                Condition::Absent("customer"),
            )
            .await?
        {
            Written::Done(_) => Ok(Stored::Ours(space.clone())),
            Written::Refused(held) => {
                // The first try may have been ours, its answer lost.
                let held = match held {
                    Some(held) => read(table, &held)?,
                    None => self
                        .migration_space(&space.customer)
                        .await?
                        .ok_or_else(|| {
                            rows::RowsError::shape(
                                table,
                                format!("the row of {} came and went", space.customer),
                            )
                        })?,
                };
                Ok(if held.space == space.space {
                    Stored::Ours(held)
                } else {
                    Stored::Theirs(held)
                })
            }
        }
    }

    /// Notes how far the space is made: before it is unmade, after it is made. `false`: the customer's space is another
    /// one.
    ///
    /// # Errors
    /// The table cannot be written.
    pub async fn mark_space(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
        mark: SpaceMark,
    ) -> Result<bool, StateError> {
        let update = Update::new();
        let update = match mark {
            SpaceMark::Provisioned(true) => update.set("status", PROVISIONED),
            SpaceMark::Provisioned(false) => update.set("status", ACTIVE),
            SpaceMark::Delegated(true) => update
                .set("delegated", true)
                .set("delegatedAt", self.store.now()),
            SpaceMark::Delegated(false) => update.set("delegated", false).remove("delegatedAt"),
        };
        let update = match mark {
            SpaceMark::Provisioned(true) => update.set("lastUsed", self.store.now()),
            _ => update,
        };
        self.update_space(customer, space, update).await
    }

    async fn update_space(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
        update: Update,
    ) -> Result<bool, StateError> {
        let same = Condition::Equals("migrationSpace", space.as_str().into());
        let written = self
            .rows()
            .update(self.spaces_table(), &key(customer), update, same)
            .await?;
        Ok(matches!(written, Written::Done(_)))
    }
}
