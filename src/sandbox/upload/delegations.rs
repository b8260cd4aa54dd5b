//! `access/delegate`, `access/claim`, `ucan/revoke`.

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::state::Upload;
use crate::proto::ucan::{Delegation, from_bytes, to_bytes};
use crate::sandbox::dynamo::Row;
use crate::sandbox::layout::{Table, bucket};
use crate::sandbox::s3::PutOptions;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, map};

/// Stores delegations for their audiences to claim.
pub(super) async fn delegate(upload: &Upload, call: &Call) -> Answer {
    let Ipld::Map(links) = call.caveat("delegations")? else {
        return Err(Failure::broke("delegations is not a map"));
    };
    for link in links.values() {
        let Ipld::Link(cid) = link else {
            return Err(Failure::broke("a delegation is not a link"));
        };
        let delegation = Delegation::view_shared(cid, call.invocation.blocks()).map_err(|_| {
            Failure::named(
                "DelegationNotFound",
                &format!("Delegation {cid} not found in the invocation"),
            )
        })?;
        store(upload, &delegation, call.invocation.cid()).await?;
    }
    Ok(Success::done())
}

async fn store(upload: &Upload, delegation: &Delegation, cause: &Cid) -> Result<(), Failure> {
    let bytes = to_bytes(std::slice::from_ref(delegation));
    let network = &upload.network;
    network
        .objects
        .put(
            bucket::DELEGATIONS,
            &object(&delegation.cid().to_string()),
            bytes,
            PutOptions::default(),
        )
        .await?;
    let row = Row::new()
        .text("link", delegation.cid().to_string())
        .text("audience", delegation.audience().as_str())
        .text("issuer", delegation.issuer().as_str())
        .text("cause", cause.to_string())
        .text("insertedAt", network.now_text());
    let row = match delegation.expiration() {
        Some(seconds) => row.number("expiration", seconds),
        None => row.null("expiration"),
    };
    network.db.put(Table::Delegation, row).await?;
    Ok(())
}

/// The delegations whose audience is the subject.
pub(super) async fn claim(upload: &Upload, call: &Call) -> Answer {
    let network = &upload.network;
    let rows = network
        .db
        .query(Table::Delegation, Some("audience"), &call.capability.with)
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let Some(link) = row.get_text("link") else {
            continue;
        };
        if let Some((_, bytes)) = network
            .objects
            .get(bucket::DELEGATIONS, &object(link))
            .await?
        {
            let delegations = from_bytes(&bytes)?;
            found.push((link.to_owned(), Ipld::Bytes(to_bytes(&delegations))));
        }
    }
    Ok(Success::with(map([(
        "delegations",
        Ipld::Map(found.into_iter().collect()),
    )])))
}

/// Revokes a delegation, which must come along.
pub(super) async fn revoke(upload: &Upload, call: &Call) -> Answer {
    let Ipld::Link(revoked) = call.caveat("ucan")? else {
        return Err(Failure::broke("ucan is not a link"));
    };
    let unknown = |role: &str, ucan: &Cid| {
        Failure::named(
            "UCANNotFound",
            &format!(
                "The {role} UCAN {ucan} is not found, it MUST be included with the revocation."
            ),
        )
    };
    let blocks = call.invocation.blocks();
    Delegation::view_shared(revoked, blocks).map_err(|_| unknown("nb.ucan", revoked))?;
    if let Some(Ipld::List(proofs)) = call.capability.get("proof") {
        for (at, proof) in proofs.iter().enumerate() {
            let Ipld::Link(proof) = proof else {
                return Err(Failure::broke("a proof is not a link"));
            };
            Delegation::view_shared(proof, blocks)
                .map_err(|_| unknown(&format!("nb.proof[{at}]"), proof))?;
        }
    }
    let network = &upload.network;
    let row = Row::new()
        .text("revoke", revoked.to_string())
        .text("scope", call.capability.with.clone())
        .text("cause", call.invocation.cid().to_string());
    network.db.put(Table::Revocation, row).await?;
    Ok(Success::with(map([(
        "time",
        Ipld::Integer(network.clock.now().0.into()),
    )])))
}

/// Key of a delegation in its bucket, with the leading slash that it has there.
fn object(link: &str) -> String {
    format!("/delegations/{link}.car")
}
