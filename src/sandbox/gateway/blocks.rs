//! Blocks by CID, fetched from their sites and checked.

use bytes::Bytes;
use cid::Cid;

use super::locator::{Locator, Site};
use super::state::Gateway;
use crate::proto::multihash::{IDENTITY, Multihash};

/// Why content could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlockError {
    /// Nobody claims to have a block.
    #[error("block {0} was not found")]
    NotFound(Cid),
    /// No site of a block gave it.
    #[error("block {cid} could not be fetched: {reason}")]
    Fetch {
        /// The block.
        cid: Cid,
        /// What each site did.
        reason: String,
    },
    /// A node is no UnixFS node.
    #[error("block {cid} cannot be read: {reason}")]
    Node {
        /// The block.
        cid: Cid,
        /// What is wrong.
        reason: String,
    },
    /// The path leads nowhere.
    #[error("no such entry: {0}")]
    NoEntry(String),
    /// An entry that is neither file nor directory.
    #[error("entries of this type are not served: {0}")]
    OtherType(&'static str),
}

/// Fetches blocks for one request.
pub(super) struct Blocks<'a> {
    gateway: &'a Gateway,
    locator: Locator<'a>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(gateway: &'a Gateway, locator: Locator<'a>) -> Self {
        Self { gateway, locator }
    }

    /// The sites of a block.
    pub(super) async fn sites(&mut self, cid: &Cid) -> Vec<Site> {
        self.locator.locate(&Multihash::of(cid)).await
    }

    /// A block, from the first site that gives it.
    pub(super) async fn get(&mut self, cid: &Cid) -> Result<Bytes, BlockError> {
        let digest = Multihash::of(cid);
        if digest.code() == IDENTITY {
            return Ok(Bytes::copy_from_slice(digest.digest()));
        }
        let sites = self.locator.locate(&digest).await;
        if sites.is_empty() {
            return Err(BlockError::NotFound(*cid));
        }
        let mut reasons = Vec::new();
        for site in &sites {
            for url in &site.urls {
                match self.fetch(url, site).await {
                    Ok(bytes) if digest.verify(&bytes).is_ok() => return Ok(bytes),
                    Ok(_) => reasons.push(format!("{url} gave other bytes")),
                    Err(reason) => reasons.push(reason),
                }
            }
        }
        Err(BlockError::Fetch {
            cid: *cid,
            reason: reasons.join("; "),
        })
    }

    async fn fetch(&self, url: &str, site: &Site) -> Result<Bytes, String> {
        if site.length == 0 {
            return Ok(Bytes::new());
        }
        let range = format!(
            "bytes={}-{}",
            site.offset,
            site.offset.saturating_add(site.length - 1)
        );
        let request = self.gateway.network.http.get(url).header("range", range);
        let response = request.send().await.map_err(|error| error.to_string())?;
        match response.status().as_u16() {
            206 => response.bytes().await.map_err(|error| error.to_string()),
            200 => {
                let whole = response.bytes().await.map_err(|error| error.to_string())?;
                let start = usize::try_from(site.offset).unwrap_or(usize::MAX);
                let length = usize::try_from(site.length).unwrap_or(usize::MAX);
                let part = whole.get(start..).and_then(|rest| rest.get(..length));
                part.map(|part| whole.slice_ref(part))
                    .ok_or_else(|| format!("{url} is too short"))
            }
            status => Err(format!("{url} answered {status}")),
        }
    }
}
