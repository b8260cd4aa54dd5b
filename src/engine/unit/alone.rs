//! A run that may make steps of units and none of items: nothing is asked of any item.

use crate::engine::Migration;
use crate::engine::listing::Next;
use crate::model::{Failure, Reason};

use super::LeasedUnit;
use super::end::UnitEnd;
use super::finish::{finish, give_back};
use super::ready::{ready, tell_steps};
use super::sweep::listing;

/// Makes the steps of a unit that has any item.
pub(super) async fn steps_alone<M: Migration>(leased: &LeasedUnit<M>) -> UnitEnd {
    match listing(leased, None).next(leased.stopped()).await {
        Next::Item(..) => {}
        Next::End => return finish(leased).await,
        Next::Stopped => return give_back(leased).await,
        Next::Failed(failure) => return troubled(leased, failure).await,
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
