//! `GET /claims`.

use std::collections::BTreeSet;

use reqwest::{Method, header};
use url::Url;

use super::IndexingClient;
use crate::client::http;
use crate::client::{Cause, Dependency, Error};
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;
use crate::proto::query::{self, QueryResult};

const QUERY: &str = "ask for claims";
/// Hashes of one request: about 4 KiB of URL.
const BATCH: usize = 64;
/// Largest answer that is read; an index of a million blocks has about 50 MiB.
const LARGEST: usize = 128 << 20;

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

impl IndexingClient {
    /// Asks for the claims of all hashes in one request, or a few if there are very many.
    ///
    /// An error means that nothing is known: it is never an empty answer.
    pub async fn claims(
        &self,
        hashes: &[Multihash],
        spaces: &[Did],
        kind: QueryKind,
    ) -> Result<QueryResult, Error> {
        let mut all = QueryResult::default();
        let (mut claims, mut indexes) = (BTreeSet::new(), BTreeSet::new());
        for batch in hashes.chunks(BATCH) {
            let url = url(&self.service.url, batch, spaces, kind)
                .map_err(|cause| cause.at(Dependency::IndexingService, QUERY))?;
            let attempt = || self.ask(&url);
            let part = self
                .calls
                .run(Dependency::IndexingService, QUERY, attempt)
                .await?;
            all.claims.extend(
                part.claims
                    .into_iter()
                    .filter(|claim| claims.insert(*claim.cid())),
            );
            all.indexes.extend(
                part.indexes
                    .into_iter()
                    .filter(|index| indexes.insert(index.link)),
            );
        }
        Ok(all)
    }

    async fn ask(&self, url: &Url) -> Result<QueryResult, Cause> {
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
        query::decode(&body).map_err(|error| Cause::Malformed(error.to_string()))
    }
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
