//! Storing a blob: the client's `space/blob/add`, PUT, `ucan/conclude` and accept at the real upload service.

use bytes::Bytes;
use ipld_core::ipld::Ipld;
use serde_json::json;
use sterna::client::{Blob, Cause};
use sterna::model::{Class, Reason};
use sterna::proto::claims::Claim;
use sterna::proto::message::Receipt;
use sterna::proto::ucan::{Capability, Delegation, Draft, Expiration};
use sterna::proto::{Did, Signer, Verifier};
use sterna::runtime::Clock;

use crate::altered::send;
use crate::real::{Real, meaning};

/// Bytes that no other test has.
fn blob() -> Blob {
    let bytes: Vec<u8> = (0..100)
        .flat_map(|_| uuid::Uuid::new_v4().into_bytes())
        .collect();
    Blob::new(Bytes::from(bytes))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn a_blob_is_put_concluded_accepted_and_its_location_read_from_the_receipt() {
    let real = Real::shared();
    let clients = real.clients().await;
    let (space, blob) = (real.space().await, blob());
    let stored = clients.upload.add_blob(&space, &blob).await.unwrap();

    let claim = &stored.location;
    let node = Verifier::from_did(claim.issuer()).unwrap();
    assert!(claim.verify(&node));
    let Claim::Location(location) = Claim::of(claim).unwrap() else {
        panic!("no location")
    };
    assert_eq!(location.content.hash(), blob.digest);
    assert_eq!(location.space.as_ref(), Some(space.did()));
    let range = location.range.unwrap();
    assert_eq!(
        (range.offset, range.length),
        (0, Some(blob.bytes.len() as u64))
    );
    let got = reqwest::get(&location.location[0]).await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), blob.bytes);
    assert!(real.is_registered(space.did(), &blob.digest).await);

    // The node has told the indexing service by itself.
    let hashes = [blob.digest.clone()];
    let known = clients
        .indexing
        .claims(&hashes, &[], sterna::client::QueryKind::Standard)
        .await
        .unwrap();
    assert!(known.claims.iter().any(|one| one.cid() == claim.cid()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn bytes_that_are_there_are_not_sent_again_and_many_adds_at_once_all_end_well() {
    let real = Real::shared();
    let clients = real.clients().await;
    let (space, other, blob) = (real.space().await, real.space().await, blob());
    let adds = (0..6).map(|_| clients.upload.add_blob(&space, &blob));
    for stored in futures::future::join_all(adds).await {
        assert_eq!(stored.unwrap().location.audience(), space.did());
    }
    // A PUT would be refused now.
    real.fault(&blob.digest, json!({ "put": 500 })).await;
    let again = clients.upload.add_blob(&space, &blob).await.unwrap();
    assert_eq!(again.location.audience(), space.did());
    let elsewhere = clients.upload.add_blob(&other, &blob).await.unwrap();
    assert_eq!(elsewhere.location.audience(), other.did());
    assert!(real.is_registered(other.did(), &blob.digest).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn a_space_that_nobody_pays_for_is_refused_for_good() {
    let clients = Real::shared().clients().await;
    let refused = clients.upload.add_blob(&Signer::generate(), &blob()).await;
    let cause = &refused.as_ref().unwrap_err().cause;
    assert!(matches!(cause, Cause::Failed { name, .. } if name == "InsufficientStorage"));
    assert_eq!(meaning(refused), (Class::Permanent, Reason::REFUSED));
}

/// `space/blob/add` without a nonce: the same for the same second.
fn add(space: &Signer, service: &Did, blob: &Blob) -> Delegation {
    let nb = [
        (
            "digest".to_owned(),
            Ipld::Bytes(blob.digest.as_bytes().to_vec()),
        ),
        ("size".to_owned(), Ipld::Integer(blob.bytes.len() as i128)),
    ];
    let capability = Capability::new("space/blob/add", space.did().as_str())
        .caveat("blob", Ipld::Map(nb.into()));
    Draft::new(space, service)
        .capability(capability)
        .expiration(Expiration::At(Clock::system().unix_secs() + 60))
        .sign()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn a_repeated_invocation_gets_its_stored_answer_and_the_client_never_repeats_one() {
    let real = Real::shared();
    let service = &real.config.network.upload_service;
    let clients = real.clients().await;
    let (space, blob) = (Signer::generate(), blob());
    let url = real.url("upload");
    let out = |receipt: &Receipt| receipt.outcome().clone();

    let invocation = add(&space, &service.did, &blob);
    let refused = send(url, &invocation).await;
    assert!(refused.outcome().err().is_some());
    // Now it could be done, yet the service remembers that it could not.
    real.provision(&space).await;
    let repeated = send(url, &invocation).await;
    assert_eq!(repeated.cid(), refused.cid());
    assert_eq!(out(&repeated), out(&refused));
    // The client's own invocations are new every time.
    clients.upload.add_blob(&space, &blob).await.unwrap();

    let other = self::blob();
    let invocation = add(&space, &service.did, &other);
    let added = send(url, &invocation).await;
    assert!(added.outcome().ok().is_some(), "{:?}", added.outcome());
    assert_eq!(send(url, &invocation).await.cid(), added.cid());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn a_rejected_put_is_reported_with_what_the_node_said() {
    let real = Real::shared();
    let clients = real.clients().await;
    let space = real.space().await;
    for (status, class, reason) in [
        (400, Class::Permanent, Reason::REFUSED),
        (403, Class::Permanent, Reason::UNAUTHORIZED),
        (429, Class::Transient, Reason::THROTTLED),
        (503, Class::Transient, Reason::SERVICE_ERROR),
    ] {
        let blob = blob();
        real.fault(&blob.digest, json!({ "put": status })).await;
        let refused = clients.upload.add_blob(&space, &blob).await;
        let error = refused.as_ref().unwrap_err();
        assert_eq!(
            error.dependency,
            sterna::client::Dependency::StorageNode,
            "{error}"
        );
        assert_eq!(meaning(refused), (class, reason), "{status}");
        assert!(!real.is_registered(space.did(), &blob.digest).await);
        real.fault(&blob.digest, json!({})).await;
        clients.upload.add_blob(&space, &blob).await.unwrap();
        assert!(real.is_registered(space.did(), &blob.digest).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn a_failing_accept_passes_and_registers_nothing_until_it_succeeds() {
    let real = Real::shared();
    let clients = real.clients().await;
    let (space, blob) = (real.space().await, blob());
    real.fault(&blob.digest, json!({ "accept": true })).await;
    // At the first add the conclusion fails; at the second the bytes are there, and the add itself does.
    for _ in 0..2 {
        let failed = clients.upload.add_blob(&space, &blob).await;
        let cause = &failed.as_ref().unwrap_err().cause;
        assert!(
            matches!(cause, Cause::Failed { name, .. } if name == "AllocatedMemoryHadNotBeenWrittenTo"),
            "{cause}"
        );
        assert_eq!(meaning(failed), (Class::Transient, Reason::SERVICE_ERROR));
        assert!(!real.is_registered(space.did(), &blob.digest).await);
    }
    real.fault(&blob.digest, json!({})).await;
    clients.upload.add_blob(&space, &blob).await.unwrap();
    assert!(real.is_registered(space.did(), &blob.digest).await);
}
