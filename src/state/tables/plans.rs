//! Rows `plan` of `…-migration-control`: the plan in force and earlier ones.
//!
//! One row (`current`) holds the plan in force. It moves to the log when another replaces it. Assignment files name
//! their plan, and are refused if it is not in force.

use crate::model::{PlanId, PlanSummary, rename_keys};
use crate::state::namespace::Columns;
use crate::state::rows::{self, Batched, Condition, Key, Row, Select, Value, Written};
use crate::state::{StateError, Store};

const SCOPE: &str = "plan";
const CURRENT: &str = "current";
const LOG: &str = "log#";

fn key(entry: &str) -> Key {
    Key::two(("scope", SCOPE), ("entry", entry))
}

/// A value with the names `to` for the keys `from`.
fn renamed(value: &Value, from: [&str; 3], to: [&str; 3]) -> Value {
    let mut json = value.json();
    rename_keys(&mut json, &|key| {
        let mut names = from.iter().zip(to);
        let (_, name) = names.find(|(from, _)| **from == key)?;
        Some(name.to_owned())
    });
    Value::from(json)
}

impl Store {
    fn plan_row(&self, plan: &PlanSummary) -> Row {
        let (own, stored) = (Columns::USUAL.plan, self.columns().plan);
        Row::new()
            .with("updatedAt", plan.made_at)
            .with("planId", plan.id.as_str())
            .with("plan", renamed(&Value::of(plan), own, stored))
    }

    fn read_plan(&self, row: &Row) -> Result<PlanSummary, rows::RowsError> {
        let (own, stored) = (Columns::USUAL.plan, self.columns().plan);
        let plan = row.get("plan");
        let plan = plan.and_then(|plan| renamed(plan, stored, own).read());
        plan.ok_or_else(|| {
            let table = &self.tables().control;
            rows::RowsError::shape(table, "the row of a plan is not one of ours")
        })
    }

    /// The plan in force; `None` if `setup` never made one.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn current_plan(&self) -> Result<Option<PlanSummary>, StateError> {
        let table = &self.tables().control;
        let row = self.rows.get(table, &key(CURRENT)).await?;
        Ok(row.map(|row| self.read_plan(&row)).transpose()?)
    }

    /// Every plan that was in force, oldest first. The last one is in force now.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn plans(&self) -> Result<Vec<PlanSummary>, StateError> {
        let select = Select {
            partition: Some(("scope", SCOPE.to_owned())),
            ..Select::default()
        };
        let rows = rows::all(&*self.rows, &self.tables().control, &select).await?;
        let plans = rows.iter().map(|row| self.read_plan(row));
        let mut plans = plans.collect::<Result<Vec<_>, _>>()?;
        plans.sort_by_key(|plan| plan.made_at);
        // A plan in force that was about to be replaced appears twice.
        plans.dedup();
        Ok(plans)
    }

    /// Puts `plan` in force in place of `seen`, which moves to the log. It is idempotent.
    ///
    /// Returns the plan that somebody else put in force in the meantime, if any; nothing is changed then.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn put_plan_in_force(
        &self,
        plan: &PlanSummary,
        seen: Option<&PlanSummary>,
    ) -> Result<Option<PlanSummary>, StateError> {
        let table = &self.tables().control;
        let same = match seen {
            None => Condition::Absent("planId"),
            Some(seen) => {
                let at = format!("{LOG}{}#{}", seen.made_at, seen.id);
                let put = vec![Batched::Put(key(&at), self.plan_row(seen))];
                self.rows.write_all(table, put).await?;
                Condition::Equals("planId", seen.id.as_str().into())
            }
        };
        match self
            .rows
            .put(table, &key(CURRENT), self.plan_row(plan), same)
            .await?
        {
            Written::Done(_) => Ok(None),
            Written::Refused(held) => {
                let held = held.map(|row| self.read_plan(&row)).transpose()?;
                // Also after an earlier try whose answer was lost.
                Ok(held.filter(|held| held.id != plan.id))
            }
        }
    }

    /// The last plan with this id.
    ///
    /// # Errors
    /// Those of the table, and a row that is not understood.
    pub async fn plan(&self, id: &PlanId) -> Result<Option<PlanSummary>, StateError> {
        let plans = self.plans().await?;
        Ok(plans.into_iter().rfind(|plan| plan.id == *id))
    }
}
