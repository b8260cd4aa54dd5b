//! What a query walks (docs/protocol/claims.md §5).

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;

use super::fetch;
use super::lookup::{Known, find};
use super::record::Kind;
use super::state::Indexer;
use crate::proto::Did;
use crate::proto::claims::Claim;
use crate::proto::index::{ShardedDagIndex, link};
use crate::proto::ipni::Metadata;
use crate::proto::multihash::Multihash;
use crate::proto::query::{IndexBlock, QueryResult};
use crate::proto::ucan::Delegation;

/// Most lookups of one query.
const LIMIT: usize = 10_000;

/// One lookup of a query.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Job {
    digest: Multihash,
    kinds: Vec<Kind>,
    /// The hash whose index the digest is; the index is then fetched and followed.
    index_of: Option<Multihash>,
}

struct Walk<'a> {
    indexer: &'a Indexer,
    spaces: &'a [Did],
    result: QueryResult,
    claims: HashSet<cid::Cid>,
    jobs: VecDeque<Job>,
    seen: HashSet<Job>,
}

/// Walks from some hashes; the error is the text of the service's answer 500.
pub(super) async fn walk(
    indexer: &Indexer,
    digests: Vec<Multihash>,
    kinds: &[Kind],
    spaces: &[Did],
) -> Result<QueryResult, String> {
    let mut walk = Walk {
        indexer,
        spaces,
        result: QueryResult::default(),
        claims: HashSet::new(),
        jobs: VecDeque::new(),
        seen: HashSet::new(),
    };
    for digest in digests {
        walk.push(digest, kinds.to_vec(), None);
    }
    while let Some(job) = walk.jobs.pop_front() {
        walk.step(job).await?;
    }
    Ok(walk.result)
}

impl Walk<'_> {
    fn push(&mut self, digest: Multihash, kinds: Vec<Kind>, index_of: Option<Multihash>) {
        let job = Job {
            digest,
            kinds,
            index_of,
        };
        if self.seen.len() < LIMIT && self.seen.insert(job.clone()) {
            self.jobs.push_back(job);
        }
    }

    async fn step(&mut self, job: Job) -> Result<(), String> {
        let known = find(self.indexer, &job.digest, &job.kinds, self.spaces)
            .await
            .map_err(|error| error.to_string())?;
        let mut locations = Vec::new();
        for one in known {
            let claim = fetch::claim(self.indexer, &one.record, claim_of(&one.metadata)).await?;
            match &one.metadata {
                Metadata::Equals { equals, .. } => {
                    let other = other_side(&claim, &Multihash::of(equals), &job.digest);
                    self.push(other, vec![Kind::Location], None);
                }
                Metadata::Index { index, .. } => {
                    self.push(
                        Multihash::of(index),
                        vec![Kind::Location],
                        Some(job.digest.clone()),
                    );
                }
                Metadata::Location { .. } => locations.push(one),
                Metadata::Other { .. } => {}
            }
            if self.claims.insert(*claim.cid()) {
                self.result.claims.push(claim);
            }
        }
        match &job.index_of {
            Some(digest) if !locations.is_empty() => {
                self.follow(&job.digest, digest, &locations).await
            }
            _ => Ok(()),
        }
    }

    /// Fetches an index from the first location that gives it, and asks where the shards with the hash are.
    async fn follow(
        &mut self,
        index: &Multihash,
        digest: &Multihash,
        locations: &[Known],
    ) -> Result<(), String> {
        let mut reasons = Vec::new();
        for location in locations {
            match self.index(index, location).await {
                Ok(read) => {
                    for (shard, _) in read.find(digest) {
                        self.push(shard.clone(), vec![Kind::Location], None);
                    }
                    return Ok(());
                }
                Err(reason) => reasons.push(reason),
            }
        }
        Err(format!(
            "failed to fetch index from all provider results: {}",
            reasons.join("; ")
        ))
    }

    async fn index(
        &mut self,
        digest: &Multihash,
        location: &Known,
    ) -> Result<ShardedDagIndex, String> {
        let cached = self.indexer.cached_index(digest);
        let archive: Bytes = match cached {
            Some(archive) => archive,
            None => fetch::blob(self.indexer, &location.record, &location.metadata, digest).await?,
        };
        let read = ShardedDagIndex::extract(&archive)
            .map_err(|error| format!("extracting index: {error}"))?;
        self.indexer.cache_index(digest, &archive);
        let block = IndexBlock {
            key: location.record.context.clone(),
            link: link(&archive),
            archive,
        };
        if self
            .result
            .indexes
            .iter()
            .all(|other| other.link != block.link)
        {
            self.result.indexes.push(block);
        }
        Ok(read)
    }
}

fn claim_of(metadata: &Metadata) -> &cid::Cid {
    static NONE: std::sync::OnceLock<cid::Cid> = std::sync::OnceLock::new();
    match metadata {
        Metadata::Index { claim, .. }
        | Metadata::Equals { claim, .. }
        | Metadata::Location { claim, .. } => claim,
        Metadata::Other { .. } => NONE.get_or_init(cid::Cid::default),
    }
}

/// The other name of the content that an equals claim tells.
fn other_side(claim: &Delegation, equals: &Multihash, digest: &Multihash) -> Multihash {
    match Claim::of(claim) {
        Ok(Claim::Equals(claim)) if equals == digest => claim.content.hash(),
        _ => equals.clone(),
    }
}
