//! Revoked delegations.

use aws_sdk_dynamodb::types::AttributeValue;
use cid::Cid;

use super::table::NetworkTables;
use crate::client::{Cause, Dependency, Error};

const READ: &str = "read a revocation";

impl NetworkTables {
    /// Tells whether anybody revoked a delegation. A network without the table has no revocations.
    pub async fn is_revoked(&self, delegation: &Cid) -> Result<bool, Error> {
        let attempt = || async {
            let read = self
                .dynamodb
                .get_item()
                .table_name(&self.names.revocation)
                .key("revoke", AttributeValue::S(delegation.to_string()));
            Ok(read
                .send()
                .await
                .map_err(crate::client::aws::cause)?
                .item
                .is_some())
        };
        match self.calls.run(Dependency::DynamoDb, READ, attempt).await {
            Err(error) if error.cause == Cause::Missing => Ok(false),
            other => other,
        }
    }
}
