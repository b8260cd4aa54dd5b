//! `ucan/conclude`: somebody tells what a task gave (docs/protocol/transport.md §5, docs/protocol/blob-add.md §3).

use ipld_core::ipld::Ipld;

use super::accept::{Acceptance, accept};
use super::tasks::{Order, awaited};
use crate::proto::Verifier;
use crate::proto::message::{Receipt, concluded};
use crate::proto::ucan::{Capability, Delegation};
use crate::sandbox::blob::{Blob, space_of};
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, map};
use crate::sandbox::upload::messages;
use crate::sandbox::upload::state::Upload;

/// Takes a receipt. That of an `http/put` makes the node accept the blob; others change nothing.
pub(crate) async fn conclude(upload: &Upload, call: &Call) -> Answer {
    let receipt = concluded(&call.invocation)?;
    let task = find(upload, receipt.ran().cid()).await?;
    if let Some(put) = task.filter(|task| first(task).is_some_and(|first| first.can == "http/put"))
    {
        put_done(upload, &put, &receipt).await?;
    }
    let now = i128::from(upload.network.clock.now().0);
    Ok(Success::with(map([("time", Ipld::Integer(now))])))
}

async fn put_done(upload: &Upload, put: &Delegation, receipt: &Receipt) -> Result<(), Failure> {
    let signed = Verifier::from_did(put.issuer()).is_ok_and(|verifier| receipt.verify(&verifier));
    if !signed {
        return Err(Failure::named(
            "Unauthorized",
            "the receipt is not signed by the key of its task",
        ));
    }
    if receipt.outcome().ok().is_none() {
        return Ok(());
    }
    let lost = || Failure::broke("the allocation of the blob is not known");
    let waits_for = first(put)
        .and_then(|capability| capability.get("url"))
        .and_then(awaited)
        .ok_or_else(lost)?;
    let allocate = find(upload, &waits_for).await?.ok_or_else(lost)?;
    let caveats = first(&allocate).ok_or_else(lost)?;
    let caveat = |name: &str| caveats.get(name).ok_or_else(lost);
    let Ipld::Link(cause) = caveat("cause")? else {
        return Err(lost());
    };
    let blob = Blob::from_ipld(caveat("blob")?)?;
    let space = space_of(caveat("space")?)?;
    let order = Order {
        service: &upload.network.keys.upload,
        node: &upload.node,
        blob: &blob,
        space: &space,
    };
    let acceptance = Acceptance {
        accept: order.accept(put.cid(), &upload.may_accept)?,
        legacy: order.legacy_accept(put.cid())?,
        cause: *cause,
        space: space.clone(),
        blob: blob.clone(),
    };
    let accepted = accept(upload, &acceptance).await?;
    match accepted.receipt.outcome().err() {
        Some(error) => Err(Failure::Refused(error.clone())),
        None => Ok(()),
    }
}

async fn find(upload: &Upload, task: &cid::Cid) -> Result<Option<Delegation>, Failure> {
    messages::invocation(&upload.network, task)
        .await
        .map_err(|error| Failure::thrown(&error))
}

fn first(task: &Delegation) -> Option<&Capability> {
    task.capabilities().first()
}
