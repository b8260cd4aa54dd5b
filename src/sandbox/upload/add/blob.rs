//! `space/blob/add` (docs/protocol/blob-add.md §1).

use std::time::Duration;

use super::accept::{Acceptance, accept};
use super::replay;
use super::tasks::{Order, awaits, put, put_key};
use crate::proto::message::{Effects, Outcome, Receipt, conclude};
use crate::proto::ucan::Delegation;
use crate::proto::{Did, Signer};
use crate::sandbox::blob::Blob;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, call as call_service, map};
use crate::sandbox::upload::registry;
use crate::sandbox::upload::state::Upload;

/// How long a storage node may take to allocate.
const ALLOCATE_LIMIT: Duration = Duration::from_secs(5);

/// The tasks of an add and the answer to the first.
struct Started {
    allocate: Delegation,
    legacy_allocate: Delegation,
    put_key: Signer,
    put: Delegation,
    acceptance: Acceptance,
    allocated: Receipt,
}

/// Adds a blob to a space: allocates at the node and answers with what is to be done.
pub(crate) async fn add(upload: &Upload, call: &Call) -> Answer {
    let space = call.subject()?;
    let blob = Blob::from_ipld(call.caveat("blob")?)?;
    let consumer = registry::consumer(upload, &space).await?;
    if let Some(entry) = registry::find(upload, &space, &blob.digest).await? {
        return replay::answer(upload, &entry).await;
    }
    let legacy = consumer.provider.ends_with("web3.storage");
    let started = start(upload, call, &space, blob, legacy).await?;
    let service = &upload.network.keys.upload;
    let outcome = started.allocated.outcome().clone();
    let legacy_receipt = Receipt::issue(
        service,
        *started.legacy_allocate.cid(),
        outcome,
        Effects::default(),
    )?;
    let awaited = if legacy {
        started.acceptance.legacy.cid()
    } else {
        started.acceptance.accept.cid()
    };
    let mut success = Success::with(map([("site", awaits(".out.ok.site", awaited))]));
    for (task, is_legacy) in [
        (&started.allocate, false),
        (&started.legacy_allocate, true),
        (&started.put, legacy),
        (&started.acceptance.accept, false),
        (&started.acceptance.legacy, true),
    ] {
        if !legacy || is_legacy {
            success = success.fork(task.clone());
        }
    }
    if !legacy {
        success = success.fork(conclude(service, service.did(), &started.allocated)?);
    }
    success = success.fork(conclude(service, service.did(), &legacy_receipt)?);
    if has_address(&started.allocated) {
        return Ok(success);
    }
    finish(upload, &started, success, legacy).await
}

/// Builds the tasks and has the node allocate.
async fn start(
    upload: &Upload,
    call: &Call,
    space: &Did,
    blob: Blob,
    legacy: bool,
) -> Result<Started, Failure> {
    let cause = call.invocation.cid();
    let order = Order {
        service: &upload.network.keys.upload,
        node: &upload.node,
        blob: &blob,
        space,
    };
    let allocate = order.allocate(cause, &upload.may_allocate)?;
    let legacy_allocate = order.legacy_allocate(cause)?;
    let key = put_key(&blob)?;
    let waits_for = if legacy {
        legacy_allocate.cid()
    } else {
        allocate.cid()
    };
    let put = put(&key, &blob, waits_for)?;
    let acceptance = Acceptance {
        accept: order.accept(put.cid(), &upload.may_accept)?,
        legacy: order.legacy_accept(put.cid())?,
        space: space.clone(),
        cause: *cause,
        blob,
    };
    let url = upload.network.urls.of(Service::Node);
    let allocated = call_service(&upload.http, &url, &allocate, ALLOCATE_LIMIT).await;
    let allocated = allocated
        .ok()
        .filter(|receipt| receipt.outcome().ok().is_some())
        .ok_or_else(|| {
            Failure::named(
                "CandidateUnavailable",
                "no candidates available for blob allocation",
            )
        })?;
    Ok(Started {
        allocate,
        legacy_allocate,
        put_key: key,
        put,
        acceptance,
        allocated,
    })
}

/// The node has the bytes: the put is done as it stands, and the blob is accepted at once.
async fn finish(upload: &Upload, started: &Started, mut success: Success, legacy: bool) -> Answer {
    let service = &upload.network.keys.upload;
    let key = &started.put_key;
    let put = Receipt::issue(
        key,
        started.put.clone(),
        Outcome::done(),
        Effects::default(),
    )?;
    let accepted = accept(upload, &started.acceptance).await?;
    success = success.fork(conclude(key, key.did(), &put)?);
    if !legacy {
        success = success.fork(conclude(service, service.did(), &accepted.receipt)?);
    }
    Ok(success.fork(conclude(service, service.did(), &accepted.legacy)?))
}

fn has_address(allocated: &Receipt) -> bool {
    use ipld_core::ipld::Ipld;
    match allocated.outcome().ok() {
        Some(Ipld::Map(fields)) => fields
            .get("address")
            .is_some_and(|address| *address != Ipld::Null),
        _ => false,
    }
}
