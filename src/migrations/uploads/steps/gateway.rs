//! Letting the gateway serve a space, once per space and before any claim names it.

use std::sync::Arc;

use async_trait::async_trait;
use cid::Cid;

use super::store_index::customer;
use crate::client::DelegationRow;
use crate::engine::{Depth, Look, Need, UnitContext, UnitStep};
use crate::migrations::uploads::GATEWAY;
use crate::migrations::uploads::decide::{choose, covers};
use crate::migrations::uploads::find::could_not_tell;
use crate::migrations::uploads::parts::Parts;
use crate::model::{Effect, Failure, Reason, StepName, StepState};
use crate::proto::did::Did;
use crate::proto::ucan::Delegation;

/// See the module.
pub(crate) struct AuthorizeGateway(pub Arc<Parts>);

#[async_trait]
impl UnitStep for AuthorizeGateway {
    fn name(&self) -> StepName {
        GATEWAY
    }

    /// The gateway cannot be asked what it holds. A closer look shows whether what it was given still holds.
    async fn probe(&self, unit: &UnitContext) -> Result<Look, Failure> {
        let Some(StepState::Applied(effect)) = unit.step(&GATEWAY) else {
            return Ok(Look::Unseen);
        };
        let proof = effect.facts.get("proof");
        let proof = proof.and_then(|text| Cid::try_from(text.as_str()).ok());
        let Some(proof) = proof.filter(|_| unit.depth() >= Depth::Presence) else {
            return Ok(Look::Unseen);
        };
        let wrong = |what: &str| {
            let why =
                format!("the delegation {proof}, by which the gateway serves the space, {what}");
            Ok(Look::Needed(Need::wrong(&*unit.id.name, why)))
        };
        let services = &self.0.services;
        let revoked = services.tables.is_revoked(&proof).await;
        if revoked.map_err(could_not_tell)? {
            return wrong("was revoked");
        }
        // The gateway has a copy of its own: that the object is gone is no fault.
        let held = services.delegations.read(&proof).await;
        let held = held.map_err(could_not_tell)?;
        let end = held.and_then(|held| held.expiration());
        if end.is_some_and(|end| end <= unit.clock.unix_secs()) {
            return wrong("has expired");
        }
        Ok(Look::Unseen)
    }

    /// The same delegations each time, so the gateway stores nothing twice (protocol: pitfalls 39).
    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        let space = Did::parse(&unit.id.name);
        let space =
            space.map_err(|error| Failure::permanent(Reason::BadRecord, error.to_string()))?;
        let account = customer(unit)
            .ok()
            .and_then(|customer| Did::parse(customer.as_str()).ok());
        let account = account.unwrap_or_else(|| space.clone());
        let proof = self.proof(&space, &account, unit.clock.unix_secs()).await?;
        self.0.services.gateway.authorize(&space, &proof).await?;
        Ok(Effect::new("gateway-authorized", space.as_str())
            .fact("proof", proof.cid().to_string())
            .fact("account", proof.audience().as_str()))
    }

    fn leaves(&self) -> &'static str {
        "the gateway cannot be told to forget it, and content whose claims name the space needs it"
    }
}

impl AuthorizeGateway {
    /// The best delegation of the space to an account; the customer's own are read first, the others only if none of
    /// those will do.
    async fn proof(&self, space: &Did, customer: &Did, now: u64) -> Result<Delegation, Failure> {
        let rows = self.0.services.tables.delegations_by_issuer(space).await?;
        let accounts = rows
            .iter()
            .filter(|row| row.audience.starts_with("did:mailto:"));
        let (own, others): (Vec<_>, Vec<_>) =
            accounts.partition(|row| row.audience == customer.as_str());
        for group in [own, others] {
            let mut usable = self.read(&group, space, now).await?;
            while let Some(best) = choose(&usable, space, customer, now).cloned() {
                if !self.0.services.tables.is_revoked(best.cid()).await? {
                    return Ok(best);
                }
                usable.retain(|proof| proof.cid() != best.cid());
            }
        }
        let has = match rows.len() {
            0 => "has no delegation".to_owned(),
            1 => "has 1 delegation, and it does not let".to_owned(),
            many => format!("has {many} delegations, and none of them lets"),
        };
        let that = if rows.is_empty() { " that lets" } else { "" };
        let text = format!("space {space} {has}{that} an account authorise the gateway");
        Err(Failure::permanent(Reason::MissingDelegation, text))
    }

    /// An object that is nowhere is a delegation that cannot be used; one that cannot be read is trouble.
    async fn read(
        &self,
        rows: &[&DelegationRow],
        space: &Did,
        now: u64,
    ) -> Result<Vec<Delegation>, Failure> {
        let mut found = Vec::new();
        for row in rows {
            let proof = self.0.services.delegations.read(&row.link).await?;
            found.extend(proof.filter(|proof| covers(proof, space, now)));
        }
        Ok(found)
    }
}
