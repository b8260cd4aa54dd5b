//! From the answer of the indexing service to typed claims; pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use cid::Cid;

use super::seen::{Claims, FoundIndex, FoundLocation, Signed};
use crate::proto::claims::Claim;
use crate::proto::index::ShardedDagIndex;
use crate::proto::key::Verifier;
use crate::proto::query::QueryResult;
use crate::proto::ucan::Delegation;

/// An index as it came, read once.
type Index = Result<Arc<ShardedDagIndex>, String>;

/// Sorts the claims of an answer. A claim whose caveats cannot be read is about nothing and left out, as is one of a
/// kind that plays no part here.
pub(crate) fn read(result: &QueryResult, upload_service: &Verifier) -> Claims {
    let indexes = indexes(result);
    let mut claims = Claims::default();
    for delegation in &result.claims {
        let signed = signed(delegation, upload_service);
        match Claim::of(delegation) {
            Ok(Claim::Location(location)) => claims.locations.push(FoundLocation {
                claim: *delegation.cid(),
                issuer: delegation.issuer().clone(),
                with: with(delegation),
                location,
                expiration: delegation.expiration(),
                signed,
            }),
            Ok(Claim::Index(index)) => claims.indexes.push(FoundIndex {
                claim: *delegation.cid(),
                issuer: delegation.issuer().clone(),
                content: index.content.hash(),
                link: index.index,
                expiration: delegation.expiration(),
                signed,
                index: indexes.get(&index.index).cloned(),
            }),
            Ok(Claim::Equals(_) | Claim::Cache(_) | Claim::Other { .. }) | Err(_) => {}
        }
    }
    claims
}

fn indexes(result: &QueryResult) -> BTreeMap<Cid, Index> {
    let read = |archive: &[u8]| {
        ShardedDagIndex::extract(archive)
            .map(Arc::new)
            .map_err(|error| error.to_string())
    };
    result
        .indexes
        .iter()
        .map(|block| (block.link, read(&block.archive)))
        .collect()
}

fn with(delegation: &Delegation) -> String {
    delegation
        .capabilities()
        .first()
        .map_or_else(String::new, |capability| capability.with.clone())
}

fn signed(delegation: &Delegation, upload_service: &Verifier) -> Signed {
    let issuer = delegation.issuer();
    let fits = if issuer == upload_service.did() {
        delegation.verify(upload_service)
    } else if issuer.is_key() {
        Verifier::from_did(issuer).is_ok_and(|verifier| delegation.verify(&verifier))
    } else {
        return Signed::Unchecked;
    };
    if fits { Signed::Yes } else { Signed::No }
}
