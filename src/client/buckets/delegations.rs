//! Objects of delegations: R2 first, the S3 bucket of older ones beside it.

use bytes::Bytes;
use cid::Cid;

use super::{delete, get, put};
use crate::client::calls::Calls;
use crate::client::{AwsClients, Buckets, Cause, ClientError, Config, Dependency};
use crate::proto::ucan::{self, Delegation};

const READ: &str = "read a delegation";
const STORE: &str = "store a delegation";
const REMOVE: &str = "remove a delegation";
/// Largest object that is read.
const LARGEST: usize = 4 << 20;

#[derive(Clone, Debug)]
struct Place {
    client: aws_sdk_s3::Client,
    bucket: String,
}

/// Where delegations are kept (docs/protocol/tables.md §4). The keys begin with a slash.
#[derive(Clone, Debug)]
pub struct DelegationStore {
    places: Vec<Place>,
    calls: Calls,
}

impl DelegationStore {
    pub(crate) fn new(clients: &AwsClients, config: &Config, calls: Calls) -> Self {
        let Buckets { delegations, .. } = &config.network.buckets;
        let r2 = clients
            .r2
            .iter()
            .zip(&config.aws.r2)
            .map(|(client, settings)| Place {
                client: client.clone(),
                bucket: settings.delegation_bucket.clone(),
            });
        let s3 = Place {
            client: clients.s3.clone(),
            bucket: delegations.clone(),
        };
        Self {
            places: r2.chain([s3]).collect(),
            calls,
        }
    }

    /// Reads a delegation from the first place that has it.
    ///
    /// "Not there" is said only if every place said so.
    ///
    /// # Errors
    /// No place gives it, and at least one did not say that it is not there.
    pub async fn read(&self, cid: &Cid) -> Result<Option<Delegation>, ClientError> {
        let key = key(cid);
        let mut trouble = None;
        for place in &self.places {
            let attempt = || async {
                let bytes = get(&place.client, &place.bucket, &key, LARGEST).await?;
                find(cid, &bytes)
            };
            match self.calls.run(Dependency::S3, READ, attempt).await {
                Ok(found) => return Ok(Some(found)),
                Err(error) if error.cause == Cause::Missing => {}
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// Stores the object of a delegation in the first place.
    ///
    /// # Errors
    /// The bucket refuses the object, or no try gets a valid answer.
    pub async fn store(&self, delegation: &Delegation) -> Result<(), ClientError> {
        let bytes = Bytes::from(ucan::to_bytes(std::slice::from_ref(delegation)));
        let key = key(delegation.cid());
        let place = &self.places[0];
        let attempt = || {
            put(
                &place.client,
                &place.bucket,
                &key,
                "application/car",
                bytes.clone(),
            )
        };
        self.calls.run(Dependency::S3, STORE, attempt).await
    }

    /// Removes the object of a delegation from the first place, where [`DelegationStore::store`] puts it.
    ///
    /// # Errors
    /// The bucket refuses, or no try gets a valid answer.
    pub async fn remove(&self, cid: &Cid) -> Result<(), ClientError> {
        let (key, place) = (key(cid), &self.places[0]);
        let attempt = || delete(&place.client, &place.bucket, &key);
        self.calls.run(Dependency::S3, REMOVE, attempt).await
    }
}

/// The leading slash is part of the key.
fn key(cid: &Cid) -> String {
    format!("/delegations/{cid}.car")
}

fn find(cid: &Cid, bytes: &[u8]) -> Result<Delegation, Cause> {
    let malformed = |text: String| Cause::Malformed(format!("delegation {cid}: {text}"));
    let all = ucan::from_bytes(bytes).map_err(|error| malformed(error.to_string()))?;
    all.into_iter()
        .find(|one| one.cid() == cid)
        .ok_or_else(|| malformed("not in its object".to_owned()))
}
