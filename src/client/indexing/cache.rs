//! `claim/cache`: a location claim becomes visible at once.

use super::IndexingClient;
use super::service::Writer;
use crate::client::clock::expiry;
use crate::client::ucan::failed;
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::claims::Cache;
use crate::proto::ucan::{Delegation, Draft, Expiration};

const CACHE: &str = "cache a location claim";

/// A claim and the provider addresses under which it and its content are found.
#[derive(Clone, Debug)]
pub struct CacheRequest {
    /// The location claim.
    pub claim: Delegation,
    /// Multiaddrs as bytes: the claim's first, the blob's second.
    pub addresses: Vec<Vec<u8>>,
}

impl IndexingClient {
    /// Caches claims, all in one message. Every one must be taken; repeating it changes nothing.
    ///
    /// # Errors
    /// There is no key to cache with, the service refuses a claim, or no try gets valid receipts.
    pub async fn cache(&self, requests: &[CacheRequest]) -> Result<(), ClientError> {
        let at = |cause: Cause| cause.at(Dependency::IndexingService, CACHE);
        let writer = self
            .writer
            .as_ref()
            .ok_or_else(|| at(Cause::Credentials("no key to cache claims with".to_owned())))?;
        let make = || {
            requests
                .iter()
                .map(|request| self.cache_invocation(writer, request))
                .collect()
        };
        let receipts = self.connection.execute(CACHE, make).await?;
        match receipts.iter().find_map(failed) {
            Some(cause) => Err(at(cause)),
            None => Ok(()),
        }
    }

    /// The claim goes along as a proof, as the existing tool does it.
    fn cache_invocation(
        &self,
        writer: &Writer,
        request: &CacheRequest,
    ) -> Result<Delegation, Cause> {
        let cache = Cache {
            claim: *request.claim.cid(),
            addresses: request.addresses.clone(),
        };
        Draft::new(&writer.migration, &self.service.did)
            .capability(cache.capability(&self.service.did))
            .expiration(Expiration::At(expiry(&self.clock)))
            .proof(writer.proof.clone())
            .proof(request.claim.clone())
            .sign()
            .map_err(|error| Cause::Malformed(error.to_string()))
    }
}
