//! Counting uploads.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, Select};

use super::table::{NetworkTables, required};
use crate::client::{ClientError, Dependency};
use crate::proto::did::Did;

const COUNT: &str = "count the uploads of a space";

impl NetworkTables {
    /// Counts the uploads of a space, over every page.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn count_uploads(&self, space: &Did) -> Result<u64, ClientError> {
        let mut total = 0;
        let mut after = None;
        loop {
            let attempt = || async {
                let answer = self
                    .dynamodb
                    .query()
                    .table_name(&self.names.upload)
                    .key_condition_expression("#space = :space")
                    .expression_attribute_names("#space", "space")
                    .expression_attribute_values(
                        ":space",
                        AttributeValue::S(space.as_str().to_owned()),
                    )
                    .select(Select::Count)
                    .set_exclusive_start_key(after.clone())
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(crate::client::aws::cause)?;
                required(answer.consumed_capacity.as_ref())?;
                Ok(answer)
            };
            let page = self.calls.run(Dependency::DynamoDb, COUNT, attempt).await?;
            total += u64::try_from(page.count).unwrap_or_default();
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(total);
            }
        }
    }
}
