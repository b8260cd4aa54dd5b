//! Claims by CID: cached for a while, or stored for good.

use bytes::Bytes;
use cid::Cid;

use super::state::{Indexer, millis};
use crate::proto::ucan::{Delegation, archive};
use crate::sandbox::layout::bucket;
use crate::sandbox::s3::PutOptions;
use crate::sandbox::ucan_server::Failure;

const CACHE: &str = "indexer/claims";

/// Remembers the archive of a claim for the lifetime of claims.
pub(super) fn remember(indexer: &Indexer, cid: &Cid, archive: Bytes) -> std::io::Result<()> {
    let network = &indexer.network;
    let gone = network
        .clock
        .now()
        .0
        .saturating_add(millis(network.lifetimes.claims));
    network
        .shelf
        .put(CACHE, &cid.to_string(), archive, Some(gone))
}

/// Stores a claim for good.
pub(super) async fn store(indexer: &Indexer, claim: &Delegation) -> Result<(), Failure> {
    let options = PutOptions {
        content_type: Some("application/car".to_owned()),
        ..PutOptions::default()
    };
    indexer
        .network
        .objects
        .put(
            bucket::INDEXER_CLAIMS,
            &key(claim.cid()),
            archive(claim)?,
            options,
        )
        .await?;
    Ok(())
}

/// The archive of a claim that is cached or stored here.
pub(super) async fn get(
    indexer: &Indexer,
    cid: &Cid,
) -> Result<Option<Bytes>, crate::sandbox::s3::ObjectError> {
    let network = &indexer.network;
    if let Some(archive) = network
        .shelf
        .get(CACHE, &cid.to_string(), network.clock.now().0)
    {
        return Ok(Some(archive));
    }
    Ok(network
        .objects
        .get(bucket::INDEXER_CLAIMS, &key(cid))
        .await?
        .map(|(_, bytes)| bytes))
}

fn key(cid: &Cid) -> String {
    format!("{cid}/{cid}.car")
}
