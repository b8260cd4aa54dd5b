//! The clients alone.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use sterna::client::{Blob, Cause, Layout, Protocol, QueryKind, Services};
use sterna::proto::claims::Claim;
use sterna::proto::did::Did;
use sterna::proto::key::{Signer, Verifier};
use sterna::proto::multihash::Multihash;
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::world::plan::{Condition, Protocol as Stored};
use sterna::sandbox::{Plan, Row, Service, Table};

use crate::fixture::{Local, small};

/// A new space that somebody pays for.
async fn paid_space(local: &Local) -> Signer {
    let space = Signer::generate();
    let network = local.sandbox.network();
    let row = Row::new()
        .text("subscription", format!("sub-{}", space.did()))
        .text("provider", network.keys.upload.did().as_str())
        .text("consumer", space.did().as_str())
        .text("customer", "did:mailto:example.com:alice");
    network.db.put(Table::Consumer, row).await.unwrap();
    space
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one walk over the world")]
async fn the_network_is_read_as_it_was_seeded() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    for record in &local.world.uploads {
        let space = Did::parse(&record.space).unwrap();
        let row = services
            .tables
            .upload(&space, &record.root)
            .await
            .unwrap()
            .unwrap();
        let mut wanted = record.shards.clone();
        wanted.sort();
        assert_eq!(row.shards, wanted);
        let shards: Vec<_> = row
            .shards
            .iter()
            .map(|text| cid::Cid::try_from(text.as_str()).unwrap())
            .collect();
        let sizes = services.tables.shard_rows(&space, &shards).await.unwrap();
        assert_eq!(sizes.len(), shards.len(), "{}", record.root);
        let protocol = match record.protocol {
            Stored::Blob => Protocol::Blob,
            Stored::Store => Protocol::Store,
        };
        assert!(sizes.values().all(|row| row.protocol == protocol));
        let mut missing = 0;
        for shard in shards {
            let hash = Multihash::of(&shard);
            match services
                .carpark
                .locate(&hash, Layout::Blob, &[])
                .await
                .unwrap()
            {
                Some(place) => assert_eq!(place.length, Some(sizes[&hash].size)),
                None => missing += 1,
            }
        }
        assert_eq!(
            missing > 0,
            record.condition == Condition::MissingBlob,
            "{}",
            record.root
        );
    }
    let mut spaces: Vec<_> = local
        .world
        .uploads
        .iter()
        .map(|record| record.space.clone())
        .collect();
    spaces.sort();
    for run in spaces.chunk_by(|a, b| a == b) {
        let space = Did::parse(&run[0]).unwrap();
        assert_eq!(
            services.tables.count_uploads(&space).await.unwrap(),
            run.len() as u64
        );
        let customers = services.tables.consumers_of_space(&space).await.unwrap();
        let customer = customers[0].customer.clone().unwrap();
        let listed = services.tables.spaces_of_customer(&customer).await.unwrap();
        assert_eq!(listed.iter().filter(|one| one.space == space).count(), 1);
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_streamed_whole_and_an_unknown_one_is_named_missing() {
    use sterna::proto::multihash::codec;
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = local
        .world
        .uploads
        .iter()
        .find(|record| record.condition == Condition::Complete);
    let shard = cid::Cid::try_from(record.unwrap().shards[0].as_str()).unwrap();
    let hash = Multihash::of(&shard);
    let (place, mut blob) = services
        .carpark
        .open(&hash, Layout::Store, &[])
        .await
        .unwrap()
        .unwrap();
    let mut whole = Vec::new();
    while let Some(piece) = blob.next().await.unwrap() {
        whole.extend_from_slice(&piece);
    }
    assert_eq!(place.length, Some(whole.len() as u64));
    assert_eq!(Multihash::sha256(&whole), hash);
    let unknown = Multihash::sha256(b"nowhere");
    assert!(
        services
            .carpark
            .open(&unknown, Layout::Blob, &[])
            .await
            .unwrap()
            .is_none()
    );
    assert!(unknown.cid(codec::CAR).is_ok());
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unprovisioned_space_is_refused_by_name() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let space = Signer::generate();
    let error = services
        .upload
        .add_blob(&space, &Blob::new(Bytes::from_static(b"index")))
        .await
        .unwrap_err();
    assert!(
        matches!(&error.cause, Cause::Failed { name, .. } if name == "InsufficientStorage"),
        "{error}"
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_upload_shows_an_index_and_a_claim_per_shard_in_one_query() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let complete = local
        .world
        .uploads
        .iter()
        .filter(|record| record.condition == Condition::Complete);
    for record in complete {
        let cids = std::iter::once(&record.root).chain(&record.shards);
        let hashes: Vec<_> = cids
            .map(|text| Multihash::of(&cid::Cid::try_from(text.as_str()).unwrap()))
            .collect();
        let answer = services
            .indexing
            .claims(&hashes, &[], QueryKind::Standard)
            .await
            .unwrap();
        let kinds: Vec<_> = answer
            .claims
            .iter()
            .map(|claim| Claim::of(claim).unwrap())
            .collect();
        assert!(kinds.iter().any(|claim| matches!(claim, Claim::Index(_))));
        for shard in &hashes[1..] {
            let here = kinds
                .iter()
                .any(|claim| matches!(claim, Claim::Location(at) if at.content.hash() == *shard));
            assert!(here, "{shard} of {}", record.root);
        }
        assert!(!answer.indexes.is_empty());
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_waits_for_another_of_the_same_blob_that_is_half_done() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let space = paid_space(&local).await;
    let blob = Blob::new(Bytes::from_static(b"index"));
    let first = services.upload.add_blob(&space, &blob).await.unwrap();

    // The blob is registered, and the receipt of the add that did it is not filed yet.
    let db = &local.sandbox.network().db;
    let task = format!("{}.out", first.cause);
    let rows = db.query(Table::AgentIndex, None, &task).await.unwrap();
    assert!(!rows.is_empty());
    for row in &rows {
        assert!(db.delete(Table::AgentIndex, row.clone()).await.unwrap());
    }
    let adds = local.count(Service::Upload, "space/blob/add");
    let ended = AtomicBool::new(false);
    let again = async {
        let stored = services.upload.add_blob(&space, &blob).await;
        ended.store(true, Ordering::Relaxed);
        stored
    };
    let filed = async {
        let asked = || local.count(Service::Upload, "space/blob/add") > adds;
        while !asked() && !ended.load(Ordering::Relaxed) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        for row in rows {
            db.put(Table::AgentIndex, row).await.unwrap();
        }
    };
    let (second, ()) = tokio::join!(again, filed);
    let second = second.unwrap();
    assert_eq!(second.location.cid(), first.location.cid());
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_issuers_are_those_they_publish_at_their_configured_address() {
    let local = Local::start(small()).await;
    let keys = &local.sandbox.network().keys;
    let did = |text| Did::parse(text).unwrap();
    let (provider, stranger) = (did("did:web:provider.test"), did("did:web:stranger.test"));
    let known = async |claims_service, issuer: &Did| {
        let mut config = local.config.clone();
        config.network.claims_service = claims_service;
        config.network.storage_providers.push(provider.clone());
        let connect = Services::connect(&config, Clock::system(), ServiceRegistry::new());
        let issuers = connect.await.unwrap().issuers;
        let keys = issuers.keys(issuer).await.map_err(|error| error.cause)?;
        Ok::<Vec<_>, Cause>(keys.iter().map(Verifier::key_did).collect())
    };
    let gateway = local.config.network.gateway.clone();
    let asked = async |issuer| known(gateway.clone(), issuer).await.unwrap();
    assert_eq!(asked(&gateway.did).await, [keys.gateway.key_did().clone()]);
    assert_eq!(asked(keys.upload.did()).await, asked(&provider).await);
    assert_eq!(asked(&provider).await, [keys.upload.key_did().clone()]);
    assert!(asked(&stranger).await.is_empty());

    // The document at the address is that of another, or nobody is there: neither says that there are no keys.
    let at = |url| sterna::client::Service {
        url,
        did: stranger.clone(),
        keys: Vec::new(),
    };
    let other = known(at(gateway.url.clone()), &stranger).await;
    assert!(matches!(other, Err(Cause::Malformed(_))), "{other:?}");
    let nobody = known(at("http://127.0.0.1:1".parse().unwrap()), &stranger).await;
    assert!(matches!(nobody, Err(Cause::Network(_))), "{nobody:?}");
    // Only "there is none" does; a page of somebody in between does not.
    let faults = &local.sandbox.network().faults;
    for (status, body, is_none) in [
        (404, "", true),
        (403, "forbidden", false),
        (200, "<html>please log in</html>", false),
        (503, "", false),
    ] {
        faults.clear();
        faults.add(Plan {
            service: Some(Service::Gateway),
            operation: Some("GET /.well-known".to_owned()),
            status: Some(status),
            body: Some(body.to_owned()),
            ..Plan::default()
        });
        let found = known(gateway.clone(), &gateway.did).await;
        assert!(faults.plans()[0].2 > 0, "{status}: the fault struck");
        match found {
            Ok(keys) => assert!(is_none && keys.is_empty(), "{status}: {keys:?}"),
            Err(cause) => assert!(!is_none, "{status}: {cause}"),
        }
    }
    faults.clear();
    local.stop().await;
}

/// The document of a service that signs with `key`.
fn document(did: &Did, key: &Signer) -> String {
    let key = key.verifier().key_did().to_string();
    let key = key.trim_start_matches("did:key:");
    serde_json::json!({
        "id": did.as_str(),
        "verificationMethod": [{ "publicKeyMultibase": key }],
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_whose_signature_does_not_fit_is_asked_for_its_keys_again() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let node = &local.config.network.storage_node.service.did;
    let former = Signer::generate();
    let faults = &local.sandbox.network().faults;
    faults.add(Plan {
        operation: Some("GET /.well-known".to_owned()),
        status: Some(200),
        body: Some(document(node, &former)),
        times: Some(1),
        ..Plan::default()
    });
    let seen = services.issuers.keys(node).await.unwrap();
    assert_eq!(seen[0].key_did(), former.verifier().key_did());
    let now = services.issuers.other_keys(node, &seen).await.unwrap();
    let now = now.expect("it signs with its real key again");
    assert_ne!(now[0].key_did(), seen[0].key_did());
    // Whoever comes late with the former ones gets those.
    let late = services.issuers.other_keys(node, &seen).await.unwrap();
    assert_eq!(late.unwrap()[0].key_did(), now[0].key_did());
    // It has no others; whoever forges a signature does not have it asked each time.
    let meter = &local.sandbox.network().meter;
    for asked in [1, 0] {
        meter.reset();
        let others = services.issuers.other_keys(node, &now).await.unwrap();
        assert!(others.is_none());
        let all = meter.snapshot();
        let total: u64 = all.values().map(|service| service.requests).sum();
        assert_eq!(total, asked);
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_of_an_index_does_not_end() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let complete = local
        .world
        .uploads
        .iter()
        .find(|record| record.condition == Condition::Complete);
    let root = cid::Cid::try_from(complete.unwrap().root.as_str()).unwrap();
    let hashes = [Multihash::of(&root)];
    let ask = || services.indexing.claims(&hashes, &[], QueryKind::Standard);
    let seeded = ask().await.unwrap().claims;
    let index = seeded.iter().find_map(|claim| match Claim::of(claim) {
        Ok(Claim::Index(index)) => Some(index.index),
        _ => None,
    });
    let space = sterna::proto::key::Signer::generate();
    let index = index.unwrap();
    services
        .indexing
        .assert_index(&space, &root, &index)
        .await
        .unwrap();
    let claims = ask().await.unwrap().claims;
    let ours = claims.iter().find(|claim| claim.issuer() == space.did());
    assert_eq!(ours.unwrap().expiration(), None);
    local.stop().await;
}
