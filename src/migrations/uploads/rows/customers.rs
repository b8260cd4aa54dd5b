//! `…-migration-customers`: one row per customer, shared with the existing tool (docs/protocol/tables.md §3).
//!
//! Its counters are a sum of progress rows and never a source of truth: `super::rollup`.

use crate::model::{InstanceId, PlanId, Status, UnixMillis};
use crate::proto::CustomerDid;
use crate::state::StateError;
use crate::state::define::BY_STATUS;
use crate::state::rows::{self, Condition, Key, Row, Select, Update, Value, Written};

use super::CustomerTables;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    /// The customer.
    pub customer: CustomerDid,
    /// The word in `status`, also one that is not ours.
    pub status: String,
    /// Spaces, and those that ended well.
    pub total_spaces: u64,
    /// See `total_spaces`.
    pub completed_spaces: u64,
    /// Uploads, and those that are done or skipped.
    pub total_uploads: u64,
    /// See `total_uploads`.
    pub completed_uploads: u64,
    /// The instance it was given to; several share a customer that was split.
    pub instance: Option<InstanceId>,
    /// The filter of the plan.
    pub filter: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The plan that gave it out last, and all instances that it was given to.
    pub plan: Option<(PlanId, Vec<InstanceId>)>,
    /// When it was written last.
    pub updated_at: Option<UnixMillis>,
    /// Whether its counters are a sum of ours.
    pub is_summed: bool,
}

/// What `setup` gives to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The customer.
    pub customer: CustomerDid,
    /// The plan.
    pub plan: PlanId,
    /// The instance with the largest part of it.
    pub instance: InstanceId,
    /// Every instance with a part of it, in order.
    pub instances: Vec<InstanceId>,
    /// Its spaces.
    pub spaces: u64,
    /// Its uploads.
    pub uploads: u64,
    /// The filter of the plan.
    pub filter: Option<String>,
}

/// What became of an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// A row was made.
    Made,
    /// A row that nobody had begun was brought up to date.
    Refreshed,
    /// Work on it had begun: status, counters and instance stay as they are.
    Kept(String),
}

pub(super) fn key(customer: &CustomerDid) -> Key {
    Key::one("customer", customer.as_str())
}

fn read(table: &str, row: &Row) -> Result<CustomerRow, rows::RowsError> {
    let customer = row
        .text("customer")
        .ok_or_else(|| rows::RowsError::shape(table, "a row has no customer"))?;
    let number = |name: &str| row.number(name).unwrap_or(0);
    Ok(CustomerRow {
        customer: customer.parse().map_err(|error: crate::proto::IdError| {
            rows::RowsError::shape(table, error.to_string())
        })?,
        status: row
            .text("status")
            .unwrap_or(Status::Pending.as_str())
            .to_owned(),
        total_spaces: number("totalSpaces"),
        completed_spaces: number("completedSpaces"),
        total_uploads: number("totalUploads"),
        completed_uploads: number("completedUploads"),
        instance: row.text("instanceId").map(InstanceId::new),
        filter: row.text("filter").map(str::to_owned),
        error: row.text("error").map(str::to_owned),
        plan: row.text("planId").map(|id| {
            let instances = row.text("planInstances").unwrap_or_default();
            let instances = instances.split(' ').filter(|one| !one.is_empty());
            (PlanId::new(id), instances.map(InstanceId::new).collect())
        }),
        updated_at: row.time("updatedAt"),
        is_summed: row.number("revision").is_some(),
    })
}

impl Assignment {
    fn update(&self, now: UnixMillis) -> Update {
        Update::new()
            .set("totalSpaces", self.spaces)
            .set("totalUploads", self.uploads)
            .set("instanceId", self.instance.as_str())
            .set(
                "filter",
                self.filter.as_deref().map_or(Value::Null, Value::from),
            )
            .set("assignedAt", now)
            .set("updatedAt", now)
            .set_absent("status", Status::Pending.as_str())
            .set_absent("completedSpaces", 0_u64)
            .set_absent("completedUploads", 0_u64)
    }

    /// What no status and no counter hangs on.
    fn planned(&self, update: Update) -> Update {
        let instances: Vec<&str> = self.instances.iter().map(InstanceId::as_str).collect();
        update
            .set("spacesKnown", self.spaces)
            .set("planId", self.plan.as_str())
            .set("planInstances", instances.join(" "))
    }
}

impl CustomerTables {
    /// Gives a customer to an instance. Work that had begun is never reset (docs/protocol/pitfalls.md 61).
    ///
    /// # Errors
    /// The table cannot be read or written, or the row that is there is not understood.
    pub async fn assign(&self, assignment: &Assignment) -> Result<Placed, StateError> {
        let (table, key) = (self.customers_table(), key(&assignment.customer));
        let unbegun = Condition::Any(vec![
            Condition::Absent("customer"),
            Condition::Equals("status", Status::Pending.as_str().into()),
        ]);
        let before = self.rows().get(table, &key).await?;
        let update = assignment.planned(assignment.update(self.store.now()));
        let written = self.rows().update(table, &key, update, unbegun).await?;
        if let Written::Refused(Some(row)) = &written
            && read(table, row)?.plan
                != Some((assignment.plan.clone(), assignment.instances.clone()))
        {
            let (there, planned) = (
                Condition::Present("customer"),
                assignment.planned(Update::new()),
            );
            self.rows().update(table, &key, planned, there).await?;
        }
        match written {
            Written::Done(_) => Ok(if before.is_some() {
                Placed::Refreshed
            } else {
                Placed::Made
            }),
            Written::Refused(row) => Ok(Placed::Kept(
                row.map(|row| read(table, &row))
                    .transpose()?
                    .map_or_else(String::new, |row| row.status),
            )),
        }
    }

    /// Notes how many spaces a customer has by a listing: its row is not completed before so many are. Makes a row
    /// that is not there; fewer than are known change nothing.
    ///
    /// # Errors
    /// The table cannot be written.
    pub async fn note_spaces(&self, customer: &CustomerDid, spaces: u64) -> Result<(), StateError> {
        let now = self.store.now();
        let update = Update::new()
            .set("spacesKnown", spaces)
            .set_absent("status", Status::Pending.as_str())
            .set_absent("totalSpaces", spaces)
            .set_absent("completedSpaces", 0_u64)
            .set_absent("totalUploads", 0_u64)
            .set_absent("completedUploads", 0_u64)
            .set_absent("assignedAt", now)
            .set_absent("updatedAt", now);
        let more = Condition::Any(vec![
            Condition::Absent("spacesKnown"),
            Condition::Below("spacesKnown", spaces.into()),
        ]);
        let table = self.customers_table();
        self.rows()
            .update(table, &key(customer), update, more)
            .await?;
        Ok(())
    }

    /// The row of a customer.
    ///
    /// # Errors
    /// The table cannot be read, or the row is not understood.
    pub async fn customer(
        &self,
        customer: &CustomerDid,
    ) -> Result<Option<CustomerRow>, StateError> {
        let table = self.customers_table();
        let row = self.rows().get(table, &key(customer)).await?;
        Ok(row.map(|row| read(table, &row)).transpose()?)
    }

    /// Customers of one status, longest ago first.
    ///
    /// # Errors
    /// The table cannot be read, or one of the rows is not understood.
    pub async fn customers_by_status(
        &self,
        status: Status,
    ) -> Result<Vec<CustomerRow>, StateError> {
        self.read_customers(Select {
            index: Some(BY_STATUS.name),
            partition: Some((BY_STATUS.partition, status.as_str().to_owned())),
            ..Select::default()
        })
        .await
    }

    /// Customers of an instance, or all: reads the whole table.
    ///
    /// # Errors
    /// The table cannot be read, or one of the rows is not understood.
    pub async fn customers_of(
        &self,
        instance: Option<&InstanceId>,
    ) -> Result<Vec<CustomerRow>, StateError> {
        let filter =
            instance.map(|instance| Condition::Equals("instanceId", instance.as_str().into()));
        self.read_customers(Select {
            filter,
            ..Select::default()
        })
        .await
    }

    async fn read_customers(&self, select: Select) -> Result<Vec<CustomerRow>, StateError> {
        let table = self.customers_table();
        let rows = rows::all(self.rows(), table, &select).await?;
        Ok(rows
            .iter()
            .map(|row| read(table, row))
            .collect::<Result<_, _>>()?)
    }
}
