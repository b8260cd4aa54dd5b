//! The bucket from which the storage node serves claims.

use bytes::Bytes;

use super::put;
use crate::client::calls::Calls;
use crate::client::{AwsClients, Buckets, Cause, ClientError, Dependency};
use crate::proto::ucan::{self, Delegation};

const STORE: &str = "store a claim";

/// Writes claims where `{storage node}/claim/{cid}` reads them (docs/protocol/tables.md §4).
#[derive(Clone, Debug)]
pub struct ClaimStore {
    s3: aws_sdk_s3::Client,
    bucket: String,
    calls: Calls,
}

impl ClaimStore {
    pub(crate) fn new(clients: &AwsClients, buckets: &Buckets, calls: Calls) -> Self {
        Self {
            s3: clients.s3.clone(),
            bucket: buckets.claims.clone(),
            calls,
        }
    }

    /// Stores a claim's archive under its CID.
    ///
    /// # Errors
    /// The bucket refuses the object, or no try gets a valid answer.
    pub async fn store(&self, claim: &Delegation) -> Result<(), ClientError> {
        let archive = ucan::archive(claim).map_err(|error| Cause::Malformed(error.to_string()));
        let archive = Bytes::from(archive.map_err(|cause| cause.at(Dependency::S3, STORE))?);
        let key = claim.cid().to_string();
        let attempt = || {
            put(
                &self.s3,
                &self.bucket,
                &key,
                "application/car",
                archive.clone(),
            )
        };
        self.calls.run(Dependency::S3, STORE, attempt).await
    }
}
