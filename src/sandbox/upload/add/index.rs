//! `space/index/add` (docs/protocol/blob-add.md §4).

use std::time::Duration;

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::index_blob;
use crate::proto::Did;
use crate::proto::multihash::Multihash;
use crate::proto::ucan::{Capability, Caveats, Delegation, Draft, Expiration};
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{
    Answer, Call, CallError, Failure, Success, call as call_service, map, text,
};
use crate::sandbox::upload::registry;
use crate::sandbox::upload::state::Upload;

/// How long the indexing service may take.
const PUBLISH_LIMIT: Duration = Duration::from_mins(1);

/// Publishes an index of a space's content.
pub(crate) async fn add(upload: &Upload, call: &Call) -> Answer {
    let space = call.subject()?;
    let index = link(call.caveat("index")?)?;
    known(upload, &space, &Multihash::of(&index), "IndexNotFound").await?;
    if let Some(content) = call.capability.get("content") {
        let authorization = hand_on(upload, call, &retrieval(upload, call)?)?;
        let claim = claim(upload, &index, link(content)?, Some(&authorization))?;
        publish(upload, &claim).await.map_err(unpublished)?;
    } else {
        let read = index_blob::read(upload, &Multihash::of(&index)).await?;
        for shard in read.shards() {
            known(upload, &space, shard.0, "ShardNotFound").await?;
        }
        publish(upload, &claim(upload, &index, *read.content(), None)?).await?;
    }
    Ok(Success::done())
}

fn unpublished(error: Failure) -> Failure {
    let message = match error {
        Failure::Refused(Ipld::Map(fields)) => message_of(&fields),
        Failure::Refused(_) => "publishing failed".to_owned(),
        Failure::Thrown(why) => why,
    };
    Failure::named("PublishFailure", &message)
}

/// Refuses with a name and the digest, without a message, if the space does not have the blob.
async fn known(
    upload: &Upload,
    space: &Did,
    digest: &Multihash,
    name: &str,
) -> Result<(), Failure> {
    if registry::find(upload, space, digest).await?.is_some() {
        return Ok(());
    }
    let digest = Ipld::Bytes(digest.as_bytes().to_vec());
    Err(Failure::Refused(map([
        ("name", text(name)),
        ("digest", digest),
    ])))
}

/// The delegation that lets the service read the index out of the space.
fn retrieval(upload: &Upload, call: &Call) -> Result<Delegation, Failure> {
    let linked = call
        .invocation
        .facts()
        .iter()
        .find_map(|fact| match fact.get("retrievalAuth") {
            Some(Ipld::Link(cid)) => Some(*cid),
            _ => None,
        });
    let missing = |what| Failure::named("RetrievalAuthorizationNotFound", what);
    let cid = linked
        .ok_or_else(|| missing("retrieval authorization delegation link not found in facts"))?;
    let delegation = Delegation::view_shared(&cid, call.invocation.blocks())
        .map_err(|_| missing("retrieval authorization delegation not found in the invocation"))?;
    let invalid = |what| Failure::named("InvalidRetrievalAuthorization", what);
    if delegation.audience() != upload.network.keys.upload.did() {
        return Err(invalid("retrieval authorization is for another audience"));
    }
    if !delegation
        .capabilities()
        .iter()
        .any(|capability| capability.can == "space/content/retrieve")
    {
        return Err(invalid("retrieval authorization is for another ability"));
    }
    Ok(delegation)
}

/// `assert/index` of this service at the indexing service.
fn claim(
    upload: &Upload,
    index: &Cid,
    content: Cid,
    authorization: Option<&Delegation>,
) -> Result<Delegation, Failure> {
    let keys = &upload.network.keys;
    let indexer = keys.indexer.did();
    let capability = Capability::new("assert/index", indexer.as_str())
        .caveat("content", Ipld::Link(content))
        .caveat("index", Ipld::Link(*index));
    let mut draft = Draft::new(&keys.upload, indexer)
        .capability(capability)
        .proof(upload.may_index.clone());
    let mut fact = Caveats::new();
    if let Some(authorization) = authorization {
        for block in authorization.export() {
            fact.insert(block.cid.to_string(), Ipld::Link(block.cid));
            draft = draft.attach(block);
        }
        fact.insert("retrievalAuth".to_owned(), Ipld::Link(*authorization.cid()));
    }
    Ok(draft.fact(fact).sign()?)
}

/// The same authorization for the indexing service, as long as the invocation holds.
fn hand_on(
    upload: &Upload,
    call: &Call,
    authorization: &Delegation,
) -> Result<Delegation, Failure> {
    let keys = &upload.network.keys;
    let mut draft = Draft::new(&keys.upload, keys.indexer.did()).proof(authorization.clone());
    for capability in authorization.capabilities() {
        draft = draft.capability(capability.clone());
    }
    if let Some(expiration) = call.invocation.expiration() {
        draft = draft.expiration(Expiration::At(expiration));
    }
    Ok(draft.sign()?)
}

async fn publish(upload: &Upload, claim: &Delegation) -> Result<(), Failure> {
    let url = format!("{}/claims", upload.network.urls.of(Service::Indexer));
    let receipt = call_service(&upload.http, &url, claim, PUBLISH_LIMIT)
        .await
        .map_err(|error: CallError| Failure::thrown(&error))?;
    match receipt.outcome().err() {
        Some(error) => Err(Failure::Refused(error.clone())),
        None => Ok(()),
    }
}

fn link(value: &Ipld) -> Result<Cid, Failure> {
    match value {
        Ipld::Link(cid) => Ok(*cid),
        _ => Err(Failure::broke("a link is not a link")),
    }
}

fn message_of(fields: &Caveats) -> String {
    match fields.get("message") {
        Some(Ipld::String(message)) => message.clone(),
        _ => "publishing failed".to_owned(),
    }
}
