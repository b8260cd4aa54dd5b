//! Where answers lead: nowhere but where the settings say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use bytes::Bytes;
use sterna::client::{Blob, Cause, ClientError, Config, Layout, Reach, Services};
use sterna::proto::key::Signer;
use sterna::proto::multihash::Multihash;
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::{PutOptions, Service, bucket};
use url::Url;

use crate::fixture::{Local, small};
use crate::forged::paid_space;
use crate::proxy::{Answer, Asked, Proxy};

async fn services(config: &Config) -> Services {
    let connect = Services::connect(config, Clock::system(), ServiceRegistry::new());
    connect.await.unwrap()
}

fn is_refused(error: &ClientError, address: &str) -> bool {
    matches!(&error.cause, Cause::Address(text) if text.contains(address))
}

/// Leads everything below a path to another server.
fn leading(below: &'static str, to: &Url) -> impl Fn(&Asked, Answer) -> Answer + use<> {
    let to = to.clone();
    move |asked: &Asked, answer: Answer| {
        if asked.path.starts_with(below) {
            Answer::redirect(to.join(&asked.path).unwrap().as_str())
        } else {
            answer
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_fetched_only_where_the_settings_say_that_they_lie() {
    let local = Local::start(small()).await;
    let real = local.config.network.upload_service.url.clone();
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let elsewhere = Proxy::changing(real.clone(), move |_, answer| {
        count.fetch_add(1, Ordering::Relaxed);
        answer
    })
    .await;
    let proxy = Proxy::changing(real, leading("/receipt/", &elsewhere.url)).await;
    let mut config = local.config.clone();
    config.network.upload_service.url = proxy.url.clone();
    let space = paid_space(&local, &local.services().await).await;
    let blob = Blob::new(Bytes::from_static(b"a blob"));

    let add = services(&config).await.upload;
    let refused = add.add_blob(&space, &blob).await.unwrap_err();
    let origin = elsewhere.url.origin().ascii_serialization();
    assert!(is_refused(&refused, &origin), "{refused}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);

    config.network.receipts = vec![elsewhere.url.clone()];
    let add = services(&config).await.upload;
    let blob = Blob::new(Bytes::from_static(b"another blob"));
    add.add_blob(&space, &blob).await.unwrap();
    assert!(asked.load(Ordering::Relaxed) > 0);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_service_are_fetched_nowhere_else() {
    let local = Local::start(small()).await;
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let elsewhere = Proxy::alone(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Answer {
            status: StatusCode::NOT_FOUND,
            headers: Vec::new(),
            body: Vec::new(),
        }
    })
    .await;
    let mut config = local.config.clone();
    let service = &mut config.network.indexing_service.url;
    let proxy = Proxy::changing(service.clone(), leading("/.well-known/", &elsewhere.url)).await;
    *service = proxy.url.clone();
    let indexing = services(&config).await.indexing;
    let cid = Multihash::sha256(b"x").cid(0x71).unwrap();
    let claimed = indexing.assert_index(&Signer::generate(), &cid, &cid).await;
    let refused = claimed.unwrap_err();
    let origin = elsewhere.url.origin().ascii_serialization();
    assert!(is_refused(&refused, &origin), "{refused}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_no_blob_sent_to_addresses_that_are_not_public() {
    let local = Local::start(small()).await;
    let space = paid_space(&local, &local.services().await).await;
    let blob = Blob::new(Bytes::from_static(b"a blob"));
    let sent = || local.sandbox.network().meter.snapshot()[&Service::Node].clone();
    let mut config = local.config.clone();
    config.network.reach = Reach::Public;
    let node = std::mem::replace(
        &mut config.network.storage_node.service.url,
        "https://storage.example.net".parse().unwrap(),
    );
    let add = services(&config).await.upload;
    let refused = add.add_blob(&space, &blob).await.unwrap_err();
    let origin = node.origin().ascii_serialization();
    assert!(is_refused(&refused, &origin), "{refused}");
    let stored = &local.sandbox.network().objects;
    let key = format!("{0}/{0}.blob", blob.digest.base58());
    assert!(stored.head(bucket::CARPARK, &key).is_none(), "{:?}", sent());
    let named = refused.to_string().contains("STORAGE_NODE_UPLOAD_URLS");
    assert!(named, "{refused}");
    // What the settings name lies where they say.
    config.network.uploads = vec![node];
    let add = services(&config).await.upload;
    add.add_blob(&space, &blob).await.unwrap();
    assert!(stored.head(bucket::CARPARK, &key).is_some());
    local.stop().await;
}

/// Otherwise a claim would be published, under our key, that leads to other bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_a_claim_names_counts_by_its_bytes() {
    let local = Local::start(small()).await;
    let carpark = local.services().await.carpark;
    let (shard, other) = (
        Bytes::from_static(b"a shard"),
        Bytes::from_static(b"another"),
    );
    let objects = &local.sandbox.network().objects;
    let base = &local.config.network.carpark.blob_url;
    let mut places = Vec::new();
    for (key, bytes) in [
        ("old/place-of-another", other),
        ("old/place", shard.clone()),
    ] {
        let put = objects.put(bucket::CARPARK, key, bytes, PutOptions::default());
        put.await.unwrap();
        places.push(base.join(key).unwrap());
    }
    let hash = Multihash::sha256(&shard);
    let wrong = carpark.locate(&hash, Layout::Blob, &places[..1]).await;
    assert_eq!(wrong.unwrap(), None);
    let found = carpark.locate(&hash, Layout::Blob, &places).await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.url, found.layout), (places[1].clone(), None));
    assert_eq!(found.length, Some(shard.len() as u64));
    local.stop().await;
}
