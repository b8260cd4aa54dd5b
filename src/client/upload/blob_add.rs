//! `space/blob/add` from first to last: add, put, conclude, accept.

use std::sync::Arc;

use ipld_core::ipld::Ipld;
use url::{Origin, Url};

use super::blob::Blob;
use super::effects::Effects;
use super::site::site;
use crate::client::calls::Calls;
use crate::client::clock;
use crate::client::http::Http;
use crate::client::ucan::{Connection, Issuers};
use crate::client::{Cause, ClientError, Dependency, Network, Service};
use crate::proto::key::Signer;
use crate::proto::message::{Effects as Forks, Outcome, Receipt, conclude};
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration};
use crate::runtime::Clock;

const ADD: &str = "add a blob to a space";
const CONCLUDE: &str = "conclude the upload of a blob";
const ACCEPT: &str = "have a blob accepted";

/// A blob that a storage node has accepted.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The location claim of the node that accepted the blob, checked: its own, of the whole blob, for the space.
    pub location: Delegation,
    /// CID of the invocation that added it.
    pub cause: cid::Cid,
}

/// The upload service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct UploadClient {
    pub(super) http: Http,
    pub(super) calls: Calls,
    pub(super) service: Service,
    pub(super) connection: Connection,
    pub(super) issuers: Issuers,
    /// Where the service keeps messages with receipts.
    pub(super) receipts: Arc<[Origin]>,
    clock: Clock,
}

impl UploadClient {
    pub(crate) fn new(
        http: Http,
        calls: Calls,
        connection: Connection,
        issuers: Issuers,
        network: &Network,
        clock: Clock,
    ) -> Self {
        Self {
            http,
            calls,
            service: network.upload_service.clone(),
            connection,
            issuers,
            receipts: network.receipts.iter().map(Url::origin).collect(),
            clock,
        }
    }

    /// Stores a blob in the space whose key is `space`, and has it accepted. Safe to repeat: bytes that are there
    /// are not sent again.
    ///
    /// # Errors
    /// The service or the storage node refuses, a receipt does not come in time, or what comes is malformed or not
    /// signed by whom it should be.
    pub async fn add_blob(&self, space: &Signer, blob: &Blob) -> Result<Stored, ClientError> {
        let add = || {
            self.connection
                .execute_one(ADD, || self.add_invocation(space, blob))
        };
        let answer = self.when_there(is_half_done, add).await?;
        let effects =
            Effects::read(&answer).map_err(|cause| cause.at(Dependency::UploadService, ADD))?;
        for (receipt, task) in effects.receipts() {
            self.check_receipt(receipt, task, ADD).await?;
        }
        if !effects.is_put() {
            if let Some(address) = &effects.address {
                self.put(address, &blob.bytes).await?;
            }
            self.conclude(space, &effects).await?;
        }
        let accepted = match effects.accepted() {
            Some(receipt) => receipt,
            None => self.receipt(&effects.accept).await?,
        };
        let now = self.clock.unix_secs();
        let location = site(&accepted, space.did(), blob, now)
            .map_err(|cause| cause.at(Dependency::UploadService, ACCEPT))?;
        self.check_claim(&location, &accepted, &effects.accept, ACCEPT)
            .await?;
        Ok(Stored {
            location,
            cause: *answer.ran().cid(),
        })
    }

    /// A new nonce each time: a repeated invocation would be answered from the service's memory.
    fn add_invocation(&self, space: &Signer, blob: &Blob) -> Result<Delegation, Cause> {
        let nb = [
            (
                "digest".to_owned(),
                Ipld::Bytes(blob.digest.as_bytes().to_vec()),
            ),
            ("size".to_owned(), Ipld::Integer(blob.bytes.len() as i128)),
        ];
        let capability = Capability::new("space/blob/add", space.did().as_str())
            .caveat("blob", Ipld::Map(nb.into()));
        self.draft(space)
            .capability(capability)
            .sign()
            .map_err(|error| Cause::Malformed(error.to_string()))
    }

    /// An invocation of this service that is none of those before it.
    pub(super) fn draft<'a>(&self, issuer: &'a Signer) -> Draft<'a> {
        Draft::new(issuer, &self.service.did)
            .expiration(Expiration::At(clock::expiry(&self.clock)))
            .nonce(uuid::Uuid::new_v4().to_string())
    }

    /// Tells the service that the bytes are there; it has the node accept them before it answers.
    async fn conclude(&self, space: &Signer, effects: &Effects) -> Result<(), ClientError> {
        let cause = |cause: Cause| cause.at(Dependency::UploadService, CONCLUDE);
        let key = effects.put_key().map_err(cause)?;
        let malformed =
            |error: crate::proto::message::MessageError| Cause::Malformed(error.to_string());
        let put = crate::proto::ucan::Proof::Link(*effects.put.cid());
        let receipt = Receipt::issue(&key, put, Outcome::done(), Forks::default());
        let receipt = receipt.map_err(|error| cause(malformed(error)))?;
        let make = || conclude(space, &self.service.did, &receipt).map_err(malformed);
        self.connection.execute_one(CONCLUDE, make).await?;
        Ok(())
    }
}

/// Whether another add of the same blob has been begun whose receipts are not filed yet.
fn is_half_done(error: &ClientError) -> bool {
    matches!(&error.cause, Cause::Failed { name, .. } if name == "ReceiptNotFound")
}
