//! Who must have signed what comes of the tasks of an add: the one that a task is given to, or the upload service.

use url::Url;

use super::UploadClient;
use super::site::forged;
use crate::client::ucan::{Keys, signs};
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::claims::Claim;
use crate::proto::did::Did;
use crate::proto::key::Verifier;
use crate::proto::message::Receipt;
use crate::proto::ucan::Delegation;

impl UploadClient {
    /// Checks that a receipt is signed by the party that its task is given to (the storage node, or the key of the put),
    /// or by the upload service. The task is trusted: the service's own signature covers its CID.
    ///
    /// # Errors
    /// [`Cause::Forged`], or the keys of the party could not be asked for.
    pub(super) async fn check_receipt(
        &self,
        receipt: &Receipt,
        task: &Delegation,
        what: &'static str,
    ) -> Result<(), ClientError> {
        if self
            .is_by(task.audience(), |keys| signs(receipt, keys))
            .await?
        {
            return Ok(());
        }
        let can = task.capabilities().first().map_or("", |one| &one.can);
        let forged = format!(
            "receipt {} of {can} is signed neither by {} nor by {}",
            receipt.cid(),
            task.audience(),
            self.service.did,
        );
        Err(Cause::Forged(forged).at(Dependency::UploadService, what))
    }

    /// Checks that a location claim names no place that answers may not name, is signed by its issuer, and that this is
    /// the party whose task named it or the upload service. What the service itself named may be another node's: it chooses the nodes.
    ///
    /// # Errors
    /// As [`UploadClient::check_receipt`].
    pub(super) async fn check_claim(
        &self,
        claim: &Delegation,
        accepted: &Receipt,
        task: &Delegation,
        what: &'static str,
    ) -> Result<(), ClientError> {
        for place in places(claim) {
            let admitted = self.http.admit(&place);
            admitted
                .map_err(|cause| forged(claim.cid(), cause).at(Dependency::UploadService, what))?;
        }
        let issuer = claim.issuer();
        let fits = |keys: &[Verifier]| {
            keys.iter().any(|key| {
                (issuer == key.did() || *issuer == key.key_did())
                    && claim.verify(&key.clone().with_did(issuer.clone()))
            })
        };
        if self.is_by(task.audience(), fits).await? {
            return Ok(());
        }
        let own = self.issuers.keys(&self.service.did).await?;
        if signs(accepted, &own) && self.is_by(issuer, fits).await? {
            return Ok(());
        }
        let flaw = format!("is not signed by {}", task.audience());
        Err(forged(claim.cid(), flaw).at(Dependency::UploadService, what))
    }

    /// Whether a test holds with the keys of a party, asked for again if need be, or with the upload service's.
    async fn is_by(
        &self,
        party: &Did,
        fits: impl Fn(&[Verifier]) -> bool,
    ) -> Result<bool, ClientError> {
        let own: Keys = self.issuers.keys(&self.service.did).await?;
        if fits(&own) {
            return Ok(true);
        }
        let keys = self.issuers.keys(party).await?;
        if fits(&keys) {
            return Ok(true);
        }
        let others = self.issuers.other_keys(party, &keys).await?;
        Ok(others.is_some_and(|keys| fits(&keys)))
    }
}

/// The addresses that a location claim names.
fn places(claim: &Delegation) -> Vec<Url> {
    let Ok(Claim::Location(location)) = Claim::of(claim) else {
        return Vec::new();
    };
    let urls = location.location.iter();
    urls.filter_map(|text| Url::parse(text).ok()).collect()
}
