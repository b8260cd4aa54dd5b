//! `assert/index`: an index becomes findable.

use cid::Cid;

use super::IndexingClient;
use crate::client::{Cause, ClientError};
use crate::proto::claims::Index;
use crate::proto::key::Signer;
use crate::proto::ucan::{Delegation, Draft, Expiration};

const ASSERT: &str = "register an index";

impl IndexingClient {
    /// Registers the index of some content, issued by the space that holds the index blob.
    ///
    /// # Errors
    /// The service refuses the claim, or no try gets a valid receipt.
    pub async fn assert_index(
        &self,
        space: &Signer,
        content: &Cid,
        index: &Cid,
    ) -> Result<(), ClientError> {
        self.connection
            .execute_one(ASSERT, || self.index_invocation(space, content, index))
            .await?;
        Ok(())
    }

    fn index_invocation(
        &self,
        space: &Signer,
        content: &Cid,
        index: &Cid,
    ) -> Result<Delegation, Cause> {
        let claim = Index {
            content: (*content).into(),
            index: *index,
        };
        Draft::new(space, &self.service.did)
            .capability(claim.capability(space.did()))
            // The service keeps the invocation as the claim: what ends soon would be no claim soon.
            .expiration(Expiration::Never)
            .sign()
            .map_err(|error| Cause::Malformed(error.to_string()))
    }
}

/// Whether an error says that the service does not know (or cannot read) where the index blob is.
///
/// The storage node's own claim, cached again, puts that right.
#[must_use]
pub fn lacks_location(error: &ClientError) -> bool {
    let Cause::Failed { message, .. } = &error.cause else {
        return false;
    };
    ["no location commitments", "parsing claim issuer DID"]
        .iter()
        .any(|text| message.contains(text))
}
