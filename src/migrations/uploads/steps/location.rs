//! Publishing a location claim that names the space, for one shard.

use std::sync::Arc;

use async_trait::async_trait;

use super::gateway::GATEWAY;
use super::place::{Place, find};
use super::publish::{ProviderAddresses, address_link, advert, claim_addresses};
use crate::client::CacheRequest;
use crate::engine::{Depth, Gap, Step, StepContext, UnitContext};
use crate::migrations::uploads::Uploads;
use crate::migrations::uploads::decide::{LocationState, location_state, republished};
use crate::migrations::uploads::find::{FoundLocation, Observation, Shard};
use crate::migrations::uploads::item::Upload;
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::model::{Effect, Failure, Noun, Reason, StepDone, StepInfo, StepName, StepState};
use crate::proto::claims::relocate;
use crate::proto::did::Did;
use crate::proto::ucan::Delegation;

/// Publish a location claim that names the space, per shard.
pub const LOCATION: StepName = StepName::new("location-claims");

pub(super) const INFO: StepInfo = StepInfo {
    name: LOCATION,
    verb: "publish",
    past: "published",
    makes: Noun::new("claim", "claims"),
    done: StepDone::Often,
};

/// See the module.
pub(crate) struct RepublishLocation(pub Arc<Parts>);

#[async_trait]
impl Step<Uploads> for RepublishLocation {
    fn name(&self) -> StepName {
        LOCATION
    }

    fn gaps(
        &self,
        unit: &UnitContext,
        upload: &Upload,
        observed: &Observation,
    ) -> Result<Vec<Gap>, Failure> {
        let (trust, space) = (&self.0.trust, &upload.row.space);
        if let Some(damage) = &observed.absent.damage {
            return Err(damage.clone());
        }
        // Whoever looks closely wants to know whether the claims that are there are of any use.
        if unit.depth() >= Depth::Presence
            && let Some(StepState::Failed(failure)) = unit.step(&GATEWAY)
        {
            return Err(not_served(failure));
        }
        let of_shard = |shard| match location_state(observed, trust, shard, space) {
            LocationState::Right if unit.is_taken_over() => {
                let claim = republished(observed, trust, shard, space)?;
                Some(readvertised(shard, claim))
            }
            state => need(shard, state),
        };
        Ok(observed.shards.iter().filter_map(of_shard).collect())
    }

    async fn apply(
        &self,
        context: &StepContext<'_, Uploads>,
        gap: &Gap,
    ) -> Result<Effect, Failure> {
        Self::allowed(context.unit)?;
        let space = &context.item.row.space;
        let shard = context
            .observed
            .shards
            .iter()
            .find(|shard| shard.cid.to_string() == gap.subject);
        let shard = shard.ok_or_else(|| {
            Failure::permanent(Reason::INTERNAL, format!("no shard {}", gap.subject))
        })?;
        let place = find(&self.0, context.observed, shard, space).await?;
        let claim = relocate(
            &self.0.secrets.upload_service,
            space,
            &shard.hash,
            &place.url,
            place.size,
        );
        let claim =
            claim.map_err(|error| Failure::permanent(Reason::INTERNAL, error.to_string()))?;
        let job = self.publish(space, shard, &place, &claim).await?;
        Ok(Effect::new("claim-published", gap.subject.clone())
            .fact("claim", claim.cid().to_string())
            .fact("url", place.url)
            .fact("job", job))
    }

    fn residue(&self) -> &'static str {
        "published claims and their adverts in IPNI cannot be withdrawn"
    }
}

fn not_served(failure: &Failure) -> Failure {
    Failure {
        message: format!("the gateway may not serve the space: {}", failure.message),
        ..failure.clone()
    }
}

fn need(shard: &Shard, state: LocationState) -> Option<Gap> {
    let subject = shard.cid.to_string();
    match state {
        LocationState::Right => None,
        LocationState::Missing => Some(Gap::missing(subject, "no location claim names the space")),
        LocationState::Wrong(why) => Some(Gap::wrong(subject, why)),
    }
}

/// The existing tool advertises claims under context ids that no query with a space matches, and it may have ended
/// between showing a claim and queueing its advert (docs/protocol/pitfalls.md 1, 32). Neither can be seen from here.
fn readvertised(shard: &Shard, claim: &FoundLocation) -> Gap {
    let why = format!(
        "claim {} was published by the existing tool: its advert is useless, or was never queued",
        claim.claim
    );
    Gap::unseen(shard.cid.to_string(), why)
}

impl RepublishLocation {
    /// A claim that names a space takes its content off the air until the gateway may serve the space: without that,
    /// nothing is published (docs/protocol/pitfalls.md 86).
    fn allowed(unit: &UnitContext) -> Result<(), Failure> {
        match unit.step(&GATEWAY) {
            Some(StepState::Applied(_) | StepState::Found) => Ok(()),
            Some(StepState::Failed(failure)) => Err(not_served(failure)),
            Some(StepState::Started | StepState::Undone(_)) | None => Err(Failure::permanent(
                reasons::GATEWAY_NOT_AUTHORIZED,
                "the gateway is not authorised for the space yet, so a claim that names it would make content unavailable",
            )),
        }
    }

    /// The claim becomes visible last: whoever sees it knows that its advert is queued
    /// (docs/protocol/pitfalls.md 32).
    async fn publish(
        &self,
        space: &Did,
        shard: &Shard,
        place: &Place,
        claim: &Delegation,
    ) -> Result<String, Failure> {
        let parts = &self.0;
        let addresses: ProviderAddresses = claim_addresses(
            &parts.network,
            &address_link(shard, place.layout),
            &place.url,
        )?;
        let cached = CacheRequest {
            claim: claim.clone(),
            addresses: addresses.bytes(),
        };
        let job = advert(&parts.network, space, shard, place, claim.cid(), addresses)?;
        let digests = [shard.hash.clone()];
        let (kept, stored) = futures::join!(
            parts.services.claims.store(claim),
            parts.services.ipni.store(place.protocol, &job, &digests)
        );
        kept?;
        stored?;
        parts.services.ipni.queue(place.protocol, &job).await?;
        parts.services.indexing.cache(&[cached]).await?;
        Ok(job.id)
    }
}
