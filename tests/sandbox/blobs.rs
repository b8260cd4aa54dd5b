//! Adding blobs to spaces: upload service and storage node over the real wire.

use ipld_core::ipld::Ipld;
use sterna::proto::Signer;
use sterna::proto::claims::Claim;
use sterna::proto::message::{CONTENT_TYPE, Message, find_receipt};
use sterna::proto::multihash::Multihash;
use sterna::proto::ucan::{Capability, Draft, Expiration};
use sterna::sandbox::{Plan, Row, Service, Table};

use crate::aws::Local;
use crate::ucan::{
    Space, blob_of, concluded_in, counted, error_message, error_name, field, fork, forks, map,
    polled, post, send,
};

fn content(seed: u8, size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at % 251).unwrap() ^ seed)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_put_accepted_registered_and_found() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let bytes = content(1, 300_000);
    let claim = space.add(&local, &bytes).await;
    let Claim::Location(location) = Claim::of(&claim).unwrap() else {
        panic!("not a location")
    };
    assert_eq!(location.space.as_ref(), Some(space.did()));
    assert!(claim.issuer().is_key());
    let got = reqwest::get(&location.location[0])
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(&got[..], &bytes[..]);

    let network = local.sandbox.network();
    let digest = Multihash::sha256(&bytes).base58();
    let key = Row::new().text("space", space.did().as_str());
    let allocation = network
        .db
        .get(Table::Allocation, key.clone().text("multihash", &*digest))
        .await
        .unwrap();
    let registered = network
        .db
        .get(Table::BlobRegistry, key.text("digest", &*digest))
        .await
        .unwrap();
    for row in [allocation.unwrap(), registered.unwrap()] {
        assert_eq!(row.get_number("size"), Some(300_000));
    }

    let listed = space.ask(&local, "space/blob/list", map([])).await;
    let Some(Ipld::List(results)) = field(listed.outcome().ok().unwrap(), "results") else {
        panic!()
    };
    assert_eq!(results.len(), 1);
    let digest = Ipld::Bytes(Multihash::sha256(&bytes).as_bytes().to_vec());
    let removed = space
        .ask(&local, "space/blob/remove", map([("digest", digest)]))
        .await;
    assert_eq!(
        field(removed.outcome().ok().unwrap(), "size"),
        Some(&Ipld::Integer(300_000))
    );
    // What services ask of each other is not the client's doing.
    assert_eq!(counted(&local, Service::Node, "blob/allocate").await, 0);
    assert_eq!(counted(&local, Service::Upload, "space/blob/add").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_found_in_every_message_that_it_is_filed_under() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let bytes = content(9, 3000);
    space.add(&local, &bytes).await;
    // Another process adds the same blob: the answer tells what came of the first add, and is filed too.
    let again = space.ask(&local, "space/blob/add", blob_of(&bytes)).await;
    let accept = *fork(&again, "blob/accept").cid();

    let network = local.sandbox.network();
    let rows = network
        .db
        .query(Table::AgentIndex, None, &format!("{accept}.out"))
        .await
        .unwrap();
    assert!(rows.len() > 1, "{rows:?}");
    for row in rows {
        let (_, name) = row.get_text("identifier").unwrap().split_once('@').unwrap();
        let url = format!("{}/messages/{name}/{name}", local.url(Service::Upload));
        let body = reqwest::get(url).await.unwrap().bytes().await.unwrap();
        let message = Message::decode(&body).unwrap();
        let receipt = find_receipt(&message, &accept).unwrap().expect(name);
        assert!(receipt.outcome().ok().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_say_what_is_left_to_do() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let bytes = content(2, 100);
    let tasks = [
        "blob/allocate",
        "web3.storage/blob/allocate",
        "http/put",
        "blob/accept",
        "web3.storage/blob/accept",
    ];
    let with = |conclusions: usize| [&tasks[..], &vec!["ucan/conclude"; conclusions][..]].concat();

    let first = space.invocation(&local, "space/blob/add", blob_of(&bytes));
    let fresh = send(&local, Service::Upload, &first).await;
    assert_eq!(forks(&fresh), with(2));
    space.add(&local, &bytes).await;
    let same = send(&local, Service::Upload, &first).await;
    assert_eq!(
        same.cid(),
        fresh.cid(),
        "the same invocation has the stored receipt"
    );
    let again = space.ask(&local, "space/blob/add", blob_of(&bytes)).await;
    assert_eq!(
        forks(&again),
        with(4),
        "registered: put and accept come along"
    );
    let other = Space::provisioned(&local).await;
    let stored = other.ask(&local, "space/blob/add", blob_of(&bytes)).await;
    assert_eq!(
        forks(&stored),
        with(5),
        "the node has the bytes: nothing is left to do"
    );
    assert!(
        concluded_in(&stored)
            .iter()
            .all(|receipt| receipt.outcome().ok().is_some())
    );
    other.add(&local, &bytes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_names_of_the_protocol() {
    let local = Local::start().await;
    let poor = Space::new();
    let refused = poor.ask(&local, "space/blob/add", blob_of(b"x")).await;
    assert_eq!(error_name(&refused), "InsufficientStorage");
    assert_eq!(
        error_message(&refused),
        format!("{} has no storage provider", poor.did())
    );

    let space = Space::provisioned(&local).await;
    local.sandbox.network().faults.add(Plan {
        service: Some(Service::Node),
        status: Some(500),
        times: Some(1),
        ..Plan::default()
    });
    let refused = space.ask(&local, "space/blob/add", blob_of(b"x")).await;
    assert_eq!(error_name(&refused), "CandidateUnavailable");

    let nothing = space.ask(&local, "no/such", map([])).await;
    assert_eq!(error_name(&nothing), "HandlerNotFound");

    let stranger = Signer::generate();
    let keys = &local.sandbox.network().keys;
    let now = local.sandbox.network().clock.now().0 / 1000;
    let capability = || Capability::new("space/blob/add", space.did().as_str()).nb(blob_of(b"x"));
    let stolen = Draft::new(&stranger, keys.upload.did())
        .capability(capability())
        .expiration(Expiration::At(now + 30));
    assert_eq!(
        error_name(&send(&local, Service::Upload, &stolen.sign().unwrap()).await),
        "Unauthorized"
    );
    let astray = Draft::new(&space.key, keys.gateway.did())
        .capability(capability())
        .expiration(Expiration::At(now + 30));
    assert_eq!(
        error_name(&send(&local, Service::Upload, &astray.sign().unwrap()).await),
        "InvalidAudience"
    );
    let two = Draft::new(&space.key, keys.upload.did())
        .capability(capability())
        .capability(capability())
        .expiration(Expiration::At(now + 30));
    assert_eq!(
        error_name(&send(&local, Service::Upload, &two.sign().unwrap()).await),
        "InvocationCapabilityError"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_of_other_bytes_is_refused_and_nothing_is_accepted() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let bytes = content(3, 1000);
    let digest = Multihash::sha256(&bytes).base58();
    let url = format!("{}/{digest}/{digest}.blob", local.url(Service::Node));
    let put = |body: Vec<u8>| reqwest::Client::new().put(&url).body(body).send();
    assert_eq!(
        put(bytes.clone()).await.unwrap().status(),
        403,
        "not allocated"
    );
    space.ask(&local, "space/blob/add", blob_of(&bytes)).await;
    assert_eq!(
        put(content(4, 1000)).await.unwrap().status(),
        400,
        "another hash"
    );
    assert_eq!(
        put(content(3, 999)).await.unwrap().status(),
        403,
        "another size"
    );
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 404);
    assert_eq!(put(bytes.clone()).await.unwrap().status(), 200);
    let part = reqwest::Client::new()
        .get(&url)
        .header("range", "bytes=10-19")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(&part.bytes().await.unwrap()[..], &bytes[10..20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_negotiated() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let list = space.invocation(&local, "space/blob/list", map([]));
    let more = space.invocation(&local, "upload/list", map([]));
    let body = Message::request(&[list.clone(), more.clone(), list.clone()])
        .unwrap()
        .encode();
    for service in [
        Service::Upload,
        Service::Node,
        Service::Indexer,
        Service::Gateway,
    ] {
        let url = local.url(service);
        let (status, _) = post(&url, &[("content-type", "text/plain")], body.clone()).await;
        assert_eq!(status, 415, "{service}");
        let headers = [("content-type", CONTENT_TYPE), ("accept", "text/html")];
        assert_eq!(post(&url, &headers, body.clone()).await.0, 406, "{service}");
        assert_eq!(
            post(&url, &[("content-type", CONTENT_TYPE)], b"no car".to_vec())
                .await
                .0,
            400,
            "{service}"
        );
        let answer = reqwest::get(format!("{url}/.well-known/did.json"))
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{service}");
    }
    let (status, reply) = post(
        &local.url(Service::Upload),
        &[("content-type", CONTENT_TYPE)],
        body,
    )
    .await;
    assert_eq!(status, 200);
    let reply = Message::decode(&reply).unwrap();
    assert_eq!(reply.report().len(), 2);
    for invocation in [&list, &more] {
        assert!(
            reply
                .receipt(invocation.cid())
                .unwrap()
                .unwrap()
                .outcome()
                .ok()
                .is_some()
        );
        assert!(polled(&local, invocation.cid()).await.is_some());
    }
    let unknown = space.invocation(&local, "upload/list", map([]));
    assert!(polled(&local, unknown.cid()).await.is_none());
    let answer = reqwest::get(format!("{}/receipt/x", local.url(Service::Upload)))
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_remember_over_a_restart() {
    let local = Local::start().await;
    let space = Space::provisioned(&local).await;
    let bytes = content(5, 2000);
    let first = space.invocation(&local, "space/blob/add", blob_of(&bytes));
    let before = send(&local, Service::Upload, &first).await;
    let local = local.restart().await;
    let after = send(&local, Service::Upload, &first).await;
    assert_eq!(before.cid(), after.cid());
    space.add(&local, &bytes).await;
}
