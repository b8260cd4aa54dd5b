//! `GET /claims`.

use std::collections::BTreeMap;
use std::sync::Arc;

use cid::Cid;
use reqwest::{Method, header};
use url::Url;

use super::IndexingClient;
use crate::client::error::excerpt;
use crate::client::http;
use crate::client::memory::{self, Room};
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::did::Did;
use crate::proto::index::{self, Outline, ShardedDagIndex};
use crate::proto::multihash::Multihash;
use crate::proto::query::{self, IndexBlock, QueryResult};
use crate::proto::ucan::Delegation;
use crate::runtime::error_chain;

const QUERY: &str = "ask for claims";
/// Hashes that are best asked for in one request: about 4 KiB of URL.
pub const HASHES: usize = 64;
/// Largest answer that is read; an index of a million blocks has about 50 MiB.
const LARGEST: usize = 128 << 20;

/// Shards of all indexes of one answer.
const SHARDS: usize = 1 << 16;

/// Which claims are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryKind {
    /// Everything, indexes fetched.
    #[default]
    Standard,
    /// Location claims alone.
    Location,
}

impl QueryKind {
    const fn parameter(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Location => "location",
        }
    }
}

/// What is known of some hashes. It takes of the memory for answers as long as it is there: who asks again drops it
/// first.
#[derive(Debug)]
pub struct Answer {
    /// The claims in the order of the answer, which is by chance.
    pub claims: Vec<Delegation>,
    /// The indexes that came along, by their links.
    pub indexes: BTreeMap<Cid, Indexed>,
    _room: Room,
}

/// An index that came along.
#[derive(Debug)]
pub struct Indexed {
    /// Bytes of its archive.
    pub bytes: usize,
    /// What it covers, or why it cannot be read.
    pub outline: Result<Arc<Outline>, index::IndexError>,
}

/// An answer as it came, and the room that its archives and its claims take.
struct Whole {
    result: QueryResult,
    _archives: Room,
    claims: Room,
}

impl IndexingClient {
    /// Asks for the claims of all hashes in one request; see [`HASHES`].
    ///
    /// # Errors
    /// Nothing is known: it is never an empty answer.
    pub async fn claims(
        &self,
        hashes: &[Multihash],
        spaces: &[Did],
        kind: QueryKind,
    ) -> Result<Answer, ClientError> {
        self.ask(hashes, spaces, kind, outlined).await
    }

    /// Asks for an index of some content, whole; `None` if it does not come along.
    ///
    /// # Errors
    /// Nothing is known, or the index cannot be read.
    pub async fn index(
        &self,
        content: &Multihash,
        link: &Cid,
    ) -> Result<Option<ShardedDagIndex>, ClientError> {
        let extracted = |whole: Whole| {
            let mut indexes = whole.result.indexes.iter();
            let found = indexes.find(|index| index.link == *link);
            let index = found.map(|found| ShardedDagIndex::extract(&found.archive));
            index.transpose().map_err(malformed)
        };
        let hashes = std::slice::from_ref(content);
        self.ask(hashes, &[], QueryKind::Standard, extracted).await
    }

    async fn ask<T>(
        &self,
        hashes: &[Multihash],
        spaces: &[Did],
        kind: QueryKind,
        read: impl Fn(Whole) -> Result<T, Cause> + Send + Sync,
    ) -> Result<T, ClientError> {
        let url = url(&self.service.url, hashes, spaces, kind)
            .map_err(|cause| cause.at(Dependency::IndexingService, QUERY))?;
        let attempt = || async { read(self.once(&url).await?) };
        self.calls
            .run(Dependency::IndexingService, QUERY, attempt)
            .await
    }

    async fn once(&self, url: &Url) -> Result<Whole, Cause> {
        let request = self
            .http
            .request(Method::GET, url.clone())
            .header(header::ACCEPT_ENCODING, "gzip");
        let response = self.http.send(request).await?;
        let response = match http::check(response).await {
            // This service never says 404 for content it does not know, so the address is wrong.
            Err(Cause::Missing) => Err(Cause::Refused {
                status: 404,
                message: "no such route".to_owned(),
            }),
            other => other,
        }?;
        let body = http::read_gzip(response, LARGEST).await?;
        let (bytes, archives) = body.into_parts();
        let answer = query::Answer::open(&bytes).map_err(malformed)?;
        let claims = memory::made(answer.weight()).await;
        Ok(Whole {
            result: answer.read().map_err(malformed)?,
            _archives: archives,
            claims,
        })
    }
}

/// Lets the archives go, and keeps what they cover.
fn outlined(whole: Whole) -> Result<Answer, Cause> {
    let mut indexes = BTreeMap::new();
    let mut shards = 0;
    for IndexBlock { link, archive, .. } in &whole.result.indexes {
        let outline = Outline::read(archive);
        shards += outline.as_ref().map_or(0, Outline::shard_count);
        if shards > SHARDS {
            let limit = format!("more than {SHARDS} shards in the indexes of one answer");
            return Err(Cause::Malformed(limit));
        }
        let found = Indexed {
            bytes: archive.len(),
            outline: outline.map(Arc::new),
        };
        indexes.insert(*link, found);
    }
    Ok(Answer {
        claims: whole.result.claims,
        indexes,
        _room: whole.claims,
    })
}

fn malformed(error: impl std::error::Error + 'static) -> Cause {
    Cause::Malformed(excerpt(&error_chain(&error)))
}

fn url(service: &Url, hashes: &[Multihash], spaces: &[Did], kind: QueryKind) -> Result<Url, Cause> {
    let mut url = service
        .join("/claims")
        .map_err(|error| Cause::Address(error.to_string()))?;
    let mut pairs = url.query_pairs_mut();
    for hash in hashes {
        pairs.append_pair("multihash", &hash.base58());
    }
    for space in spaces {
        pairs.append_pair("spaces", space.as_str());
    }
    pairs.append_pair("type", kind.parameter());
    drop(pairs);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_goes_into_one_request() {
        let hashes = [b"a", b"b"].map(|data| Multihash::sha256(data));
        let space = Did::parse("did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX").unwrap();
        let base = Url::parse("https://indexer.example.net").unwrap();
        let url = url(&base, &hashes, &[space], QueryKind::Standard).unwrap();
        let names: Vec<_> = url
            .query_pairs()
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(names, ["multihash", "multihash", "spaces", "type"]);
        assert!(url.as_str().starts_with(&format!(
            "https://indexer.example.net/claims?multihash={}",
            hashes[0]
        )));
        assert!(url.as_str().len() < 400);
    }
}
