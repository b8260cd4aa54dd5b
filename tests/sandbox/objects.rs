//! S3 of the local network.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use aws_sdk_s3::{Client, presigning::PresigningConfig};
use std::time::Duration;
use sterna::sandbox::bucket;

use crate::aws::Local;

async fn put(client: &Client, bucket: &str, key: &str, body: &[u8]) -> String {
    client
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(ByteStream::from(body.to_vec()))
        .send()
        .await
        .unwrap()
        .e_tag
        .unwrap()
}

async fn get(client: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let answer = client.get_object().bucket(bucket).key(key).send().await;
    let body = answer.unwrap().body.collect().await.unwrap();
    body.into_bytes().to_vec()
}

fn status<E>(error: &SdkError<E>) -> u16 {
    error.raw_response().unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_sixteen_puts_of_a_new_key_wins() {
    let local = Local::start().await;
    for round in 0..5 {
        let key = format!("race-{round}");
        let puts = (0..16).map(|racer: u8| {
            let client = local.s3();
            let key = key.clone();
            async move {
                let put = client
                    .put_object()
                    .bucket(bucket::CLAIMS)
                    .key(key)
                    .if_none_match("*")
                    .body(ByteStream::from(vec![racer; 2000]));
                (racer, put.send().await)
            }
        });
        let answers = futures::future::join_all(puts).await;
        let winners: Vec<_> = answers.iter().filter(|(_, put)| put.is_ok()).collect();
        assert_eq!(winners.len(), 1);
        for (_, answer) in &answers {
            if let Err(error) = answer {
                assert_eq!(status::<PutObjectError>(error), 412);
            }
        }
        let stored = get(&local.s3(), bucket::CLAIMS, &key).await;
        assert_eq!(stored, vec![winners[0].0; 2000]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_over_another_version_is_refused() {
    let local = Local::start().await;
    let client = local.s3();
    let first = put(&client, bucket::REPORTS, "state", b"one").await;
    let over = |tag: String| {
        client
            .put_object()
            .bucket(bucket::REPORTS)
            .key("state")
            .if_match(tag)
            .body(ByteStream::from_static(b"two"))
            .send()
    };
    let second = over(first.clone()).await.unwrap().e_tag.unwrap();
    assert_ne!(first, second);
    assert_eq!(status(&over(first).await.unwrap_err()), 412);
    assert_eq!(get(&client, bucket::REPORTS, "state").await, b"two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leading_slash_is_part_of_the_key() {
    let local = Local::start().await;
    let client = local.s3();
    let keys = [
        "/delegations/x.car",
        "delegations/x.car",
        "//x",
        "we ird/+%2F ä?#",
        "a/../b",
        "a/./b",
    ];
    for key in keys {
        put(&client, bucket::DELEGATIONS, key, key.as_bytes()).await;
    }
    for key in keys {
        assert_eq!(get(&client, bucket::DELEGATIONS, key).await, key.as_bytes());
    }
    let list = client
        .list_objects_v2()
        .bucket(bucket::DELEGATIONS)
        .send()
        .await
        .unwrap();
    let mut listed: Vec<_> = list.contents().iter().map(|o| o.key().unwrap()).collect();
    listed.sort_unstable();
    let mut wanted = keys.to_vec();
    wanted.sort_unstable();
    assert_eq!(listed, wanted);

    // The same object inside the network.
    let objects = &local.sandbox.network().objects;
    let found = objects.get(bucket::DELEGATIONS, keys[0]).await.unwrap();
    assert_eq!(found.unwrap().1, keys[0].as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_cut_to_the_object_or_refused() {
    let local = Local::start().await;
    let client = local.s3();
    put(&client, bucket::CARPARK, "k", b"0123456789").await;
    for (range, body, header) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let answer = client
            .get_object()
            .bucket(bucket::CARPARK)
            .key("k")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.content_range(), Some(header), "{range}");
        assert_eq!(answer.content_length(), i64::try_from(body.len()).ok());
        let bytes = answer.body.collect().await.unwrap().into_bytes();
        assert_eq!(bytes, body.as_bytes(), "{range}");
    }
    let beyond = client
        .get_object()
        .bucket(bucket::CARPARK)
        .key("k")
        .range("bytes=10-")
        .send()
        .await
        .unwrap_err();
    assert_eq!(status(&beyond), 416);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_obey_conditions_and_give_the_description() {
    let local = Local::start().await;
    let client = local.s3();
    client
        .put_object()
        .bucket(bucket::CLAIMS)
        .key("k")
        .content_type("application/car")
        .metadata("origin", "test")
        .body(ByteStream::from_static(b"body"))
        .send()
        .await
        .unwrap();
    let head = client.head_object().bucket(bucket::CLAIMS).key("k");
    let head = head.send().await.unwrap();
    assert_eq!(head.content_length(), Some(4));
    assert_eq!(head.content_type(), Some("application/car"));
    assert_eq!(head.metadata().unwrap()["origin"], "test");
    let tag = head.e_tag().unwrap();
    let read = || client.get_object().bucket(bucket::CLAIMS).key("k");
    let same = read().if_none_match(tag).send().await.unwrap_err();
    assert_eq!(status(&same), 304);
    let other = read().if_match("\"other\"").send().await.unwrap_err();
    assert_eq!(status(&other), 412);
    read().if_match(tag).send().await.unwrap();
    let none = client.get_object().bucket(bucket::CLAIMS).key("none");
    let none = none.send().await.unwrap_err();
    assert_eq!(none.code(), Some("NoSuchKey"));
    let none = client.head_object().bucket(bucket::CLAIMS).key("none");
    assert_eq!(status(&none.send().await.unwrap_err()), 404);
    let none = client.get_object().bucket("no-such-bucket").key("k");
    assert_eq!(none.send().await.unwrap_err().code(), Some("NoSuchBucket"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_the_announced_one_is_not_stored() {
    let local = Local::start().await;
    let client = local.s3();
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let wrong = client
        .put_object()
        .bucket(bucket::CARPARK)
        .key("k")
        .checksum_sha256(zeros)
        .body(ByteStream::from_static(b"body"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Some("BadDigest"));
    let objects = &local.sandbox.network().objects;
    assert!(objects.head(bucket::CARPARK, "k").is_none());

    for algorithm in [
        ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc64Nvme,
    ] {
        client
            .put_object()
            .bucket(bucket::CARPARK)
            .key("k")
            .checksum_algorithm(algorithm)
            .body(ByteStream::from_static(b"body"))
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_page_fold_and_start_anywhere() {
    let local = Local::start().await;
    let client = local.s3();
    for number in 0..25 {
        put(&client, bucket::REPORTS, &format!("a/{number:02}"), b"").await;
    }
    put(&client, bucket::REPORTS, "b", b"").await;
    put(&client, bucket::REPORTS, "c/1/2", b"").await;
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket::REPORTS)
        .prefix("a/")
        .max_keys(10)
        .into_paginator()
        .send();
    let (mut found, mut count) = (Vec::new(), 0);
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        count += 1;
        found.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
    }
    assert_eq!((found.len(), count), (25, 3));
    assert!(found.is_sorted());

    let folded = client
        .list_objects_v2()
        .bucket(bucket::REPORTS)
        .delimiter("/")
        .send()
        .await
        .unwrap();
    let prefixes: Vec<_> = folded
        .common_prefixes()
        .iter()
        .map(|prefix| prefix.prefix().unwrap())
        .collect();
    assert_eq!(prefixes, ["a/", "c/"]);
    assert_eq!(folded.contents().len(), 1);
    let after = client
        .list_objects_v2()
        .bucket(bucket::REPORTS)
        .start_after("a/23")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = after.contents().iter().map(|o| o.key().unwrap()).collect();
    assert_eq!(keys, ["a/24", "b", "c/1/2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_deleted_one_by_one_and_many_at_once() {
    let local = Local::start().await;
    let client = local.s3();
    let keys = ["a", "/b", "c/1"];
    for key in keys {
        put(&client, bucket::REPORTS, key, b"").await;
    }
    let doomed = ["/b", "c/1", "never there"]
        .map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder()
        .set_objects(Some(doomed.to_vec()))
        .build()
        .unwrap();
    let request = client
        .delete_objects()
        .bucket(bucket::REPORTS)
        .delete(delete);
    assert_eq!(request.send().await.unwrap().deleted().len(), 3);
    let objects = &local.sandbox.network().objects;
    let left = keys.map(|key| objects.head(bucket::REPORTS, key).is_some());
    assert_eq!(left, [true, false, false]);
    for _ in 0..2 {
        let request = client.delete_object().bucket(bucket::REPORTS).key("a");
        request.send().await.unwrap();
    }
    assert!(objects.head(bucket::REPORTS, "a").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_one_object_in_their_order() {
    let local = Local::start().await;
    let client = local.s3();
    let begin = || {
        client
            .create_multipart_upload()
            .bucket(bucket::CARPARK)
            .key("big")
    };
    let id = begin().send().await.unwrap().upload_id.unwrap();
    let bodies = [vec![1_u8; 5 << 20], vec![2_u8; 5 << 20], vec![3_u8; 10]];
    let mut parts = Vec::new();
    for (number, body) in (1..).zip(&bodies) {
        let tag = client
            .upload_part()
            .bucket(bucket::CARPARK)
            .key("big")
            .upload_id(&id)
            .part_number(number)
            .body(ByteStream::from(body.clone()))
            .send()
            .await
            .unwrap()
            .e_tag;
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(tag)
                .build(),
        );
    }
    let complete = |parts: Vec<CompletedPart>| {
        let upload = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        client
            .complete_multipart_upload()
            .bucket(bucket::CARPARK)
            .key("big")
            .upload_id(&id)
            .multipart_upload(upload)
            .send()
    };
    let backwards = parts.iter().rev().cloned().collect();
    let refused = complete(backwards).await.unwrap_err();
    assert!(matches!(
        refused.code(),
        Some("InvalidPart" | "InvalidPartOrder" | "EntityTooSmall")
    ));
    let tag = complete(parts.clone()).await.unwrap().e_tag.unwrap();
    assert!(tag.ends_with("-3\""), "{tag}");
    assert_eq!(get(&client, bucket::CARPARK, "big").await, bodies.concat());
    assert_eq!(
        complete(parts).await.unwrap_err().code(),
        Some("NoSuchUpload")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_is_gone() {
    let local = Local::start().await;
    let client = local.s3();
    let begin = client
        .create_multipart_upload()
        .bucket(bucket::CARPARK)
        .key("big");
    let id = begin.send().await.unwrap().upload_id.unwrap();
    let abort = || {
        client
            .abort_multipart_upload()
            .bucket(bucket::CARPARK)
            .key("big")
            .upload_id(&id)
            .send()
    };
    abort().await.unwrap();
    assert_eq!(abort().await.unwrap_err().code(), Some("NoSuchUpload"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_networks_own_key_opens_a_bucket() {
    let local = Local::start().await;
    let stranger = local.s3_with("another secret");
    let refused = stranger.list_buckets().send().await.unwrap_err();
    assert_eq!(status(&refused), 403);

    let client = local.s3();
    let soon = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    let put = client.put_object().bucket(bucket::CARPARK).key("signed");
    let signed = put.presigned(soon).await.unwrap();
    let http = reqwest::Client::new();
    let answer = http.put(signed.uri()).body("bytes").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(get(&client, bucket::CARPARK, "signed").await, b"bytes");
}
