//! Receipts and location claims of somebody else, shown to the client by a proxy before a real service.

use std::sync::Mutex;

use bytes::Bytes;
use cid::Cid;
use ipld_core::ipld::Ipld;
use serde_json::json;
use sterna::client::{Blob, Cause, Services};
use sterna::engine::{Job, StepFilter};
use sterna::migrations::uploads::Settings;
use sterna::model::{ItemId, Reason, UnitId};
use sterna::proto::Block;
use sterna::proto::car;
use sterna::proto::claims::relocate;
use sterna::proto::did::Did;
use sterna::proto::key::{Signer, Verifier};
use sterna::proto::message::{Effects, Message, Outcome, Receipt};
use sterna::proto::multihash::Multihash;
use sterna::proto::ucan::Proof;
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::world::plan::{Condition, Expected};
use sterna::sandbox::{Plan, Service};

use crate::fixture::{Local, small};
use crate::proxy::{Answer, Asked, Proxy};
use crate::worker::{Worker, unkept_rows};

/// A space of a customer, which may store blobs.
pub(crate) async fn paid_space(local: &Local, services: &Services) -> Signer {
    let space = Signer::generate();
    let provision = local.provision(space.did(), "did:mailto:example.com:alice", space.did());
    services.tables.provision(&provision).await.unwrap();
    space
}

/// A message with the same blocks that reports its receipt under another task: nobody signs the report.
fn refiled(message: &Message, task: &Cid) -> Vec<u8> {
    let (_, receipt) = message.report()[0];
    let report = Ipld::Map([(task.to_string(), Ipld::Link(receipt))].into());
    let parts = Ipld::Map([("report".to_owned(), report)].into());
    let root = Ipld::Map([("ucanto/message@7.0.0".to_owned(), parts)].into());
    let root = Block::dag_cbor(&root).unwrap();
    let mut blocks: Vec<Block> = message.blocks().iter().collect();
    blocks.push(root.clone());
    let blocks = blocks.iter().map(|block| (&block.cid, &block.bytes[..]));
    car::write(&[root.cid], blocks)
}

fn cause(error: &sterna::client::ClientError) -> &str {
    match &error.cause {
        Cause::Forged(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receipt_of_another_invocation_is_none_for_this_one() {
    let mut local = Local::start(small()).await;
    let root = Cid::try_from(local.world.uploads[0].root.as_str()).unwrap();
    let honest = local.services().await;
    let space = paid_space(&local, &honest).await;
    let blob = Blob::new(Bytes::from(
        sterna::proto::index::ShardedDagIndex::new(root).archive(),
    ));
    honest.upload.add_blob(&space, &blob).await.unwrap();
    let index = sterna::proto::index::link(&blob.bytes);

    // The first answer is kept, and shown for all that is asked afterwards.
    let kept = Mutex::new(None::<Message>);
    let replay = move |asked: &Asked, mut answer: Answer| {
        if let Ok(request) = Message::decode(&asked.body) {
            let mut kept = kept.lock().unwrap();
            match &*kept {
                None => *kept = Some(Message::decode(&answer.body).unwrap()),
                Some(first) => answer.body = refiled(first, &request.execute()[0]),
            }
        }
        answer
    };
    let service = &mut local.config.network.indexing_service.url;
    let proxy = Proxy::changing(service.clone(), replay).await;
    *service = proxy.url.clone();
    let services = local.services().await;
    let claim = async |space| services.indexing.assert_index(space, &root, &index).await;
    claim(&space).await.unwrap();
    let again = claim(&Signer::generate()).await.unwrap_err();
    assert!(
        cause(&again).contains("read receipt: it is of baf"),
        "{again}"
    );
    local.stop().await;
}

/// What somebody who is neither the storage node nor the upload service makes of an accept.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// Signs it under his own DID.
    OwnName,
    /// Signs it under the DID of the node.
    NameOfNode,
    /// Shows what the node said about another blob.
    AnotherBlob,
}

/// An accept that leads to a place of the attacker.
fn accepted(node: &Did, attack: Attack, task: &str, space: &Did, blob: &Blob) -> Vec<u8> {
    let mallory = Signer::from_seed([66; 32]);
    let signer = match attack {
        Attack::OwnName => mallory.clone(),
        Attack::NameOfNode | Attack::AnotherBlob => mallory.clone().with_did(node.clone()),
    };
    let url = "https://mallory.example/blob";
    let claim = relocate(&signer, space, &blob.digest, url, blob.bytes.len() as u64).unwrap();
    let site = Ipld::Map([("site".to_owned(), Ipld::Link(*claim.cid()))].into());
    let effects = Effects {
        fork: vec![Proof::Delegation(claim)],
        join: None,
    };
    let task = Proof::Link(task.parse().unwrap());
    let receipt = Receipt::issue(&signer, task, Outcome::Ok(site), effects).unwrap();
    Message::reply(&[receipt]).unwrap().encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_node_and_the_upload_service_say_where_a_blob_was_accepted() {
    let local = Local::start(small()).await;
    let node = local.sandbox.network().keys.node.key_did().clone();
    let honest = local.services().await;
    let space = paid_space(&local, &honest).await;
    for (attack, flaw) in [
        (Attack::OwnName, "signed neither by did:key:"),
        (Attack::NameOfNode, "signed neither by did:key:"),
        (Attack::AnotherBlob, "read receipt: it is of baf"),
    ] {
        let other = Blob::new(Bytes::from(format!("{attack:?}, before")));
        let blob = Blob::new(Bytes::from(format!("{attack:?}")));
        let kept = Mutex::new(None::<Message>);
        let (of, to, wanted) = (node.clone(), space.did().clone(), blob.clone());
        let forge = move |asked: &Asked, mut answer: Answer| {
            let Some(task) = asked.path.strip_prefix("/receipt/") else {
                return answer;
            };
            if !answer.status.is_success() {
                return answer;
            }
            let mut kept = kept.lock().unwrap();
            match (&*kept, attack) {
                (None, Attack::AnotherBlob) => {
                    *kept = Some(Message::decode(&answer.body).unwrap());
                }
                (Some(first), Attack::AnotherBlob) => {
                    answer.body = refiled(first, &task.parse().unwrap());
                }
                _ => answer.body = accepted(&of, attack, task, &to, &wanted),
            }
            answer
        };
        let mut config = local.config.clone();
        let service = &mut config.network.upload_service.url;
        let proxy = Proxy::changing(service.clone(), forge).await;
        *service = proxy.url.clone();
        let connect = Services::connect(&config, Clock::system(), ServiceRegistry::new());
        let services = connect.await.unwrap();
        if matches!(attack, Attack::AnotherBlob) {
            services.upload.add_blob(&space, &other).await.unwrap();
        }
        let added = services.upload.add_blob(&space, &blob).await.unwrap_err();
        assert!(cause(&added).contains(flaw), "{attack:?}: {added}");
        // Asked honestly, the node's own claim is taken.
        let stored = honest.upload.add_blob(&space, &blob).await.unwrap();
        assert_eq!(*stored.location.issuer(), node);
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_place_of_an_index_is_not_published() {
    let local = Local::start(small()).await;
    let node = local.sandbox.network().keys.node.key_did().clone();
    let fits = |one: &&sterna::sandbox::world::manifest::Record| {
        one.condition == Condition::Fresh && one.expected == Expected::Migrated
    };
    let record = local.world.uploads.iter().find(fits).unwrap().clone();
    let of = node;
    let forge = move |asked: &Asked, mut answer: Answer| {
        if let Some(task) = asked.path.strip_prefix("/receipt/") {
            let (space, blob) = (Signer::generate(), Blob::new(Bytes::new()));
            answer.body = accepted(&of, Attack::OwnName, task, space.did(), &blob);
            answer.status = axum::http::StatusCode::OK;
        }
        answer
    };
    let real = local.config.network.upload_service.url.clone();
    let proxy = Proxy::changing(real, forge).await;
    let mut config = local.config.clone();
    config.network.upload_service.url = proxy.url.clone();
    let spaces = unkept_rows();
    let worker = Worker::with(&config, spaces, Settings::default()).await;
    let item = (
        UnitId::new(record.customer.as_str(), record.space.as_str()),
        ItemId::new(record.root.as_str()),
    );
    let outcome = worker
        .run(Job::Items(vec![item]), StepFilter::All, "forged")
        .await;
    assert_eq!(outcome.snapshot.reasons, [(Reason::BAD_ANSWER, 1)].into());
    assert_eq!(local.count(Service::Indexer, "assert/index"), 0);
    local.stop().await;
}

/// What comes of an invocation to an indexing service that publishes and signs as the faults and the settings say.
async fn asked(local: &Local, unverified: bool, keys: &[&Did]) -> Cause {
    let mut config = local.config.clone();
    config.limits.tries = 1;
    config.network.unverified_receipts = unverified;
    let service = &mut config.network.indexing_service;
    let keys = keys.iter().map(|did| Verifier::from_did(did).unwrap());
    service.keys = keys.map(|key| key.with_did(service.did.clone())).collect();
    let connect = Services::connect(&config, Clock::system(), ServiceRegistry::new());
    let services = connect.await.unwrap();
    let cid = Multihash::sha256(b"x").cid(0x71).unwrap();
    let space = Signer::generate();
    let asked = services.indexing.assert_index(&space, &cid, &cid).await;
    asked.unwrap_err().cause
}

/// The service refuses an index that nobody has; that is an answer of its own.
fn is_answer(cause: &Cause) -> bool {
    matches!(cause, Cause::Failed { .. })
}

/// Gives a DID document in the place of the indexing service's own.
fn publish(local: &Local, status: u16, body: &serde_json::Value) {
    let faults = &local.sandbox.network().faults;
    faults.clear();
    faults.add(Plan {
        service: Some(Service::Indexer),
        operation: Some("GET /.well-known".to_owned()),
        status: Some(status),
        body: Some(body.to_string()),
        ..Plan::default()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_another_or_without_a_key_that_fits_does_not_switch_the_check_off() {
    let local = Local::start(small()).await;
    let own = local.config.network.indexing_service.did.as_str();
    let with = |keys: &[&str]| {
        let methods = keys.iter();
        let methods = methods.map(|key| json!({ "publicKeyMultibase": key }));
        json!({ "id": own, "verificationMethod": methods.collect::<Vec<_>>() })
    };
    let stranger = Signer::generate();
    let stranger = stranger.did().as_str().trim_start_matches("did:key:");
    let p256 = "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
    for document in [
        with(&[stranger]),
        with(&[p256]),
        with(&[]),
        json!({ "id": own }),
        json!({ "id": "did:web:other.test" }),
        json!({}),
    ] {
        publish(&local, 200, &document);
        let cause = asked(&local, true, &[]).await;
        let is_told = matches!(cause, Cause::Malformed(_) | Cause::Forged(_));
        assert!(is_told, "{document}: {cause}");
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_document_that_is_not_there_leaves_receipts_unchecked_where_that_is_allowed() {
    let local = Local::start(small()).await;
    publish(&local, 404, &json!({}));
    assert!(is_answer(&asked(&local, true, &[]).await));
    let before = local.count(Service::Indexer, "assert/index");
    let refused = asked(&local, false, &[]).await;
    let setting = "INDEXING_SERVICE_PUBLIC_KEYS";
    let is_told = matches!(&refused, Cause::Setting(text) if text.contains(setting));
    assert!(is_told, "{refused}");
    assert_eq!(local.count(Service::Indexer, "assert/index"), before);
    // Pinned keys count whatever is published: the right one, beside the one that it follows.
    let right = local.sandbox.network().keys.indexer.key_did().clone();
    let wrong = Signer::generate();
    assert!(is_answer(
        &asked(&local, false, &[wrong.did(), &right]).await
    ));
    let forged = asked(&local, true, &[wrong.did()]).await;
    assert!(matches!(forged, Cause::Forged(_)), "{forged}");
    local.stop().await;
}
