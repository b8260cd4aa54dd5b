//! Letting the gateway serve a space, once per space and before any claim names it.

use std::sync::Arc;

use async_trait::async_trait;
use cid::Cid;

use crate::engine::{Depth, Gap, UnitContext, UnitObservation, UnitStep};
use crate::migrations::uploads::find::could_not_tell;
use crate::migrations::uploads::grants::{confirm, find};
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::unit::{customer, space};
use crate::model::{Effect, Failure, Noun, StepDone, StepInfo, StepName, StepState};
use crate::proto::did::Did;
use crate::proto::ucan::Delegation;

/// The fact that names the delegation to the account.
const PROOF: &str = "proof";
/// The fact that names the links below it down to the space's own, with blanks between them; absent if there are none.
const RESTS_ON: &str = "rests-on";

/// Let the gateway serve the space, once per space.
pub const GATEWAY: StepName = StepName::new("gateway-auth");

pub(super) const INFO: StepInfo = StepInfo {
    name: GATEWAY,
    verb: "authorise",
    past: "authorised",
    makes: Noun::new("space", "spaces"),
    done: StepDone::OncePerUnit,
};

/// See the module.
pub(crate) struct AuthorizeGateway(pub Arc<Parts>);

#[async_trait]
impl UnitStep for AuthorizeGateway {
    fn name(&self) -> StepName {
        GATEWAY
    }

    /// The gateway cannot be asked what it holds. A closer probe shows whether what it was given still holds.
    async fn probe(&self, unit: &UnitContext) -> Result<UnitObservation, Failure> {
        let Some(StepState::Applied(effect)) = unit.step(&GATEWAY) else {
            return Ok(UnitObservation::Unseen);
        };
        let proof = effect.facts.get(PROOF);
        let proof = proof.and_then(|text| Cid::try_from(text.as_str()).ok());
        let Some(proof) = proof.filter(|_| unit.depth() >= Depth::Presence) else {
            return Ok(UnitObservation::Unseen);
        };
        let ended = self.ended(&proof, effect, unit.clock.unix_secs()).await?;
        Ok(ended.map_or(UnitObservation::Unseen, |why| {
            UnitObservation::Gap(Gap::wrong(&*unit.id.name, why))
        }))
    }

    /// The same delegations each time, so the gateway stores nothing twice (docs/protocol/pitfalls.md 39).
    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        confirm(&self.0, unit).await?;
        let space = space(unit)?;
        let account = customer(unit)
            .ok()
            .and_then(|customer| Did::parse(customer.as_str()).ok());
        let account = account.unwrap_or_else(|| space.clone());
        let found = find(&self.0, &space, &account, unit.clock.unix_secs()).await?;
        let (proof, gateway) = (&found.proof, &self.0.services.gateway);
        gateway.authorize(&space, proof).await?;
        let effect = Effect::new("gateway-authorized", space.as_str())
            .fact(PROOF, proof.cid().to_string())
            .fact("account", proof.audience().as_str());
        let rests_on: Vec<_> = found
            .chain
            .iter()
            .map(|link| link.cid().to_string())
            .collect();
        Ok(match rests_on.get(1..) {
            Some(links) if !links.is_empty() => effect.fact(RESTS_ON, links.join(" ")),
            _ => effect,
        })
    }

    fn residue(&self) -> &'static str {
        "the gateway has no way to remove it, and content whose claims name the space needs it"
    }
}

impl AuthorizeGateway {
    /// What is wrong now with the chain that was used: the first link that was revoked or has expired.
    async fn ended(
        &self,
        proof: &Cid,
        effect: &Effect,
        now: u64,
    ) -> Result<Option<String>, Failure> {
        let services = &self.0.services;
        let below = effect.facts.get(RESTS_ON).map_or("", String::as_str);
        let below = below.split(' ').filter_map(|text| Cid::try_from(text).ok());
        let chain: Vec<Cid> = std::iter::once(*proof).chain(below).collect();
        for link in &chain {
            let revoked = services.tables.is_revoked(link).await;
            if revoked.map_err(could_not_tell)? {
                return Ok(Some(by(link, "was revoked")));
            }
        }
        // The gateway has a copy of its own: that the object is gone is no fault.
        let held = services.delegations.read(proof).await;
        let held = held.map_err(could_not_tell)?;
        let expired = |link: &Delegation| link.expiration().is_some_and(|end| end <= now);
        let mut links = held.iter().flat_map(|held| links(held, &chain));
        let expired = links.find(expired);
        Ok(expired.map(|link| by(link.cid(), "has expired")))
    }
}

fn by(link: &Cid, what: &str) -> String {
    format!("the delegation {link}, by which the gateway serves the space, {what}")
}

/// The links of a chain that came along with its first.
fn links(first: &Delegation, chain: &[Cid]) -> Vec<Delegation> {
    let view = |cid| Delegation::view_shared(cid, first.blocks()).ok();
    let below = chain.iter().filter(|cid| *cid != first.cid());
    std::iter::once(first.clone())
        .chain(below.filter_map(view))
        .collect()
}
