//! A run that may make steps of units and none of items: nothing is asked of any item.

use crate::engine::Migration;
use crate::model::{Failure, Reason};

use super::finish::{finish, give_back};
use super::ready::{ready, tell_steps};
use super::sweep::{listing, next, wait_to_list_again};
use super::{InHand, UnitEnd};

/// Makes the steps of a unit that has any item.
pub(super) async fn steps_alone<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    match has_items(hand).await {
        Ok(Some(true)) => {}
        Ok(Some(false)) => return finish(hand).await,
        Ok(None) => return give_back(hand).await,
        Err(failure) => return troubled(hand, failure).await,
    }
    let Some(_slot) = hand.admit().await else {
        return give_back(hand).await;
    };
    let before = hand.progress();
    match hand.token.run_until_cancelled(ready(hand)).await {
        Some(Ok(context)) => {
            tell_steps(hand, &before, &context);
            finish(hand).await
        }
        Some(Err(failure)) if failure.reason != Reason::STOPPED => troubled(hand, failure).await,
        Some(Err(_)) | None => give_back(hand).await,
    }
}

async fn troubled<M: Migration>(hand: &InHand<M>, failure: Failure) -> UnitEnd {
    give_back(hand).await;
    UnitEnd::Trouble(failure)
}

/// Whether the unit has any item; none when the run was stopped first.
async fn has_items<M: Migration>(hand: &InHand<M>) -> Result<Option<bool>, Failure> {
    let mut failed = 0;
    loop {
        let mut items = listing(hand, None);
        let item = tokio::select! {
            biased;
            () = hand.stopped() => return Ok(None),
            item = next(hand, &mut items) => item,
        };
        match item {
            None => return Ok(Some(false)),
            Some(Ok(_)) => return Ok(Some(true)),
            Some(Err(failure)) => {
                failed += 1;
                if let Some(failure) = wait_to_list_again(hand, failed, failure).await {
                    return Err(failure);
                }
            }
        }
    }
}
