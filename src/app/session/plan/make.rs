//! Making a plan from units that are counted already.

use anyhow::Result;

use super::change::Standing;
use super::write::{NewPlan, PlanBy};
use crate::app::session::{Session, Workload};
use crate::app::{PlanReport, Stop, stopped};
use crate::plan::{self, Load};
use crate::runtime::StopLevel;

impl<W: Workload> Session<W> {
    /// Shares units out over instances, writes their rows and puts the plan in force. Work that was begun stays as it is.
    ///
    /// # Errors
    /// Instances at work would lose units; another setup replaced the plan meanwhile; `stop` says so; those of the
    /// tables.
    pub async fn plan(
        &self,
        loads: Vec<Load>,
        options: plan::Options,
        by: PlanBy,
        stop: &Stop,
    ) -> Result<PlanReport> {
        let plan = plan::distribute(loads, options);
        let standing = Standing::read(&self.store).await?;
        let words = self.workload.vocabulary();
        let made = NewPlan::of(&plan, &standing, (self.identity()?, words), by);
        let change = made.change();
        change.refuse_taking("")?;
        let go_on = || match stop.level() {
            StopLevel::Run => Ok(()),
            _ => Err(stopped(stop, "write the plan")),
        };
        made.write_units(&self.store, go_on).await?;
        made.write_fleet(&self.store).await?;
        if !change.is_in_force() {
            made.put_in_force(&self.store).await?;
        }
        Ok(change.report())
    }
}
