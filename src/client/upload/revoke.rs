//! `ucan/revoke`: a delegation counts no more, for good.

use ipld_core::ipld::Ipld;

use super::UploadClient;
use crate::client::{Cause, ClientError};
use crate::proto::key::Signer;
use crate::proto::ucan::{Capability, Delegation};

const REVOKE: &str = "revoke a delegation";

impl UploadClient {
    /// Revokes a delegation that `issuer` issued. The service wants to see the delegation itself.
    ///
    /// # Errors
    /// The service refuses, or no try gets a valid receipt.
    pub async fn revoke(
        &self,
        issuer: &Signer,
        delegation: &Delegation,
    ) -> Result<(), ClientError> {
        let make = || self.revocation(issuer, delegation);
        self.connection.execute_one(REVOKE, make).await?;
        Ok(())
    }

    fn revocation(&self, issuer: &Signer, delegation: &Delegation) -> Result<Delegation, Cause> {
        let capability = Capability::new("ucan/revoke", issuer.did().as_str())
            .caveat("ucan", Ipld::Link(*delegation.cid()));
        let draft = self.draft(issuer).capability(capability);
        // The root is linked to by the caveat; the rest would be refused as blocks without a link.
        draft
            .attach(delegation.block().clone())
            .sign()
            .map_err(|error| Cause::Malformed(error.to_string()))
    }
}
