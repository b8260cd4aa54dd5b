//! `space/blob/remove`: a space has a blob no more. Its bytes stay at the storage node.

use ipld_core::ipld::Ipld;

use super::UploadClient;
use crate::client::{Cause, ClientError};
use crate::proto::key::Signer;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{Capability, Delegation};

const REMOVE: &str = "remove a blob from a space";

impl UploadClient {
    /// Removes a blob from the space whose key is `space`; one that is not there is no error.
    ///
    /// # Errors
    /// The service refuses, or no try gets a valid receipt.
    pub async fn remove_blob(&self, space: &Signer, digest: &Multihash) -> Result<(), ClientError> {
        let make = || self.removal(space, digest);
        self.connection.execute_one(REMOVE, make).await?;
        Ok(())
    }

    /// Why the service takes no writes now, if it says so (docs/protocol/blob-add.md §5): a blob that nobody has is
    /// removed from a space that nobody has, which changes nothing. Asked once, without waiting for the service.
    pub async fn refuses_writes(&self) -> Option<String> {
        let space = Signer::generate();
        let digest = Multihash::sha256(space.did().as_str().as_bytes());
        let connection = self.connection.once_only();
        let asked = connection.execute_one(REMOVE, || self.removal(&space, &digest));
        match asked.await.err()?.cause {
            Cause::Down(said) => Some(said),
            _ => None,
        }
    }

    fn removal(&self, space: &Signer, digest: &Multihash) -> Result<Delegation, Cause> {
        let digest = Ipld::Bytes(digest.as_bytes().to_vec());
        let capability =
            Capability::new("space/blob/remove", space.did().as_str()).caveat("digest", digest);
        self.draft(space)
            .capability(capability)
            .sign()
            .map_err(|error| Cause::Malformed(error.to_string()))
    }
}
