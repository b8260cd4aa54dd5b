//! A run that may make steps of units and none of items: nothing is asked of any item.

use crate::engine::Migration;
use crate::model::{Failure, Reason};

use super::LeasedUnit;
use super::end::UnitEnd;
use super::finish::{finish, give_back};
use super::ready::{ready, tell_steps};
use super::sweep::{listing, next, wait_to_list_again};

/// Makes the steps of a unit that has any item.
pub(super) async fn steps_alone<M: Migration>(leased: &LeasedUnit<M>) -> UnitEnd {
    match has_items(leased).await {
        Ok(Some(true)) => {}
        Ok(Some(false)) => return finish(leased).await,
        Ok(None) => return give_back(leased).await,
        Err(failure) => return troubled(leased, failure).await,
    }
    let Some(_slot) = leased.admit().await else {
        return give_back(leased).await;
    };
    let before = leased.progress();
    match leased.token.run_until_cancelled(ready(leased)).await {
        Some(Ok(context)) => {
            tell_steps(leased, &before, &context);
            finish(leased).await
        }
        Some(Err(failure)) if failure.reason != Reason::Stopped => troubled(leased, failure).await,
        Some(Err(_)) | None => give_back(leased).await,
    }
}

async fn troubled<M: Migration>(leased: &LeasedUnit<M>, failure: Failure) -> UnitEnd {
    give_back(leased).await;
    UnitEnd::Trouble(failure)
}

/// Whether the unit has any item; none when the run was stopped first.
async fn has_items<M: Migration>(leased: &LeasedUnit<M>) -> Result<Option<bool>, Failure> {
    let mut failed = 0;
    loop {
        let mut items = listing(leased, None);
        let item = tokio::select! {
            biased;
            () = leased.stopped() => return Ok(None),
            item = next(leased, &mut items) => item,
        };
        match item {
            None => return Ok(Some(false)),
            Some(Ok(_)) => return Ok(Some(true)),
            Some(Err(failure)) => {
                failed += 1;
                if let Some(failure) = wait_to_list_again(leased, failed, failure).await {
                    return Err(failure);
                }
            }
        }
    }
}
