//! Everything known of one item, and what would be done about it.

use serde::Serialize;

use crate::engine::{Depth, EngineError, Migration, RunParts, UnitContext};
use crate::model::{FailedItem, Failure, Finding, ItemId, Lease, UnitId, UnitProgress, Verdict};

use crate::state::ProgressRow;

use super::judge::{Judged, judge, judge_unit};
use super::patience::Patience;

/// See [`explain`].
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The unit.
    pub unit: UnitId,
    /// The item; none when only the unit was asked for.
    pub item: Option<ItemId>,
    /// The unit's progress row.
    pub progress: Option<UnitProgress>,
    /// Who holds the unit now.
    pub lease: Option<Lease>,
    /// The item's failure row.
    pub failed: Option<FailedItem>,
    /// The verdict of a probe of the world just now.
    pub verdict: Verdict,
    /// What is missing or wrong: the steps that a run would make.
    pub findings: Vec<Finding>,
    /// Why it could not be judged, or cannot be put right.
    pub failure: Option<Failure>,
}

/// Looks at rows and world, and changes nothing. Without an item, only at the unit.
///
/// # Errors
/// [`EngineError::State`]: those of the tables.
pub async fn explain<M: Migration>(
    parts: &RunParts<M>,
    unit: &UnitId,
    item: Option<&ItemId>,
) -> Result<Explained, EngineError> {
    let row = parts
        .store
        .progress_row(unit)
        .await
        .map_err(EngineError::State)?;
    let failed = match item {
        Some(item) => parts
            .store
            .failed_item(unit, item)
            .await
            .map_err(EngineError::State)?,
        None => None,
    };
    let foreign = row.as_ref().is_some_and(ProgressRow::has_foreign_work);
    let (progress, lease) = row.map_or((None, None), |row| (Some(row.progress), row.lease));
    let context = UnitContext::new(unit.clone(), parts.clock, parts.tasks.clone());
    let context = context.taken_over(foreign).at_depth(Depth::Presence);
    let unit_steps = parts.migration.unit_steps();
    let patience = Patience::none(&parts.dependencies);
    let row = Ok(progress.as_ref());
    let reasons = parts.migration.reasons();
    let (context, of_unit) = judge_unit(&unit_steps, row, context, (&patience, reasons)).await;
    let judged = match item {
        None => of_unit,
        Some(id) => match parts.migration.item(&context, id).await {
            Ok(found) => {
                let steps = parts.migration.steps();
                judge(&*parts.migration, &steps, &patience, &context, &found)
                    .await
                    .with(&of_unit, reasons)
            }
            Err(failure) => Judged::new(Vec::new(), Some(failure), reasons),
        },
    };
    Ok(Explained {
        unit: unit.clone(),
        item: item.cloned(),
        progress,
        lease,
        failed,
        verdict: judged.verdict,
        findings: judged.findings,
        failure: judged.failure,
    })
}
