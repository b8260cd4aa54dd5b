//! Taking back what was made for a customer: the account's delegation, then the provisioning of the migration space.
//!
//! The row with the sealed key stays. Published claims name the space for ever, and a later run stores its indexes in
//! the same one.

use async_trait::async_trait;

use super::ensure::{Spaces, account, to_account};
use crate::engine::OwnerEffects;
use crate::migrations::uploads::reasons;
use crate::migrations::uploads::rows::SpaceMark;
use crate::model::{Effect, Failure, Reason};
use crate::proto::CustomerDid;
use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::proto::ucan::Delegation;

use super::super::rows::MigrationSpace;

const SPACE: &str = "migration-space-created";
const PROVISIONED: &str = "space-provisioned";
const DELEGATED: &str = "space-delegated";

/// A migration space whose key could be opened.
struct Opened {
    customer: CustomerDid,
    account: Did,
    row: MigrationSpace,
    signer: Signer,
}

impl Spaces {
    /// The key of the customer's migration space, which must be `space`. Makes nothing ready.
    pub(crate) async fn key_of(
        &self,
        customer: &CustomerDid,
        space: &str,
    ) -> Result<Signer, Failure> {
        let opened = self.opened(customer).await?;
        let signer = opened.map(|opened| opened.signer);
        signer
            .filter(|signer| signer.did().as_str() == space)
            .ok_or_else(|| {
                Failure::permanent(
                    reasons::KEY_UNAVAILABLE,
                    format!(
                        "{space} is not the migration space of {customer}, so its key is not known"
                    ),
                )
            })
    }

    async fn opened(&self, customer: &CustomerDid) -> Result<Option<Opened>, Failure> {
        let Some(row) = self.row(customer).await? else {
            return Ok(None);
        };
        let account = account(customer)?;
        let signer = self.open(&account, &row)?;
        Ok(Some(Opened {
            customer: customer.clone(),
            account,
            row,
            signer,
        }))
    }

    /// The delegations to the account of which a row or an object is there, revoked or not.
    async fn delegated(&self, opened: &Opened) -> Result<Vec<Delegation>, Failure> {
        let mut found = Vec::new();
        for number in 0.. {
            let delegation = to_account(&opened.signer, &opened.account, number)?;
            let (tables, cid) = (&self.services.tables, delegation.cid());
            let kept = tables.has_delegation_row(cid).await?
                || self.services.delegations.read(cid).await?.is_some();
            let revoked = tables.is_revoked(cid).await?;
            if kept {
                found.push(delegation);
            }
            if !revoked {
                break;
            }
        }
        Ok(found)
    }

    async fn undelegate(&self, opened: &Opened, subject: &str) -> Result<(), Failure> {
        let all = self.delegated(opened).await?;
        let Some(delegation) = all.iter().find(|one| one.cid().to_string() == subject) else {
            return Ok(());
        };
        self.check_empty(opened.signer.did()).await?;
        let (customer, space) = (&opened.customer, &opened.row.space);
        self.mark(customer, space, SpaceMark::Delegated(false))
            .await?;
        let (tables, cid) = (&self.services.tables, delegation.cid());
        if !tables.is_revoked(cid).await? {
            let upload = &self.services.upload;
            upload.revoke(&opened.signer, delegation).await?;
        }
        tables.remove_delegation_row(cid).await?;
        Ok(self.services.delegations.remove(cid).await?)
    }

    /// Whoever has blobs in the space needs it: the network is asked, whatever journals say.
    async fn check_empty(&self, space: &Did) -> Result<(), Failure> {
        if !self.services.tables.has_blobs(space).await? {
            return Ok(());
        }
        Err(Failure::permanent(
            Reason::STILL_NEEDED,
            format!(
                "migration space {space} still has blobs, so its delegation and its provisioning stay"
            ),
        ))
    }

    async fn unprovision(&self, opened: &Opened) -> Result<(), Failure> {
        let space = opened.signer.did();
        let tables = &self.services.tables;
        self.check_empty(space).await?;
        let (customer, name) = (&opened.customer, &opened.row.space);
        self.mark(customer, name, SpaceMark::Provisioned(false))
            .await?;
        let rows = self.provisioning(&opened.account, space, String::new());
        Ok(tables.unprovision(&rows).await?)
    }
}

#[async_trait]
impl OwnerEffects for Spaces {
    async fn existing(&self, owner: &str) -> Result<Vec<Effect>, Failure> {
        let Ok(customer) = owner.parse::<CustomerDid>() else {
            return Ok(Vec::new());
        };
        let opened = match self.opened(&customer).await {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Vec::new()),
            // Without its key nothing of the space can be undone.
            Err(failure) if failure.reason == reasons::KEY_UNAVAILABLE => {
                return Ok(vec![Effect::new(SPACE, owner)]);
            }
            Err(failure) => return Err(failure),
        };
        let space = opened.signer.did().as_str();
        let mut standing = vec![Effect::new(SPACE, space)];
        let rows = self.provisioning(&opened.account, opened.signer.did(), String::new());
        if self.services.tables.is_provisioned(&rows).await? {
            let effect = Effect::new(PROVISIONED, space);
            standing.push(if opened.row.ours {
                effect.reversible()
            } else {
                effect
            });
        }
        for delegation in self.delegated(&opened).await? {
            standing.push(Effect::new(DELEGATED, delegation.cid().to_string()).reversible());
        }
        Ok(standing)
    }

    async fn undo(&self, owner: &str, effect: &Effect) -> Result<(), Failure> {
        let internal = |text: String| Failure::permanent(Reason::INTERNAL, text);
        let customer: CustomerDid = owner
            .parse()
            .map_err(|error| internal(format!("{error}")))?;
        let Some(opened) = self.opened(&customer).await? else {
            return Ok(());
        };
        self.forget(&customer);
        match effect.kind.as_str() {
            DELEGATED => self.undelegate(&opened, &effect.subject).await,
            PROVISIONED => self.unprovision(&opened).await,
            other => Err(internal(format!("{other} cannot be undone"))),
        }
    }

    fn residue(&self, kind: &str) -> &'static str {
        match kind {
            SPACE => "its row and sealed key stay, so that a later run uses the same space",
            DELEGATED => "its revocation stays",
            PROVISIONED => {
                "rows that the existing tool wrote stay; the bill keeps what was written on it"
            }
            _ => "",
        }
    }
}
