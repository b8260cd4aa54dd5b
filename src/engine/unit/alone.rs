//! A run with steps of units and none of items: items are not probed.

use crate::engine::Migration;
use crate::engine::listing::Next;
use crate::model::Reason;

use super::LeasedUnit;
use super::end::{Interrupted, UnitEnd};
use super::finish::{finish, leave};
use super::pass::listing;
use super::ready::{publish_steps, ready};

/// Makes the steps of a unit, if it has any item.
pub(super) async fn steps_alone<M: Migration>(leased: &LeasedUnit<M>) -> UnitEnd {
    match make(leased).await {
        Ok(()) => finish(leased).await,
        Err(interrupted) => leave(leased, interrupted).await,
    }
}

async fn make<M: Migration>(leased: &LeasedUnit<M>) -> Result<(), Interrupted> {
    match listing(leased, None).next(leased.stopped()).await {
        Next::Item(..) => {}
        Next::End => return Ok(()),
        Next::Stopped => return Err(Interrupted::Stopped),
        Next::Failed(failure) => return Err(Interrupted::Failed(failure)),
    }
    let _slot = leased.admit().await.ok_or(Interrupted::Stopped)?;
    let before = leased.progress();
    match leased.token.run_until_cancelled(ready(leased)).await {
        Some(Ok(context)) => {
            publish_steps(leased, &before, &context);
            Ok(())
        }
        Some(Err(failure)) if failure.reason != Reason::STOPPED => {
            Err(Interrupted::Failed(failure))
        }
        Some(Err(_)) | None => Err(Interrupted::Stopped),
    }
}
