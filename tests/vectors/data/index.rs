//! `index.json`: shards, the index worker's lines, archives.

use cid::Cid;
use serde_json::{Value, json};
use sterna::proto::car::{self, Limits};
use sterna::proto::index::{
    self, Name, Position, Shard, ShardBuilder, ShardedDagIndex, Unverifiable,
};
use sterna::proto::json as dag_json;
use sterna::proto::multihash::{Multihash, codec};

use super::{base64, number, pair};
use crate::load::{cid, hex, ipld, list, load, name, section, text};

fn built(car: &[u8], name: Name, size: usize) -> Shard {
    let mut builder = ShardBuilder::new(name, Limits::default(), Unverifiable::Refuse);
    car.chunks(size)
        .for_each(|piece| builder.push(piece).unwrap());
    builder.finish().unwrap()
}

fn index_of(vector: &Value, size: usize) -> ShardedDagIndex {
    let mut index = ShardedDagIndex::new(cid(vector, "content"));
    for shard in list(vector, "shards") {
        let hash = Multihash::parse(text(shard, "multihash")).unwrap();
        index.add(built(
            &base64(shard, "car_b64"),
            Name::Known {
                hash,
                size: number(shard, "size"),
            },
            size,
        ));
    }
    index
}

#[test]
fn shards_are_named_and_sliced_as_the_worker_does() {
    let file = load("index.json");
    for shard in section(&file, "vectors")
        .iter()
        .flat_map(|vector| list(vector, "shards"))
    {
        let bytes = base64(shard, "car_b64");
        let hash = Multihash::sha256(&bytes);
        assert_eq!(bytes.len() as u64, number(shard, "size"));
        assert_eq!(hash.as_bytes(), hex(shard, "multihash_hex"));
        assert_eq!(hash.base58(), text(shard, "multihash"));
        assert_eq!(hash.cid(codec::CAR).unwrap(), cid(shard, "cid"));
        let car = car::read(&bytes).unwrap();
        let outline = &shard["car_outline"];
        let ids = |ids: Vec<String>| json!(ids);
        assert_eq!(
            ids(car.header.roots.iter().map(ToString::to_string).collect()),
            outline["roots"]
        );
        assert_eq!(
            ids(car
                .entries
                .iter()
                .map(|entry| entry.id.to_string())
                .collect()),
            outline["blocks"]
        );
        let mut lines = String::new();
        for (entry, slice) in car.entries.iter().zip(list(shard, "slices")) {
            assert_eq!(entry.id.to_string(), text(slice, "cid"));
            assert_eq!(entry.id.hash().base58(), text(slice, "multihash"));
            assert_eq!(entry.id.hash().as_bytes(), hex(slice, "multihash_hex"));
            assert_eq!(
                (entry.offset, entry.payload.len() as u64),
                pair(&slice["position"])
            );
            entry.id.hash().verify(entry.payload).unwrap();
            lines += &worker_line(entry);
        }
        assert_eq!(car.entries.len(), list(shard, "slices").len());
        assert_eq!(lines, text(shard, "worker_ndjson"));
    }
}

fn worker_line(entry: &car::Entry<'_>) -> String {
    use ipld_core::ipld::Ipld;
    let hash = Ipld::Bytes(entry.id.hash().as_bytes().to_vec());
    let position = [entry.offset, entry.payload.len() as u64].map(|n| Ipld::Integer(n.into()));
    dag_json::encode(&Ipld::List(vec![hash, Ipld::List(position.to_vec())])).unwrap() + "\n"
}

#[test]
fn archives_are_the_same_bytes_whatever_the_pieces() {
    let file = load("index.json");
    for vector in section(&file, "vectors") {
        let expected = &vector["index"];
        for size in [1, 61, 4096, 1 << 20] {
            let index = index_of(vector, size);
            let archive = index.archive();
            assert_eq!(
                archive,
                hex(expected, "archive_hex"),
                "{} in pieces of {size}",
                name(vector)
            );
            assert_eq!(archive.len() as u64, number(expected, "size"));
            assert_eq!(index::link(&archive), cid(expected, "cid_car_codec"));
            let hash = Multihash::sha256(&archive);
            assert_eq!(hash.base58(), text(expected, "multihash"));
            assert_eq!(
                hash.cid(codec::RAW).unwrap(),
                cid(expected, "cid_raw_codec")
            );
            in_order(&index, expected);
        }
    }
}

/// Shards and slices of an index stand in the order of the vector.
fn in_order(index: &ShardedDagIndex, expected: &Value) {
    let shards: Vec<_> = index
        .shards()
        .iter()
        .map(|(hash, _)| hash.base58())
        .collect();
    assert_eq!(json!(shards), expected["shards_in_order"]);
    for shard in list(expected, "slices_in_order") {
        let hash = Multihash::parse(text(shard, "shard")).unwrap();
        let slices: Vec<_> = index
            .slices(&hash)
            .unwrap()
            .iter()
            .map(|(slice, Position { offset, length })| json!([slice.base58(), [offset, length]]))
            .collect();
        assert_eq!(json!(slices), shard["slices"]);
    }
}

#[test]
fn archives_are_read_back_in_any_block_order() {
    let file = load("index.json");
    for vector in section(&file, "vectors") {
        let expected = &vector["index"];
        let archive = hex(expected, "archive_hex");
        let index = ShardedDagIndex::extract(&archive).unwrap();
        assert_eq!(index, index_of(vector, 4096), "{}", name(vector));
        assert_eq!(index.archive(), archive);
        in_order(&index, expected);
        let car = car::read(&archive).unwrap();
        let roots: Vec<Cid> = car
            .header
            .roots
            .iter()
            .map(|root| root.cid().unwrap())
            .collect();
        let blocks: Vec<_> = car
            .entries
            .iter()
            .map(|entry| (entry.cid().unwrap(), entry.payload))
            .collect();
        assert_eq!(
            json!(roots.iter().map(ToString::to_string).collect::<Vec<_>>()),
            expected["car"]["roots"]
        );
        for ((cid, bytes), block) in blocks.iter().zip(section(&expected["car"], "blocks")) {
            assert_eq!(cid.to_string(), text(block, "cid"));
            assert_eq!(*bytes, hex(block, "bytes_hex"));
            assert_eq!(
                sterna::proto::cbor::decode(bytes).unwrap(),
                ipld(&block["dag_json"])
            );
        }
        let turned = car::write(
            &roots,
            blocks.iter().rev().map(|(cid, bytes)| (cid, *bytes)),
        );
        assert_eq!(ShardedDagIndex::extract(&turned).unwrap(), index);
        for missing in 0..blocks.len() {
            let rest = blocks.iter().enumerate().filter(|(at, _)| *at != missing);
            let short = car::write(&roots, rest.map(|(_, (cid, bytes))| (cid, *bytes)));
            let error = ShardedDagIndex::extract(&short).unwrap_err();
            assert!(
                matches!(error, index::IndexError::Missing(cid) if cid == blocks[missing].0),
                "{error}"
            );
        }
        let rootless = car::write(&[], blocks.iter().map(|(cid, bytes)| (cid, *bytes)));
        assert!(matches!(
            ShardedDagIndex::extract(&rootless),
            Err(index::IndexError::Car(car::CarError::Roots(0)))
        ));
    }
}

#[test]
fn the_command_builds_and_shows_the_same_index() {
    let file = load("index.json");
    for vector in section(&file, "vectors") {
        let cars: Vec<_> = list(vector, "shards")
            .iter()
            .map(|shard| base64(shard, "car_b64"))
            .collect();
        let made = index::build(cid(vector, "content"), cars.iter().map(|car| &car[..])).unwrap();
        let expected = &vector["index"];
        assert_eq!(
            made.archive,
            hex(expected, "archive_hex"),
            "{}",
            name(vector)
        );
        let slices: usize = list(expected, "slices_in_order")
            .iter()
            .map(|shard| list(shard, "slices").len())
            .sum();
        let said = json!({
            "index": text(expected, "cid_car_codec"),
            "shards": list(expected, "shards_in_order").len(),
            "slices": slices,
            "bytes": made.archive.len(),
        });
        assert_eq!(made.json(), said);
        let shown = index::show(&made.archive).unwrap();
        assert_eq!(shown["content"]["/"], vector["content"]);
        assert_eq!(
            shown["shards"].as_array().unwrap().len(),
            list(expected, "shards_in_order").len()
        );
        dag_json::from_value(&shown).unwrap();
    }
}

#[test]
fn a_changed_byte_in_a_shard_is_found() {
    let file = load("index.json");
    for shard in section(&file, "vectors")
        .iter()
        .flat_map(|vector| list(vector, "shards"))
    {
        let good = base64(shard, "car_b64");
        let Some(entry) = car::read(&good)
            .unwrap()
            .entries
            .last()
            .map(|entry| (entry.id.clone(), entry.offset))
        else {
            continue;
        };
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        let mut builder = ShardBuilder::new(Name::Compute, Limits::default(), Unverifiable::Refuse);
        let error = builder.push(&bad).unwrap_err();
        assert!(
            matches!(&error, index::IndexError::Block { id, offset, .. } if (id, *offset) == (&entry.0, entry.1)),
            "{error}"
        );
        assert!(error.to_string().contains(&entry.0.to_string()));
    }
}
