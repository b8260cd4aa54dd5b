//! `tool-trace.json`: the bodies that the tool sent and got, as far as they are content formats.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cid::Cid;
use serde_json::Value;
use sterna::proto::car::{self, Limits};
use sterna::proto::claims::{Claim, Content, Location, relocate};
use sterna::proto::index::{Name, ShardBuilder, ShardedDagIndex, Unverifiable, link};
use sterna::proto::ipni::{
    Dialect, Job, Metadata, Multiaddr, Provider, context_id, decode_metadata, digests_from_body,
    digests_to_body, text_context_id,
};
use sterna::proto::message::Message;
use sterna::proto::multihash::Multihash;
use sterna::proto::ucan::{archive, extract};
use sterna::proto::{Did, query, subscription};

use super::{base64, number};
use crate::load::{hex, load, section, signer, text};

/// All exchanges with `to`, over all runs.
fn exchanges<'a>(file: &'a Value, to: &'a str) -> impl Iterator<Item = &'a Value> {
    section(file, "runs")
        .iter()
        .flat_map(|run| run["exchanges"].as_array().expect("exchanges"))
        .filter(move |exchange| exchange["to"] == to)
}

/// Bodies that were put under some key of S3, with their content type.
fn puts<'a>(file: &'a Value, content_type: &'a str) -> impl Iterator<Item = &'a Value> {
    exchanges(file, "s3")
        .filter(move |put| put["method"] == "PUT" && put["content_type"] == content_type)
}

/// The final outcome of a path.
fn key(put: &Value) -> &str {
    text(put, "path").rsplit('/').next().unwrap()
}

#[test]
fn queue_messages_are_read_and_written_in_the_tools_words() {
    let file = load("tool-trace.json");
    let mut seen = 0;
    for exchange in exchanges(&file, "sqs") {
        let body = text(&exchange["request"], "MessageBody");
        let job = Job::from_message(body).unwrap();
        assert_eq!(job.to_message(Dialect::Js), body);
        assert_eq!(job.group_id(), text(&exchange["request"], "MessageGroupId"));
        assert_eq!(
            Job::from_message(&job.to_message(Dialect::Go)).unwrap(),
            job
        );
        let metadata = decode_metadata(&job.metadata).unwrap();
        let repeated = |provider: Provider| {
            let context = Multihash::from_bytes(&job.context_id).unwrap();
            Job::new(&context, &metadata, provider)
        };
        let again = repeated(job.provider.clone());
        assert_eq!(
            (&again.context_id, &again.metadata),
            (&job.context_id, &job.metadata)
        );
        assert_eq!(
            again.to_message(Dialect::Js),
            repeated(job.provider.clone()).to_message(Dialect::Js)
        );
        seen += 1;
    }
    assert!(seen > 0, "no queue message");
}

#[test]
fn every_job_has_its_digests_and_its_claim() {
    let file = load("tool-trace.json");
    let digests: Vec<_> = puts(&file, "application/octet-stream").collect();
    let claims: Vec<_> = puts(&file, "application/car").collect();
    for exchange in exchanges(&file, "sqs") {
        let job = Job::from_message(text(&exchange["request"], "MessageBody")).unwrap();
        let put = digests
            .iter()
            .find(|put| key(put) == job.id)
            .expect("an object under the job's id");
        let body = hex(put, "body_hex");
        let listed = digests_from_body(&body).unwrap();
        assert_eq!(digests_to_body(&listed, Dialect::Js), body);
        assert_eq!(
            digests_from_body(&digests_to_body(&listed, Dialect::Go)).unwrap(),
            listed
        );
        let [Metadata::Location { claim, .. }] = &decode_metadata(&job.metadata).unwrap()[..]
        else {
            panic!("the tool publishes locations");
        };
        let put = claims
            .iter()
            .find(|put| key(put) == claim.to_string())
            .expect("the claim in the bucket");
        let delegation = extract(&hex(put, "body_hex")).unwrap();
        let Claim::Location(location) = Claim::of(&delegation).unwrap() else {
            panic!("a location claim")
        };
        let (space, hash) = (location.space.expect("a space"), location.content.hash());
        assert!(listed.contains(&hash));
        assert_eq!(
            text_context_id(&space, &hash).as_bytes(),
            job.context_id,
            "the tool's way, over text"
        );
        assert_ne!(context_id(Some(&space), &hash).as_bytes(), job.context_id);
    }
}

#[test]
fn claims_are_made_again_to_the_same_bytes() {
    let file = load("tool-trace.json");
    let signers: Vec<_> = file["actors"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(signer)
        .collect();
    let mut seen = 0;
    for put in puts(&file, "application/car") {
        let body = hex(put, "body_hex");
        let delegation = extract(&body).unwrap();
        assert_eq!(delegation.cid().to_string(), key(put));
        assert_eq!(archive(&delegation).unwrap(), body);
        let Claim::Location(Location {
            content: Content::Digest(hash),
            location,
            range,
            space,
        }) = Claim::of(&delegation).unwrap()
        else {
            panic!("a location claim by digest");
        };
        let signer = signers
            .iter()
            .find(|signer| signer.did() == delegation.issuer())
            .expect("an actor");
        let size = range.and_then(|range| range.length).unwrap();
        let again = relocate(signer, &space.unwrap(), &hash, &location[0], size).unwrap();
        assert_eq!(archive(&again).unwrap(), body);
        seen += 1;
    }
    assert!(seen > 0, "no claim in the bucket");
}

#[test]
fn indexes_are_made_again_from_the_shards() {
    let file = load("tool-trace.json");
    let shards: Vec<_> = section(&file, "shards").iter().collect();
    let mut seen = 0;
    for put in exchanges(&file, "storage-node").filter(|put| put["method"] == "PUT") {
        let body = hex(put, "body_hex");
        let index = ShardedDagIndex::extract(&body).unwrap();
        assert_eq!(index.archive(), body);
        let digest = Multihash::sha256(&body);
        assert_eq!(
            STANDARD.encode(digest.digest()),
            text(&put["headers"], "x-amz-checksum-sha256")
        );
        let mut again = ShardedDagIndex::new(*index.content());
        for (hash, _) in index.shards() {
            let shard = shards
                .iter()
                .find(|shard| text(shard, "multihash") == hash.base58())
                .expect("a shard");
            let name = Name::Known {
                hash: hash.clone(),
                size: number(shard, "size"),
            };
            let mut builder = ShardBuilder::new(name, Limits::default(), Unverifiable::Refuse);
            builder.push(&base64(shard, "car_b64")).unwrap();
            again.add(builder.finish().unwrap());
        }
        assert_eq!(again.archive(), body);
        assert_eq!(link(&body).hash().digest(), digest.digest());
        seen += 1;
    }
    assert!(seen > 0, "no index was stored");
}

#[test]
fn worker_lines_are_the_positions_of_the_blocks() {
    let file = load("tool-trace.json");
    let lines: Vec<_> = exchanges(&file, "index-worker")
        .filter_map(|answer| answer["body_utf8"].as_str())
        .collect();
    for shard in section(&file, "shards") {
        let bytes = base64(shard, "car_b64");
        let mut expected = String::new();
        for entry in car::read(&bytes).unwrap().entries {
            let hash =
                base64::engine::general_purpose::STANDARD_NO_PAD.encode(entry.id.hash().as_bytes());
            let (offset, length) = (entry.offset, entry.payload.len());
            writeln!(
                expected,
                "[{{\"/\":{{\"bytes\":\"{hash}\"}}}},[{offset},{length}]]"
            )
            .unwrap();
        }
        assert!(lines.contains(&expected.as_str()), "{}", text(shard, "cid"));
    }
}

#[test]
fn answers_of_the_indexing_service_are_read() {
    let file = load("tool-trace.json");
    let mut seen = 0;
    for answer in
        exchanges(&file, "indexing-service").filter(|exchange| exchange["method"] == "GET")
    {
        let status = u16::try_from(number(answer, "status")).unwrap();
        let body = hex(answer, "body_hex");
        let Ok(result) = query::respond(status, &body) else {
            assert_ne!(status, 200, "{}", text(answer, "url"));
            continue;
        };
        result
            .claims
            .iter()
            .for_each(|claim| drop(Claim::of(claim).unwrap()));
        for index in &result.indexes {
            assert_eq!(link(&index.archive), index.link);
            ShardedDagIndex::extract(&index.archive).unwrap();
        }
        seen += 1;
    }
    assert!(seen > 0, "no query was answered");
}

#[test]
fn cache_requests_are_read_with_their_addresses() {
    let file = load("tool-trace.json");
    let mut seen = 0;
    for post in exchanges(&file, "indexing-service").filter(|exchange| exchange["method"] == "POST")
    {
        let message = Message::decode(&hex(post, "request_body_hex")).unwrap();
        for invocation in message.invocations().unwrap() {
            let capability = &invocation.capabilities()[0];
            let claim = Claim::read(capability).unwrap();
            let Claim::Cache(cache) = &claim else {
                continue;
            };
            let with: Did = capability.with.parse().unwrap();
            assert_eq!(&cache.capability(&with), capability);
            for bytes in &cache.addresses {
                let address = Multiaddr::from_bytes(bytes).unwrap();
                assert_eq!(
                    &address.to_js_bytes(),
                    bytes,
                    "the tool writes JavaScript's form"
                );
                assert_eq!(Multiaddr::parse(&address.to_string()).unwrap(), address);
            }
            seen += 1;
        }
    }
    assert!(seen > 0, "no claim was cached");
}

/// Rows of tables hold identifiers in our spellings.
#[test]
fn rows_hold_ids_as_we_write_them() {
    let file = load("tool-trace.json");
    let mut seen = 0;
    for exchange in exchanges(&file, "dynamodb") {
        rows(&exchange["request"], &mut seen);
        rows(&exchange["response"], &mut seen);
    }
    assert!(seen > 0, "no row with an id");
}

fn rows(value: &Value, seen: &mut usize) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| rows(value, seen)),
        Value::Object(map) => {
            let value = |name: &str| map.get(name)?["S"].as_str();
            let id = value("subscription").and_then(|id| Cid::try_from(id).ok());
            if let (Some(consumer), Some(id)) = (value("consumer"), id) {
                assert_eq!(subscription::id(&consumer.parse().unwrap()), id);
                *seen += 1;
            }
            for hash in ["multihash", "digest"]
                .iter()
                .filter_map(|name| map.get(*name)?["S"].as_str())
            {
                assert_eq!(Multihash::parse(hash).unwrap().base58(), hash);
                *seen += 1;
            }
            map.values().for_each(|value| rows(value, seen));
        }
        _ => {}
    }
}
