//! Whether the owner wants the gateway to serve the space. What the owner does not want is left dark.

use cid::Cid;

use super::read::{read, revoked};
use crate::client::DelegationRow;
use crate::migrations::uploads::decide::{Case, Serving, Usable, declined, is_private, serving};
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::model::Failure;

/// Delegations to others than accounts that are read at most, those that are most likely to gateways first.
const READ: usize = 16;

/// Fails if the space's delegations to gateways say that ours is not wanted. A space without any costs nothing.
///
/// # Errors
/// `GATEWAY_DECLINED`, and those of tables and buckets.
pub(super) async fn not_declined(
    parts: &Parts,
    rows: &[DelegationRow],
    case: &Case<'_>,
) -> Result<(), Failure> {
    let gateway = &parts.network.gateway.did;
    let mut others: Vec<_> = rows
        .iter()
        .filter(|row| !row.audience.starts_with("did:mailto:"))
        .collect();
    others.sort_by_key(|row| {
        let ours = row.audience == gateway.as_str();
        (!ours, !row.audience.starts_with("did:web:"), row.link)
    });
    let links: Vec<Cid> = others.iter().take(READ).map(|row| row.link).collect();
    let mut found: Vec<Serving> = Vec::new();
    for (_, delegation) in read(parts, &links).await? {
        let Some(one) = delegation.and_then(|one| serving(&one, case)) else {
            continue;
        };
        let revoked = parts.services.tables.is_revoked(&one.delegation).await?;
        found.push(Serving { revoked, ..one });
    }
    match declined(&found, gateway) {
        None => Ok(()),
        Some(why) => {
            let text = format!("the owner of space {} {why}", case.space);
            Err(Failure::permanent(reasons::GATEWAY_DECLINED, text))
        }
    }
}

/// Fails if the newest of the delegations that will do says that the space is private. The first of them was asked
/// about revocation already; dates are read only if they say different things.
///
/// # Errors
/// `PRIVATE_SPACE`, and those of tables.
pub(super) async fn not_private(
    parts: &Parts,
    usable: &[Usable],
    case: &Case<'_>,
) -> Result<(), Failure> {
    let says = |one: &&Usable| is_private(one, case.space);
    let private = usable.iter().filter(says).count();
    let telling = match private {
        0 => None,
        all if all == usable.len() => usable.first(),
        _ => newest(parts, usable).await?.filter(says),
    };
    match telling {
        None => Ok(()),
        Some(one) => {
            let (space, cid) = (case.space, one.proof.cid());
            let text = format!("space {space} is private: delegation {cid} says so");
            Err(Failure::permanent(reasons::PRIVATE_SPACE, text))
        }
    }
}

/// The delegation whose row was written last, of those that were not revoked.
async fn newest<'a>(parts: &Parts, usable: &'a [Usable]) -> Result<Option<&'a Usable>, Failure> {
    let tables = &parts.services.tables;
    let mut dated = Vec::new();
    for one in usable {
        let cid = one.proof.cid();
        dated.push((tables.delegation_written_at(cid).await?, *cid, one));
    }
    dated.sort_by(|(at, cid, _), (other, last, _)| (other, last).cmp(&(at, cid)));
    for (_, _, one) in dated {
        if revoked(parts, one).await?.is_none() {
            return Ok(Some(one));
        }
    }
    Ok(None)
}
