//! `claims`: what the indexing service says about a CID.

use anyhow::{Context as _, Result};
use cid::Cid;
use serde_json::{Value, json};

use crate::app::CommandError;
use crate::client::{Answer, Indexed, Limits, QueryKind, Service, connect_indexing};
use crate::config::options;
use crate::proto::claims::{Claim, Content, Location};
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{Delegation, describe};
use crate::runtime::Clock;

/// The claims about a CID, decoded, and the indexes that came with them.
///
/// # Errors
/// When the service does not answer, or not with claims. That is never an empty answer.
pub async fn claims(service: &Service, options: &options::Claims) -> Result<Value> {
    let client = connect_indexing(service, &Limits::default(), Clock::system())?;
    let hash = Multihash::of(&options.content);
    let spaces: Vec<Did> = options
        .spaces
        .iter()
        .map(|space| Did::parse(space.as_str()).context("read the space"))
        .collect::<Result<_>>()?;
    let answer = client
        .claims(std::slice::from_ref(&hash), &spaces, QueryKind::Standard)
        .await
        .map_err(|error| {
            CommandError::of_client(&error, "INDEXING_SERVICE_URL", service.url.as_str())
        })?;
    document(&options.content, &hash, &answer)
}

fn document(content: &Cid, hash: &Multihash, answer: &Answer) -> Result<Value> {
    let claims: Vec<Value> = answer.claims.iter().map(claim).collect::<Result<_>>()?;
    let indexes: Vec<Value> = answer.indexes.iter().map(index).collect();
    Ok(json!({
        "content": content.to_string(),
        "multihash": hash.base58(),
        "claims": claims,
        "indexes": indexes,
    }))
}

/// A delegation as `ucan show` prints it, with what it claims beside.
fn claim(delegation: &Delegation) -> Result<Value> {
    let mut shown = describe(delegation, &|_| None).context("show a claim")?;
    if let Value::Object(fields) = &mut shown {
        let said = match Claim::of(delegation) {
            Ok(claim) => said(&claim),
            Err(_) => json!({ "kind": "other" }),
        };
        fields.insert("claim".into(), said);
    }
    Ok(shown)
}

fn said(claim: &Claim) -> Value {
    match claim {
        Claim::Location(location) => self::location(location),
        Claim::Index(index) => json!({
            "kind": "index",
            "content": content(&index.content),
            "index": index.index.to_string(),
        }),
        Claim::Equals(equals) => json!({
            "kind": "equals",
            "content": content(&equals.content),
            "equals": equals.equals.to_string(),
        }),
        Claim::Cache(_) | Claim::Other { .. } => json!({ "kind": "other" }),
    }
}

fn location(location: &Location) -> Value {
    let range = location.range.as_ref();
    json!({
        "kind": "location",
        "content": content(&location.content),
        "location": location.location,
        "range": range.map(|range| json!({ "offset": range.offset, "length": range.length })),
        "space": location.space.as_ref().map(Did::as_str),
    })
}

fn content(content: &Content) -> String {
    match content {
        Content::Link(cid) => cid.to_string(),
        Content::Digest(hash) => hash.base58(),
    }
}

fn index((link, index): (&Cid, &Indexed)) -> Value {
    match &index.outline {
        Ok(outline) => json!({
            "index": link.to_string(),
            "content": outline.content().to_string(),
            "shards": outline.shards().map(Multihash::base58).collect::<Vec<_>>(),
            "slices": outline.slice_count(),
            "bytes": index.bytes,
        }),
        Err(error) => json!({
            "index": link.to_string(),
            "bytes": index.bytes,
            "error": error.to_string(),
        }),
    }
}
