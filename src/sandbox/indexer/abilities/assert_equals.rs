//! `assert/equals`: two names of the same content (docs/protocol/claims.md §6).

use super::assert_index::announce;
use crate::proto::claims::Claim;
use crate::proto::ipni::Metadata;
use crate::proto::multihash::Multihash;
use crate::sandbox::indexer::claims;
use crate::sandbox::indexer::state::Indexer;
use crate::sandbox::ucan_server::{Answer, Call, Failure};

/// Publishes an equality under both names.
pub(crate) async fn publish(indexer: &Indexer, call: &Call) -> Answer {
    let Claim::Equals(claim) =
        Claim::read(&call.capability).map_err(|error| Failure::thrown(&error))?
    else {
        return Err(Failure::broke("not an equals claim"));
    };
    claims::store(indexer, &call.invocation).await?;
    let content = claim.content.hash();
    let metadata = Metadata::Equals {
        claim: *call.invocation.cid(),
        expiration: call.invocation.expiration().unwrap_or_default(),
        equals: claim.equals,
    };
    let digests = vec![content.clone(), Multihash::of(&claim.equals)];
    announce(indexer, content.as_bytes().to_vec(), &metadata, digests)
}
