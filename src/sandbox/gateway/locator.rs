//! Where blocks are, from the claims of the indexing service (docs/protocol/gateway.md §3).

use std::collections::{HashMap, HashSet};

use super::state::Gateway;
use crate::proto::Did;
use crate::proto::claims::{Claim, Location};
use crate::proto::index::{Position, ShardedDagIndex};
use crate::proto::multihash::Multihash;
use crate::proto::query::{self, QueryResult};
use crate::sandbox::service::Service;

/// A place of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    /// URLs of what holds it.
    pub(super) urls: Vec<String>,
    /// Its first byte there.
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) length: u64,
    /// The space that egress is counted for.
    pub(super) space: Option<Did>,
}

/// What is known from the queries of one request.
pub(super) struct Locator<'a> {
    gateway: &'a Gateway,
    /// The type of queries for blocks.
    kind: &'static str,
    /// Location claims by what they locate.
    locations: HashMap<Multihash, Vec<Location>>,
    /// Shard and position of blocks in it.
    slices: HashMap<Multihash, (Multihash, Position)>,
    asked: HashSet<(Multihash, &'static str)>,
}

impl<'a> Locator<'a> {
    /// Knows nothing; asks queries of type `kind`.
    pub(super) fn new(gateway: &'a Gateway, kind: &'static str) -> Self {
        Self {
            gateway,
            kind,
            locations: HashMap::new(),
            slices: HashMap::new(),
            asked: HashSet::new(),
        }
    }

    /// The places of a block; none if it is not found, or if asking failed.
    pub(super) async fn locate(&mut self, digest: &Multihash) -> Vec<Site> {
        let known = self.known(digest).await;
        if !known.is_empty() {
            return known;
        }
        self.ask(digest, self.kind).await;
        self.known(digest).await
    }

    async fn known(&mut self, digest: &Multihash) -> Vec<Site> {
        if let Some((shard, position)) = self.slices.get(digest).cloned() {
            if !self.locations.contains_key(&shard) {
                self.ask(&shard, "location").await;
            }
            let sites = self.in_shard(&shard, position);
            if !sites.is_empty() {
                return sites;
            }
        }
        self.directly(digest)
    }

    /// Places by claims about the block itself, which must tell its length.
    fn directly(&self, digest: &Multihash) -> Vec<Site> {
        let claims = self.locations.get(digest).into_iter().flatten();
        let sites = claims.filter_map(|claim| {
            let range = claim.range?;
            Some(site(claim, range.offset, range.length?))
        });
        sites.collect()
    }

    /// Places by the shard's claims; if some tell no length, only those count.
    fn in_shard(&self, shard: &Multihash, position: Position) -> Vec<Site> {
        let claims = self
            .locations
            .get(shard)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let open = |claim: &&Location| claim.range.is_none_or(|range| range.length.is_none());
        let only_open = claims.iter().any(|claim| open(&claim));
        let counted = claims.iter().filter(|claim| !only_open || open(claim));
        let sites = counted.map(|claim| {
            let start = claim.range.map_or(0, |range| range.offset);
            site(
                claim,
                start.saturating_add(position.offset),
                position.length,
            )
        });
        sites.collect()
    }

    async fn ask(&mut self, digest: &Multihash, kind: &'static str) {
        if !self.asked.insert((digest.clone(), kind)) {
            return;
        }
        match fetch(self.gateway, digest, kind).await {
            Ok(result) => self.learn(&result),
            Err(reason) => tracing::debug!(%digest, reason, "a failed query counts as no claims"),
        }
    }

    fn learn(&mut self, result: &QueryResult) {
        for claim in &result.claims {
            if let Ok(Claim::Location(location)) = Claim::of(claim) {
                let known = self.locations.entry(location.content.hash()).or_default();
                if !known.contains(&location) {
                    known.push(location);
                }
            }
        }
        for index in &result.indexes {
            let Ok(index) = ShardedDagIndex::extract(&index.archive) else {
                continue;
            };
            for (shard, slices) in index.shards() {
                let places = slices
                    .iter()
                    .map(|(slice, position)| (slice.clone(), (shard.clone(), *position)));
                self.slices.extend(places);
            }
        }
    }
}

fn site(claim: &Location, offset: u64, length: u64) -> Site {
    Site {
        urls: claim.location.clone(),
        offset,
        length,
        space: claim.space.clone(),
    }
}

async fn fetch(gateway: &Gateway, digest: &Multihash, kind: &str) -> Result<QueryResult, String> {
    let network = &gateway.network;
    let url = format!(
        "{}/claims?multihash={digest}&type={kind}",
        network.urls.of(Service::Indexer)
    );
    let response = network
        .http
        .get(url)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(|error| error.to_string())?;
    query::respond(status, &body).map_err(|error| error.to_string())
}
