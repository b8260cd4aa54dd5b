//! A change of one row under a condition on another: one transaction of two parts.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, ReturnConsumedCapacity as Capacity, TransactWriteItem,
    Update as UpdateItem,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::Dynamo;
use crate::aws::Fault;
use crate::state::rows::expression::{self, Aliases};
use crate::state::rows::{Change, Guard, Key, RowsError, codec};

const DOING: &str = "write under a lease to";

/// The condition of a part did not hold.
const REFUSED: &str = "ConditionalCheckFailed";

impl Dynamo {
    pub(super) async fn transact(
        &self,
        guard: &Guard,
        table: &str,
        key: &Key,
        change: &Change,
    ) -> Result<bool, RowsError> {
        let fault = |error: aws_sdk_dynamodb::error::BuildError| {
            RowsError::shape(table, format!("a part of a transaction: {error}"))
        };
        let parts = [
            check(guard).map_err(fault)?,
            changing(table, key, change).map_err(fault)?,
        ];
        let make = || async {
            let send = self
                .client
                .transact_write_items()
                .set_transact_items(Some(parts.to_vec()))
                .return_consumed_capacity(Capacity::Total)
                .send();
            match send.await {
                Ok(done) => {
                    let used = done.consumed_capacity.filter(|used| !used.is_empty());
                    super::required(DOING, table, used.as_ref()).map(|()| true)
                }
                Err(error) => refused(table, &error),
            }
        };
        self.tried(table, make).await
    }
}

fn check(guard: &Guard) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
    let mut aliases = Aliases::default();
    let condition = expression::condition(&mut aliases, &guard.condition);
    let check = ConditionCheck::builder()
        .table_name(&guard.table)
        .set_key(Some(codec::key(&guard.key)))
        .set_condition_expression(condition)
        .set_expression_attribute_names(aliases.names())
        .set_expression_attribute_values(aliases.values())
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

fn changing(
    table: &str,
    key: &Key,
    change: &Change,
) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
    let part = TransactWriteItem::builder();
    Ok(match change {
        Change::Update(update) => {
            let mut aliases = Aliases::default();
            let change = expression::update(&mut aliases, update);
            let update = UpdateItem::builder()
                .table_name(table)
                .set_key(Some(codec::key(key)))
                .set_update_expression(change)
                .set_expression_attribute_names(aliases.names())
                .set_expression_attribute_values(aliases.values())
                .build()?;
            part.update(update).build()
        }
        Change::Delete => {
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(codec::key(key)))
                .build()?;
            part.delete(delete).build()
        }
    })
}

/// Returns `false` if the guard did not hold; anything else is an error.
fn refused(
    table: &str,
    error: &SdkError<TransactWriteItemsError, HttpResponse>,
) -> Result<bool, RowsError> {
    let other = RowsError::of(DOING, table, error);
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
        error.as_service_error()
    else {
        return Err(other);
    };
    let codes = codes(canceled);
    if codes.first().is_some_and(|code| code == REFUSED) {
        return Ok(false);
    }
    let said = codes.iter().find(|code| *code != "None");
    let kind = said.map_or(other.kind, |code| Fault::of_entry(code, None).kind.into());
    Err(RowsError {
        kind,
        detail: format!("{} ({})", other.detail, codes.join(", ")),
        ..other
    })
}

/// The code of each part, in order.
fn codes(canceled: &TransactionCanceledException) -> Vec<String> {
    let reasons = canceled.cancellation_reasons().iter();
    let codes = reasons.map(|reason| reason.code().unwrap_or("None").to_owned());
    codes.collect()
}
