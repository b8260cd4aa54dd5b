//! Finding out whose index claims about an upload count.

use std::collections::BTreeSet;

use super::observation::{FoundIndex, Observation, Signed};
use super::presence::could_not_tell;
use crate::engine::UnitContext;
use crate::migrations::uploads::decide::{granted, resource};
use crate::migrations::uploads::item::Upload;
use crate::migrations::uploads::parts::Parts;
use crate::model::{Failure, Reason};
use crate::proto::CustomerDid;
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::Delegation;

/// Issuers of whom it is asked whose they are; strangers may be many.
const ASKED: usize = 16;

/// Notes whose index claims count, and for which of them agents registered an index.
///
/// What is known without asking comes first; the tables are asked only if a claim about the root is somebody else's.
///
/// # Errors
/// The registry of migration spaces or a table could not be asked.
pub(super) async fn tell_claimants(
    parts: &Parts,
    unit: &UnitContext,
    upload: &Upload,
    observed: &mut Observation,
) -> Result<(), Failure> {
    observed.claimants.clone_from(&parts.trust.issuers);
    observed.claimants.insert(upload.row.space.clone());
    if !unknown(observed).is_empty() {
        observed
            .claimants
            .extend(migration_space(parts, unit).await?);
    }
    let unknown = unknown(observed);
    if !unknown.is_empty() {
        let others = spaces_of_customer(parts, unit, &unknown).await?;
        observed.claimants.extend(others);
    }
    let mut behind = Vec::new();
    for found in &observed.claims.indexes {
        behind.push(on_behalf_of(parts, observed, found).await?);
    }
    for (found, space) in observed.claims.indexes.iter_mut().zip(behind) {
        found.on_behalf_of = space;
        found.delegation = None;
    }
    Ok(())
}

/// Issuers of signed index claims about the root, and the spaces they are on, as far as neither counts.
fn unknown(observed: &Observation) -> BTreeSet<Did> {
    let root = Multihash::of(&observed.root);
    let signed = observed.claims.indexes.iter();
    let signed = signed.filter(|found| found.content == root && found.signed == Signed::Yes);
    let parties = signed.map(|found| {
        let mut parties = vec![found.issuer.clone()];
        parties.extend(found.delegation.as_ref().and_then(resource));
        parties
    });
    let unknown =
        parties.filter(|parties| parties.iter().all(|one| !observed.claimants.contains(one)));
    unknown.flatten().filter(Did::is_key).collect()
}

async fn migration_space(parts: &Parts, unit: &UnitContext) -> Result<Option<Did>, Failure> {
    let Ok(customer) = unit.id.owner.parse::<CustomerDid>() else {
        return Ok(None);
    };
    let name = parts.spaces.name(&customer).await?;
    let did = name.map(|name| Did::parse(name.as_str()));
    did.transpose()
        .map_err(|error| Failure::permanent(Reason::BAD_RECORD, error.to_string()))
}

/// Those of the `unknown` that are spaces of the upload's customer, migration spaces of former tables among them. That a
/// space lists the upload is not asked: anybody may list any root.
async fn spaces_of_customer(
    parts: &Parts,
    unit: &UnitContext,
    unknown: &BTreeSet<Did>,
) -> Result<Vec<Did>, Failure> {
    let mut spaces = Vec::new();
    for space in unknown.iter().take(ASKED) {
        let rows = parts.services.tables.consumers_of_space(space).await;
        let rows = rows.map_err(could_not_tell)?;
        let mut customers = rows.iter().filter_map(|row| row.customer.as_ref());
        if customers.any(|one| *one.as_str() == *unit.id.owner) {
            spaces.push(space.clone());
        }
    }
    Ok(spaces)
}

/// The space for which an agent registered an index: one that counts, and lets the agent do so.
async fn on_behalf_of(
    parts: &Parts,
    observed: &Observation,
    found: &FoundIndex,
) -> Result<Option<Did>, Failure> {
    if found.signed != Signed::Yes || observed.claimants.contains(&found.issuer) {
        return Ok(None);
    }
    let upload_service = parts.secrets.upload_service.verifier();
    let granted = |claim: &Delegation| {
        let space = resource(claim).filter(|space| observed.claimants.contains(space))?;
        Some((space, granted(claim, &upload_service, observed.at)?))
    };
    let Some((space, chain)) = found.delegation.as_ref().and_then(granted) else {
        return Ok(None);
    };
    for link in &chain {
        let revoked = parts.services.tables.is_revoked(link).await;
        if revoked.map_err(could_not_tell)? {
            return Ok(None);
        }
    }
    Ok(Some(space))
}
