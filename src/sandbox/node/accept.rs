//! `blob/accept`: the bytes are there, and the network is told where.

use ipld_core::ipld::Ipld;

use super::claims;
use super::state::Node;
use crate::sandbox::blob::{Blob, space_of};
use crate::sandbox::layout::bucket;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, map};

/// Accepts a blob whose bytes were put, and claims its location.
pub(super) async fn accept(node: &Node, call: &Call) -> Answer {
    let blob = Blob::from_ipld(call.caveat("blob")?)?;
    let space = space_of(call.caveat("space")?)?;
    let stored = node.network.objects.head(bucket::CARPARK, &blob.key());
    if stored.is_none_or(|meta| meta.size != blob.size) {
        return Err(Failure::named(
            "AllocatedMemoryHadNotBeenWrittenTo",
            "Blob not found",
        ));
    }
    let claim = claims::publish(node, &blob, &space).await?;
    Ok(Success::with(map([("site", Ipld::Link(*claim.cid()))])).fork(claim))
}
