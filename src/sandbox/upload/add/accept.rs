//! Having the storage node accept a blob, and registering it (docs/protocol/blob-add.md §3).

use std::time::Duration;

use cid::Cid;

use crate::proto::Did;
use crate::proto::message::{Effects, Message, Receipt};
use crate::proto::ucan::Delegation;
use crate::sandbox::blob::Blob;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{Failure, call};
use crate::sandbox::upload::messages;
use crate::sandbox::upload::registry;
use crate::sandbox::upload::state::Upload;

/// How long a storage node may take to accept.
const ACCEPT_LIMIT: Duration = Duration::from_secs(30);

/// What is to be accepted.
pub(super) struct Acceptance {
    pub(super) accept: Delegation,
    pub(super) legacy: Delegation,
    pub(super) blob: Blob,
    pub(super) space: Did,
    /// The add that all this is for.
    pub(super) cause: Cid,
}

/// The receipts of both accept tasks.
pub(super) struct Accepted {
    pub(super) receipt: Receipt,
    pub(super) legacy: Receipt,
}

/// Runs `blob/accept` at the node, stores both receipts, and registers the blob if the node has it.
pub(super) async fn accept(upload: &Upload, what: &Acceptance) -> Result<Accepted, Failure> {
    let network = &upload.network;
    let url = network.urls.of(Service::Node);
    let receipt = call(&upload.http, &url, &what.accept, ACCEPT_LIMIT)
        .await
        .map_err(|error| Failure::thrown(&error))?;
    let effects = Effects {
        fork: receipt.forks(),
        join: None,
    };
    let legacy = Receipt::issue(
        &network.keys.upload,
        what.legacy.clone(),
        receipt.outcome().clone(),
        effects,
    )?;
    let message = Message::new(
        &[what.accept.clone(), what.legacy.clone()],
        &[receipt.clone(), legacy.clone()],
    )?;
    messages::store(network, &message)
        .await
        .map_err(|error| Failure::thrown(&error))?;
    if receipt.outcome().ok().is_some() {
        registry::register(upload, &what.space, &what.blob, &what.cause).await?;
    }
    Ok(Accepted { receipt, legacy })
}
