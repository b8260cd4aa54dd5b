//! Lists of rows, page by page.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity as Capacity;

use super::{Dynamo, required};
use crate::state::rows::codec::{self, Item};
use crate::state::rows::expression::{self, Aliases};
use crate::state::rows::row::Row;
use crate::state::rows::{Page, RowsError, Select};

/// The common part of the answers to a query and a scan.
struct Listed {
    items: Option<Vec<Item>>,
    next: Option<Item>,
}

impl Dynamo {
    async fn query_once(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Listed, RowsError> {
        let mut aliases = Aliases::default();
        let key = expression::key_condition(&mut aliases, select);
        let filter = select
            .filter
            .as_ref()
            .and_then(|filter| expression::condition(&mut aliases, filter));
        let answer = self
            .client
            .query()
            .table_name(table)
            .set_index_name(select.index.map(str::to_owned))
            .set_consistent_read(select.index.is_none().then_some(true))
            .set_key_condition_expression(key)
            .set_filter_expression(filter)
            .set_expression_attribute_names(aliases.names())
            .set_expression_attribute_values(aliases.values())
            .set_scan_index_forward(select.newest_first.then_some(false))
            .set_limit(select.page.and_then(|page| i32::try_from(page).ok()))
            .set_exclusive_start_key(after.map(|row| codec::item(&row)))
            .return_consumed_capacity(Capacity::Total)
            .send()
            .await
            .map_err(|error| RowsError::of("query", table, &error))?;
        required("query", table, answer.consumed_capacity.as_ref())?;
        Ok(Listed {
            items: answer.items,
            next: answer.last_evaluated_key,
        })
    }

    async fn scan_once(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Listed, RowsError> {
        let mut aliases = Aliases::default();
        let filter = select
            .filter
            .as_ref()
            .and_then(|filter| expression::condition(&mut aliases, filter));
        let answer = self
            .client
            .scan()
            .table_name(table)
            .set_index_name(select.index.map(str::to_owned))
            .set_consistent_read(select.index.is_none().then_some(true))
            .set_filter_expression(filter)
            .set_expression_attribute_names(aliases.names())
            .set_expression_attribute_values(aliases.values())
            .set_limit(select.page.and_then(|page| i32::try_from(page).ok()))
            .set_exclusive_start_key(after.map(|row| codec::item(&row)))
            .return_consumed_capacity(Capacity::Total)
            .send()
            .await
            .map_err(|error| RowsError::of("scan", table, &error))?;
        required("scan", table, answer.consumed_capacity.as_ref())?;
        Ok(Listed {
            items: answer.items,
            next: answer.last_evaluated_key,
        })
    }

    /// One page of rows, and where the next begins.
    pub(super) async fn read(
        &self,
        table: &str,
        select: &Select,
        after: Option<Row>,
    ) -> Result<Page, RowsError> {
        let once = || async {
            if select.partition.is_some() {
                self.query_once(table, select, after.clone()).await
            } else {
                self.scan_once(table, select, after.clone()).await
            }
        };
        let page = self.tried(table, once).await?;
        let items = page.items.unwrap_or_default();
        Ok(Page {
            rows: items.into_iter().map(codec::row).collect(),
            next: page.next.filter(|next| !next.is_empty()).map(codec::row),
        })
    }
}
