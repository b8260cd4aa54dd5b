//! An upload with a block whose hash function is not computed here, migrated only when that is asked for.

use aws_sdk_dynamodb::types::AttributeValue;
use cid::Cid;
use sterna::proto::car;
use sterna::proto::multihash::{Multihash, codec};

use crate::foreign::{client, variable};
use crate::network::{Network, seed};
use crate::plan::{FIRST, setup};
use crate::run::Place;

type S3 = aws_sdk_s3::config::Builder;

fn s3(place: &Place) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    let secret = |name| variable(place, name);
    let (id, key) = (secret("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY"));
    let config = S3::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-2"))
        .credentials_provider(Credentials::new(id, key, None, None, "test"))
        .endpoint_url(variable(place, "AWS_ENDPOINT_URL_S3"))
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

async fn first_space(place: &Place) -> String {
    let scan = client(place).scan().table_name("local-migration-progress");
    let rows = scan.send().await.unwrap().items.unwrap();
    rows[0]["space"].as_s().unwrap().clone()
}

/// Adds an upload of two blocks to a space, one of them named by an md5; gives its root.
async fn add(place: &Place, space: &str) -> String {
    let root = Multihash::sha256(b"root").cid(codec::RAW).unwrap();
    let old = [&[0x01, 0x55, 0xd5, 0x01, 16][..], &[7; 16]].concat();
    let old = Cid::try_from(old).unwrap();
    let blocks = [(&root, &b"root"[..]), (&old, b"of old")];
    let bytes = car::write(&[root], blocks);
    let shard = Multihash::sha256(&bytes);
    let (name, size) = (shard.base58(), bytes.len());
    let put = s3(place)
        .put_object()
        .bucket(variable(place, "CARPARK_BUCKET"))
        .key(format!("{name}/{name}.blob"))
        .body(bytes.into());
    put.send().await.unwrap();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let row = |table| client(place).put_item().table_name(variable(place, table));
    let allocation = row("ALLOCATIONS_TABLE_NAME")
        .item("space", text(space))
        .item("multihash", text(&name))
        .item("size", AttributeValue::N(size.to_string()));
    allocation.send().await.unwrap();
    let shard = shard.cid(codec::CAR).unwrap().to_string();
    let upload = row("UPLOAD_TABLE_NAME")
        .item("space", text(space))
        .item("root", text(&root.to_string()))
        .item("shards", AttributeValue::Ss(vec![shard]))
        .item("insertedAt", text("2024-01-01T00:00:00.000Z"));
    upload.send().await.unwrap();
    root.to_string()
}

#[test]
fn unverified_hashes_are_indexed_by_a_retry_that_asks_for_it() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["1", "1", "4"]);
    setup(&place, "1", 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let root = runtime.block_on(async { add(&place, &first_space(&place).await).await });

    let run = ["migrate", "--customers-file", FIRST, "--output", "json"];
    let ran = place.sterna(run).ends(3).json();
    assert_eq!(ran["failures"]["UNVERIFIABLE_HASH"], 1, "{ran}");
    assert_eq!(ran["unverified_blocks"], 0);
    let told = place.sterna(["explain", &root]).ends(0).text();
    assert!(told.contains("--unverified-hashes index"), "{told}");
    let wrong = ["retry", "--failed", "--unverified-hashes", "believe"];
    let refused = place.sterna(wrong).ends(2);
    drop(refused.tells(&["quarantine", "index"]));
    let retry = ["retry", "--failed", "--reason", "UNVERIFIABLE_HASH"];
    let ran = place.sterna(retry.iter().chain(&["--unverified-hashes", "index"]));
    let text = ran.ends(0).text();
    assert!(text.contains("1 block indexed without a check"), "{text}");
    place.sterna(["verify", "--cid", &root]).ends(0);
    // What cannot be checked is not called damaged, and not called right.
    place.sterna(["verify", "--deep", "--cid", &root]).ends(14);
}
