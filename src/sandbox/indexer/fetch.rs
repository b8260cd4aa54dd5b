//! Fetching claims and blobs through the addresses of their records.

use std::time::Duration;

use bytes::Bytes;
use cid::Cid;

use super::claims;
use super::record::Record;
use super::state::Indexer;
use crate::proto::claims::Range;
use crate::proto::ipni::Metadata;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{Delegation, extract};

/// How long a fetch may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Why something could not be fetched, in the service's words.
pub(super) type Reason = String;

/// The claim of a record: cached, stored here, or fetched from its `{claim}` address.
pub(super) async fn claim(
    indexer: &Indexer,
    record: &Record,
    cid: &Cid,
) -> Result<Delegation, Reason> {
    let url = record
        .provider
        .addresses
        .iter()
        .find_map(|address| address.claim_url(cid));
    let url = url.ok_or_else(|| no_address("{claim}", record))?;
    if let Some(archive) = claims::get(indexer, cid)
        .await
        .map_err(|error| error.to_string())?
    {
        return decoded(cid, &archive);
    }
    let archive = get(indexer, &url, None)
        .await
        .map_err(|error| format!("failed to fetch claim {cid}: {error}"))?;
    let claim = decoded(cid, &archive)?;
    claims::remember(indexer, cid, archive).map_err(|error| error.to_string())?;
    Ok(claim)
}

/// The blob of a location record, fetched from its `{blob}` or `{blobCID}` address and checked.
pub(super) async fn blob(
    indexer: &Indexer,
    record: &Record,
    location: &Metadata,
    digest: &Multihash,
) -> Result<Bytes, Reason> {
    let Metadata::Location { range, shard, .. } = location else {
        return Err("not a location".to_owned());
    };
    let url = record
        .provider
        .addresses
        .iter()
        .find_map(|address| address.blob_url(digest, shard.as_ref()));
    let url = url.ok_or_else(|| no_address("{blob} or {blobCID}", record))?;
    let bytes = get(indexer, &url, *range).await?;
    digest.verify(&bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn decoded(cid: &Cid, archive: &[u8]) -> Result<Delegation, Reason> {
    let claim =
        extract(archive).map_err(|error| format!("failed to decode claim {cid}: {error}"))?;
    if claim.cid() == cid {
        Ok(claim)
    } else {
        Err(format!("received claim {} instead of {cid}", claim.cid()))
    }
}

fn no_address(placeholder: &str, record: &Record) -> Reason {
    let addresses = &record.provider.addresses;
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    format!(
        "no {placeholder} endpoint found in {} addresses: {}",
        addresses.len(),
        list.join(", ")
    )
}

async fn get(indexer: &Indexer, url: &str, range: Option<Range>) -> Result<Bytes, Reason> {
    let mut request = indexer.network.http.get(url).timeout(LIMIT);
    if let Some(Range { offset, length }) = range {
        let last = length
            .map(|length| (offset + length).saturating_sub(1).to_string())
            .unwrap_or_default();
        request = request.header("range", format!("bytes={offset}-{last}"));
    }
    let response = request
        .send()
        .await
        .map_err(|error| format!("failed to fetch {url}: {error}"))?;
    if !response.status().is_success() {
        return Err(format!(
            "failed to fetch {url}: unexpected status {}",
            response.status().as_u16()
        ));
    }
    response
        .bytes()
        .await
        .map_err(|error| format!("failed to read {url}: {error}"))
}
