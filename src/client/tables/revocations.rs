//! Revoked delegations.

use aws_sdk_dynamodb::types::AttributeValue;
use cid::Cid;

use super::table::{NetworkTables, Row};
use crate::client::{Cause, ClientError};

const READ: &str = "read a revocation";

impl NetworkTables {
    /// Tells whether anybody revoked a delegation. A network without the table has no revocations.
    ///
    /// # Errors
    /// DynamoDB refuses, or no try gets a valid answer.
    pub async fn is_revoked(&self, delegation: &Cid) -> Result<bool, ClientError> {
        let id = Row::from([(
            "revoke".to_owned(),
            AttributeValue::S(delegation.to_string()),
        )]);
        match self.row(READ, &self.names.revocation, &id).await {
            Err(error) if matches!(error.cause, Cause::NoResource(_)) => Ok(false),
            other => Ok(other?.is_some()),
        }
    }
}
