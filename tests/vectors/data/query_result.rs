//! `query-result.json`: answers of the indexing service.

use bytes::Bytes;
use serde_json::{Value, json};
use sterna::proto::car;
use sterna::proto::claims::Claim;
use sterna::proto::index::{ShardedDagIndex, link};
use sterna::proto::multihash::Multihash;
use sterna::proto::query::{self, Form, IndexBlock, NoIndexes, Place, QueryError};

use super::base64;
use crate::load::{cid, hex, ipld, list, load, name, section, text};

#[test]
fn answers_are_read_with_every_claim_and_index() {
    let file = load("query-result.json");
    for vector in section(&file, "vectors") {
        let result = query::respond(200, &hex(vector, "body_hex")).unwrap();
        let parsed = &vector["parsed"];
        let claims = list(parsed, "claims");
        assert_eq!(result.claims.len(), claims.len(), "{}", name(vector));
        for (claim, expected) in result.claims.iter().zip(claims) {
            assert_eq!(claim.cid().to_string(), text(expected, "cid"));
            assert_eq!(claim.capabilities()[0].can, text(expected, "type"));
            against_parsed(&Claim::of(claim).unwrap(), expected);
        }
        let indexes = list(parsed, "indexes");
        assert_eq!(result.indexes.len(), indexes.len(), "{}", name(vector));
        for (index, expected) in result.indexes.iter().zip(indexes) {
            assert_eq!(index.link.to_string(), text(expected, "key"));
            assert_eq!(link(&index.archive), index.link);
            let index = ShardedDagIndex::extract(&index.archive).unwrap();
            assert_eq!(index.content().to_string(), text(expected, "content"));
            let shards: Vec<_> = index
                .shards()
                .iter()
                .map(|(hash, _)| hash.base58())
                .collect();
            assert_eq!(json!(shards), expected["shards"]);
        }
        if vector["context_id_hex"].is_string() {
            let keys: Vec<_> = result
                .indexes
                .iter()
                .map(|index| index.key.clone())
                .collect();
            assert!(
                keys.contains(&hex(vector, "context_id_hex")),
                "{}",
                name(vector)
            );
        }
    }
}

fn against_parsed(claim: &Claim, expected: &Value) {
    if let Claim::Location(location) = claim {
        assert_eq!(json!(location.location), expected["location"]);
        assert_eq!(
            location.range.map(|range| range.offset),
            expected["range"]["offset"].as_u64()
        );
        assert_eq!(
            location.range.and_then(|range| range.length),
            expected["range"]["length"].as_u64()
        );
        assert_eq!(
            location.space.as_ref().map(ToString::to_string).as_deref(),
            expected["space"].as_str()
        );
    }
    // The client shows a linked content as `{"link": …}`.
    match (claim.content(), &expected["content"]) {
        (_, Value::Null) | (None, _) => {}
        (Some(content), shown) if shown.get("link").is_some() => {
            assert_eq!(content.to_ipld(), ipld(&shown["link"]));
        }
        (Some(content), shown) => assert_eq!(content.to_ipld(), ipld(shown)),
    }
}

/// The form is told from the body; then the body is made again from what was read.
#[test]
fn answers_are_written_to_the_same_bytes() {
    let file = load("query-result.json");
    for vector in section(&file, "vectors") {
        let body = hex(vector, "body_hex");
        let result = query::decode(&body).unwrap();
        let car = car::read(&body).unwrap();
        let root = car.header.root().unwrap();
        assert_eq!(json!([root.to_string()]), vector["car"]["roots"]);
        let blocks = section(&vector["car"], "blocks");
        let said = blocks
            .iter()
            .find(|block| text(block, "cid") == root.to_string())
            .expect("root");
        let says_indexes = said["dag_json"]["index/query/result@0.1"]
            .get("indexes")
            .is_some();
        let form = Form {
            no_indexes: if says_indexes {
                NoIndexes::Empty
            } else {
                NoIndexes::Absent
            },
            root: if car.entries[0].cid().unwrap() == root {
                Place::First
            } else {
                Place::Last
            },
        };
        assert!(
            query::encode(&result, form) == body,
            "{} is written to other bytes",
            name(vector)
        );
        for form in [Form::JS, Form::GO] {
            assert_eq!(
                query::decode(&query::encode(&result, form)).unwrap(),
                result,
                "{}",
                name(vector)
            );
        }
        for (entry, block) in car.entries.iter().zip(blocks) {
            assert_eq!(entry.cid().unwrap(), cid(block, "cid"));
            assert_eq!(entry.payload, hex(block, "bytes_hex"));
        }
    }
}

#[test]
fn failures_are_told_apart_by_type() {
    let file = load("query-result.json");
    for vector in section(&file, "failures") {
        let status = u16::try_from(vector["status"].as_u64().unwrap()).unwrap();
        let error = query::respond(status, &hex(vector, "body_hex")).unwrap_err();
        let expected = &vector["error"];
        let thrown = vector["thrown"].as_bool().unwrap();
        match (thrown, text(expected, "name")) {
            (true, _) => assert!(
                matches!(error, QueryError::Car(_)),
                "{}: {error}",
                name(vector)
            ),
            (false, "NetworkError") => {
                assert_eq!(error.status(), Some(status), "{}", name(vector));
                assert_eq!(error.to_string(), text(expected, "message"));
            }
            (false, _) => {
                assert_eq!(error.status(), None);
                assert!(!matches!(error, QueryError::Car(_)), "{}", name(vector));
                assert_eq!(error.to_string(), text(expected, "message"));
            }
        }
    }
}

#[test]
fn the_files_own_shard_and_index_belong_together() {
    let file = load("query-result.json");
    let archive = hex(&file, "index_archive_hex");
    assert_eq!(link(&archive), cid(&file, "index_link"));
    let shard = base64(&file, "shard_car_b64");
    assert_eq!(Multihash::sha256(&shard).base58(), text(&file, "shard"));
    let made = sterna::proto::index::build(cid(&file, "content"), [&shard[..]]).unwrap();
    assert_eq!(made.archive, archive);
    let block = IndexBlock {
        key: vec![0xff, 0, 0xc3],
        link: link(&archive),
        archive: Bytes::from(archive),
    };
    let result = query::QueryResult {
        claims: Vec::new(),
        indexes: vec![block],
    };
    assert_eq!(
        query::decode(&query::encode(&result, Form::GO)).unwrap(),
        result
    );
}
