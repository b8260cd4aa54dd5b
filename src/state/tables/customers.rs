//! `…-migration-customers`: one row per customer, shared with the existing tool (docs/protocol/tables.md §3).
//!
//! Its counters are a sum of progress rows and never a source of truth.

use std::time::Duration;

use crate::model::{Counts, CustomerDid, InstanceId, PlanId, Status};
use crate::runtime::full_jitter;
use crate::state::define::BY_STATUS;
use crate::state::rows::{
    self, Condition, Key, Row, Select, Trouble, Update, Value, Written, stamp, unstamp,
};
use crate::state::{Error, Store};

use super::progress::ProgressRow;

/// Tries of a sum whose row changes at the same time: of any number at once one gets through, and the others wait up to
/// so long before they try again.
const TRIES: u32 = 60;
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

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
    /// Unix milliseconds.
    pub updated_at: Option<u64>,
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

fn key(customer: &CustomerDid) -> Key {
    Key::one("customer", customer.as_str())
}

fn read(table: &str, row: &Row) -> Result<CustomerRow, rows::Error> {
    let customer = row
        .text("customer")
        .ok_or_else(|| rows::Error::shape(table, "a row has no customer"))?;
    let number = |name: &str| row.number(name).unwrap_or(0);
    Ok(CustomerRow {
        customer: customer
            .parse()
            .map_err(|error: crate::model::IdError| rows::Error::shape(table, error.to_string()))?,
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
        updated_at: row.text("updatedAt").and_then(unstamp),
        is_summed: row.number("revision").is_some(),
    })
}

impl Assignment {
    fn update(&self, now: u64) -> Update {
        Update::new()
            .set("totalSpaces", self.spaces)
            .set("totalUploads", self.uploads)
            .set("instanceId", self.instance.as_str())
            .set(
                "filter",
                self.filter.as_deref().map_or(Value::Null, Value::from),
            )
            .set("assignedAt", stamp(now))
            .set("updatedAt", stamp(now))
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

impl Store {
    /// Gives a customer to an instance. Work that had begun is never reset (docs/protocol/pitfalls.md 61).
    pub async fn assign(&self, assignment: &Assignment) -> Result<Placed, Error> {
        let (table, key) = (&self.config.tables.customers, key(&assignment.customer));
        let unbegun = Condition::Any(vec![
            Condition::Absent("customer"),
            Condition::Equals("status", Status::Pending.as_str().into()),
        ]);
        let before = self.rows.get(table, &key).await?;
        let update = assignment.planned(assignment.update(self.now()));
        let written = self.rows.update(table, &key, update, unbegun).await?;
        if let Written::Refused(Some(row)) = &written
            && read(table, row)?.plan
                != Some((assignment.plan.clone(), assignment.instances.clone()))
        {
            let (there, planned) = (
                Condition::Present("customer"),
                assignment.planned(Update::new()),
            );
            self.rows.update(table, &key, planned, there).await?;
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
    pub async fn note_spaces(&self, customer: &CustomerDid, spaces: u64) -> Result<(), Error> {
        let now = stamp(self.now());
        let update = Update::new()
            .set("spacesKnown", spaces)
            .set_absent("status", Status::Pending.as_str())
            .set_absent("totalSpaces", spaces)
            .set_absent("completedSpaces", 0_u64)
            .set_absent("totalUploads", 0_u64)
            .set_absent("completedUploads", 0_u64)
            .set_absent("assignedAt", now.as_str())
            .set_absent("updatedAt", now.as_str());
        let more = Condition::Any(vec![
            Condition::Absent("spacesKnown"),
            Condition::Below("spacesKnown", spaces.into()),
        ]);
        let table = &self.config.tables.customers;
        self.rows
            .update(table, &key(customer), update, more)
            .await?;
        Ok(())
    }

    /// The row of a customer.
    pub async fn customer(&self, customer: &CustomerDid) -> Result<Option<CustomerRow>, Error> {
        let table = &self.config.tables.customers;
        let row = self.rows.get(table, &key(customer)).await?;
        Ok(row.map(|row| read(table, &row)).transpose()?)
    }

    /// Customers of one status, longest ago first.
    pub async fn customers_by_status(&self, status: Status) -> Result<Vec<CustomerRow>, Error> {
        self.read_customers(Select {
            index: Some(BY_STATUS.name),
            partition: Some((BY_STATUS.partition, status.as_str().to_owned())),
            ..Select::default()
        })
        .await
    }

    /// Customers of an instance, or all: reads the whole table.
    pub async fn customers_of(
        &self,
        instance: Option<&InstanceId>,
    ) -> Result<Vec<CustomerRow>, Error> {
        let filter =
            instance.map(|instance| Condition::Equals("instanceId", instance.as_str().into()));
        self.read_customers(Select {
            filter,
            ..Select::default()
        })
        .await
    }

    /// Customers of the first so many pages, and whether these are all.
    pub async fn first_customers(&self, pages: u32) -> Result<(Vec<CustomerRow>, bool), Error> {
        let table = &self.config.tables.customers;
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..pages {
            let page = self.rows.page(table, &Select::default(), after).await?;
            for row in &page.rows {
                found.push(read(table, row)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }

    /// The existing tool has progress rows for migration spaces, too, once they are provisioned: they hold no uploads.
    async fn without_migration_space(
        &self,
        owner: &str,
        mut units: Vec<ProgressRow>,
    ) -> Result<Vec<ProgressRow>, Error> {
        if let Ok(customer) = owner.parse()
            && let Some(own) = self.migration_space(&customer).await?
        {
            units.retain(|row| *row.progress.unit.name != *own.space.as_str());
        }
        Ok(units)
    }

    async fn read_customers(&self, select: Select) -> Result<Vec<CustomerRow>, Error> {
        let table = &self.config.tables.customers;
        let rows = rows::all(&*self.rows, table, &select).await?;
        Ok(rows
            .iter()
            .map(|row| read(table, row))
            .collect::<Result<_, _>>()?)
    }

    /// Brings a customer's row in step with its units. Several instances may do so at once: none covers a newer sum
    /// with an older one, and the last one is the sum of all that was written before it was asked for. A foreign status
    /// stays.
    ///
    /// # Errors
    /// The row is as it was; also when it changed under all tries (a minute and more), which is transient.
    pub async fn refresh_owner(&self, owner: &str) -> Result<(), Error> {
        let (table, key, now) = (
            &self.config.tables.customers,
            Key::one("customer", owner),
            self.now(),
        );
        let mut longest = FIRST_WAIT;
        for number in 0..TRIES {
            if number > 0 {
                tokio::time::sleep(full_jitter(longest)).await;
                longest = (longest * 2).min(LONGEST_WAIT);
            }
            let before = self.rows.get(table, &key).await?.unwrap_or_default();
            let revision = before.number("revision").unwrap_or(0);
            let units = self.progress_of(owner).await?;
            let units = self.without_migration_space(owner, units).await?;
            let foreign = before
                .text("status")
                .is_some_and(|word| word.parse::<Status>().is_err());
            let known = spaces_known(&before);
            let update = sum(&units, known, foreign, now)
                .set_some("spacesKnown", known)
                .set("revision", revision + 1)
                .set_absent("assignedAt", stamp(now));
            let same = if revision == 0 {
                Condition::absent_or("revision", 0_u64)
            } else {
                Condition::Equals("revision", revision.into())
            };
            if let Written::Done(_) = self.rows.update(table, &key, update, same).await? {
                return Ok(());
            }
        }
        Err(rows::Error {
            doing: "sum up",
            table: table.clone(),
            trouble: Trouble::Throttled,
            detail: format!("{owner} kept changing during {TRIES} tries"),
            retry_after: None,
        }
        .into())
    }
}

/// How many spaces a customer has, by a plan or a listing; the existing tool's word holds until we have summed up.
fn spaces_known(row: &Row) -> Option<u64> {
    let of_tool = || {
        let total = row.number("totalSpaces");
        total.filter(|_| row.number("revision").is_none())
    };
    row.number("spacesKnown").or_else(of_tool)
}

/// The sum of a customer's units. As long as it may have more spaces than have a row, it has not ended.
fn sum(units: &[ProgressRow], known: Option<u64>, foreign: bool, now: u64) -> Update {
    let counts: Counts = units.iter().map(|unit| unit.progress.counts).sum();
    let with = |status| {
        units
            .iter()
            .filter(|unit| unit.progress.status == status)
            .count() as u64
    };
    let (completed, failed, pending) = (
        with(Status::Completed),
        with(Status::Failed),
        with(Status::Pending),
    );
    let all = units.len() as u64;
    let has_all = known.is_some_and(|known| all >= known);
    let status = match () {
        () if completed == all && has_all => Status::Completed,
        () if pending == all => Status::Pending,
        () if completed + failed == all && has_all => Status::Failed,
        () => Status::InProgress,
    };
    let bad = counts.bad();
    let mut update = Update::new()
        .set("totalSpaces", all.max(known.unwrap_or(0)))
        .set("completedSpaces", completed)
        .set("totalUploads", counts.planned)
        .set("completedUploads", counts.done + counts.skipped)
        .set("updatedAt", stamp(now))
        .set(
            "error",
            if bad > 0 {
                format!(
                    "{bad} of {} uploads failed or quarantined, in {failed} of {all} spaces",
                    counts.planned
                )
            } else {
                String::new()
            },
        );
    if !foreign {
        update = update.set("status", status.as_str());
        update = if status == Status::Completed {
            update.set_absent("completedAt", stamp(now))
        } else {
            update.remove("completedAt")
        };
    }
    update
}
