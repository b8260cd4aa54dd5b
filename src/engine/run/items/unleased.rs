//! Single items without leases and rows: effects are made and verified, and nothing else is recorded.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;

use crate::engine::Migration;
use crate::engine::item::End;
use crate::engine::run::Remaining;
use crate::engine::shared::Shared;
use crate::engine::unit::{LeasedUnit, publish_steps, ready, unrecorded};
use crate::model::{ItemId, Unit, UnitId};

use super::again::settle_by_name;

/// Works on items of one unit.
pub(super) async fn of_one_unit<M: Migration>(
    run: &Arc<Shared<M>>,
    unit: UnitId,
    items: Vec<ItemId>,
) -> Remaining {
    let mut remaining = Remaining::default();
    let opening = async {
        let leased = unrecorded(run, &Unit::new(unit.clone())).await?;
        let before = leased.progress();
        let context = ready(&leased).await?;
        if run.steps.is_empty() {
            publish_steps(&leased, &before, &context);
        }
        Ok(LeasedUnit { context, ..leased })
    };
    let leased = match opening.await {
        Ok(leased) => leased,
        Err(failure) => {
            remaining.unfinished += items.len() as u64;
            remaining.troubled.push((unit, failure));
            return remaining;
        }
    };
    if run.steps.is_empty() {
        // No steps of items are requested.
        return remaining;
    }
    let leased = &leased;
    let unsettled = stream::iter(items)
        .map(|id| async move { u64::from(!one(leased, &id).await) })
        .buffer_unordered(run.config.concurrency.max(1) as usize)
        .fold(0, async |sum, one| sum + one)
        .await;
    remaining.unfinished += unsettled;
    remaining
}

/// Works on one item. Returns `false` if it has no outcome.
async fn one<M: Migration>(leased: &LeasedUnit<M>, id: &ItemId) -> bool {
    let not_found = |failure| End::failed(failure, 1);
    let Some((end, began, _slot)) = settle_by_name(leased, id, not_found).await else {
        return false;
    };
    leased.publish_settled(id, end, began, None);
    true
}
