//! `car-edge.json`: odd CARs, and what the two JavaScript readers make of them.
//!
//! Our decision is held against theirs by what the vector shows, never by its name:
//! - where `@ipld/car` reads the file, so do we, with the same roots and blocks;
//! - where it fails, we fail too, but for zeros after the last section, which we report as padding;
//! - where the index worker reads to the end, its positions are ours, and we may only have more;
//! - blocks whose digest is wrong are read as CAR and refused as index.

use serde_json::Value;
use sterna::proto::car::{self, Car, CarError, Event, Limits, Parser};
use sterna::proto::index::{self, Name, ShardBuilder, Unverifiable};
use sterna::proto::multihash::Multihash;

use super::{number, pair};
use crate::load::{hex, list, load, name, section, unhex};

/// What the pieces of a CAR say, put together again.
fn in_pieces(bytes: &[u8], size: usize) -> Result<Vec<(String, u64, Vec<u8>)>, CarError> {
    let mut parser = Parser::new(Limits::default());
    let mut sections: Vec<(String, u64, Vec<u8>)> = Vec::new();
    for mut piece in bytes.chunks(size) {
        while let Some(event) = parser.next(&mut piece)? {
            match event {
                Event::Section(section) => {
                    sections.push((section.id.to_string(), section.offset, Vec::new()));
                }
                Event::Payload(payload) => {
                    sections.last_mut().unwrap().2.extend_from_slice(payload);
                }
                Event::Header(_) | Event::SectionEnd => {}
            }
        }
    }
    parser.finish().map(|_| sections)
}

fn whole(car: &Car<'_>) -> Vec<(String, u64, Vec<u8>)> {
    car.entries
        .iter()
        .map(|entry| (entry.id.to_string(), entry.offset, entry.payload.to_vec()))
        .collect()
}

#[test]
fn every_odd_car_gets_one_decision_whatever_the_pieces() {
    let file = load("car-edge.json");
    for vector in section(&file, "vectors") {
        let bytes = hex(vector, "car_hex");
        assert_eq!(
            bytes.len() as u64,
            number(vector, "size"),
            "{}",
            name(vector)
        );
        let decision = car::read(&bytes).map(|car| whole(&car));
        for size in [1, 2, 3, 7, 64, 1 << 20] {
            assert_eq!(
                in_pieces(&bytes, size),
                decision,
                "{} in pieces of {size}",
                name(vector)
            );
        }
        against_buffer_reader(vector, &bytes);
        against_worker(vector, &bytes);
    }
}

fn against_buffer_reader(vector: &Value, bytes: &[u8]) {
    let theirs = &vector["ipld_car_buffer_reader"];
    let ours = car::read(bytes);
    if theirs["error"].is_string() {
        match ours {
            Ok(car) => assert!(car.summary.padding > 0, "{}", name(vector)),
            Err(error) => assert!(
                !matches!(error, CarError::Roots(_) | CarError::Link(_)),
                "{}",
                name(vector)
            ),
        }
        return;
    }
    let car = ours.unwrap_or_else(|error| panic!("{}: {error}", name(vector)));
    assert_eq!(u64::from(car.header.version), number(theirs, "version"));
    let roots: Vec<_> = car.header.roots.iter().map(ToString::to_string).collect();
    assert_eq!(
        roots,
        list(theirs, "roots")
            .iter()
            .map(|root| root.as_str().unwrap())
            .collect::<Vec<_>>()
    );
    let blocks: Vec<_> = car
        .entries
        .iter()
        .map(|entry| (entry.id.to_string(), entry.payload.len() as u64))
        .collect();
    let expected: Vec<_> = list(theirs, "blocks")
        .iter()
        .map(|block| {
            (
                block[0].as_str().unwrap().to_owned(),
                block[1].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(blocks, expected, "{}", name(vector));
}

/// The worker's slices are a prefix of ours, but for CARv2, which it cannot read.
fn against_worker(vector: &Value, bytes: &[u8]) {
    let worker = list(&vector["carstream"], "slices");
    let Ok(car) = car::read(bytes) else { return };
    assert!(car.entries.len() >= worker.len(), "{}", name(vector));
    for (entry, slice) in car.entries.iter().zip(worker) {
        assert_eq!(entry.id.to_string(), slice[0].as_str().unwrap());
        assert_eq!(
            entry.id.hash().as_bytes(),
            unhex(slice[1].as_str().unwrap())
        );
        assert_eq!(
            (entry.offset, entry.payload.len() as u64),
            pair(&slice[2]),
            "{}",
            name(vector)
        );
    }
}

#[test]
fn offsets_are_those_of_the_payload_in_the_file() {
    let file = load("car-edge.json");
    for vector in section(&file, "vectors") {
        let bytes = hex(vector, "car_hex");
        let Ok(car) = car::read(&bytes) else { continue };
        for entry in &car.entries {
            let start = usize::try_from(entry.offset).unwrap();
            assert_eq!(
                &bytes[start..start + entry.payload.len()],
                entry.payload,
                "{}",
                name(vector)
            );
        }
    }
}

#[test]
fn an_index_holds_every_block_of_a_sound_car_and_names_the_block_of_an_unsound_one() {
    let file = load("car-edge.json");
    for vector in section(&file, "vectors") {
        let bytes = hex(vector, "car_hex");
        let hash = Multihash::sha256(&bytes);
        let known = Name::Known {
            hash: hash.clone(),
            size: bytes.len() as u64,
        };
        let mut builder = ShardBuilder::new(known, Limits::default(), Unverifiable::Refuse);
        let built = builder.push(&bytes).and_then(|()| builder.finish());
        let Ok(car) = car::read(&bytes) else {
            assert!(
                matches!(built, Err(index::IndexError::Car(_))),
                "{}",
                name(vector)
            );
            continue;
        };
        let wrong = car
            .entries
            .iter()
            .find(|entry| entry.id.hash().verify(entry.payload).is_err());
        match (built, wrong) {
            (Err(index::IndexError::Block { id, offset, .. }), Some(wrong)) => {
                assert_eq!(
                    (id, offset),
                    (wrong.id.clone(), wrong.offset),
                    "{}",
                    name(vector)
                );
            }
            (Ok(shard), None) => {
                assert_eq!(shard.summary.padding, car.summary.padding);
                assert_eq!(shard.slices[&hash].length, bytes.len() as u64);
                for entry in &car.entries {
                    assert!(
                        shard.slices.contains_key(entry.id.hash()),
                        "{}",
                        name(vector)
                    );
                }
            }
            (built, wrong) => panic!("{}: {built:?}, wrong block {wrong:?}", name(vector)),
        }
    }
}
