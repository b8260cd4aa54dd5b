//! Indexes that no vector holds.

use cid::Cid;
use proptest::prelude::*;

use super::*;
use crate::proto::car::{self, Limits};
use crate::proto::multihash::{self, Multihash, codec};

fn raw(data: &[u8]) -> Cid {
    Multihash::sha256(data).cid(codec::RAW).unwrap()
}

fn car_of(blocks: &[&[u8]]) -> Vec<u8> {
    let blocks: Vec<_> = blocks.iter().map(|data| (raw(data), *data)).collect();
    car::write(&[], blocks.iter().map(|(cid, data)| (cid, *data)))
}

fn built(bytes: &[u8], name: Name) -> Result<Shard, IndexError> {
    let mut builder = ShardBuilder::new(name, Limits::default(), Unverifiable::Refuse);
    builder.push(bytes)?;
    builder.finish()
}

/// Pitfall 7.
#[test]
fn the_last_of_equal_blocks_counts_and_the_shard_is_its_own_first_slice() {
    let bytes = car_of(&[b"same", b"other", b"same"]);
    let shard = built(&bytes, Name::Compute).unwrap();
    assert_eq!(shard.hash, Multihash::sha256(&bytes));
    assert_eq!(shard.slices.len(), 3);
    let (first, whole) = shard.slices.get_index(0).unwrap();
    assert_eq!(
        (first, *whole),
        (
            &shard.hash,
            Position {
                offset: 0,
                length: bytes.len() as u64
            }
        )
    );
    let last = car::read(&bytes).unwrap().entries[2].offset;
    assert_eq!(shard.slices[&Multihash::sha256(b"same")].offset, last);
}

/// Pitfall 7: the own slice does not hang on the spelling of a table.
#[test]
fn a_known_name_of_any_codec_gives_the_same_slices() {
    let bytes = car_of(&[b"one"]);
    let hash = Multihash::sha256(&bytes);
    let size = bytes.len() as u64;
    let expected = built(&bytes, Name::Compute).unwrap();
    for codec in [codec::CAR, codec::RAW] {
        let hash = Multihash::of(&hash.cid(codec).unwrap());
        assert_eq!(built(&bytes, Name::Known { hash, size }).unwrap(), expected);
    }
}

/// Pitfall 8.
#[test]
fn a_block_that_does_not_match_is_named() {
    let bytes = car::write(
        &[],
        [(&raw(b"good"), &b"good"[..]), (&raw(b"said"), &b"done"[..])],
    );
    let error = built(&bytes, Name::Compute).unwrap_err();
    assert!(
        error.to_string().contains(&raw(b"said").to_string()),
        "{error}"
    );
    assert!(matches!(
        error,
        IndexError::Block {
            source: multihash::MultihashError::Mismatch(_),
            ..
        }
    ));
}

/// Pitfall 9.
#[test]
fn a_short_last_section_is_indexed_and_padding_is_counted() {
    let mut bytes = car_of(&[b"one"]);
    bytes.extend([6, 1, 0x55, 0, 1, 0x94, 0x94]);
    bytes.extend([0; 7]);
    let shard = built(&bytes, Name::Compute).unwrap();
    assert_eq!(shard.slices.len(), 3);
    assert_eq!(shard.summary.padding, 7);
    let position = shard.slices[&Multihash::identity(&[0x94])];
    assert_eq!(
        position,
        Position {
            offset: bytes.len() as u64 - 8,
            length: 1
        }
    );
}

/// Pitfall 10.
#[test]
fn carv2_is_indexed_and_zero_length_sections_are_named() {
    let inner = car_of(&[b"one"]);
    let mut bytes = vec![
        0x0a, 0xa1, 0x67, b'v', b'e', b'r', b's', b'i', b'o', b'n', 0x02,
    ];
    bytes.extend([0; 16]);
    for number in [51, inner.len() as u64, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(&inner);
    let shard = built(&bytes, Name::Compute).unwrap();
    let position = shard.slices[&Multihash::sha256(b"one")];
    let start = usize::try_from(position.offset).unwrap();
    assert_eq!(&bytes[start..start + 3], b"one");
    let mut zero = inner;
    zero.push(0);
    zero.extend(&car_of(&[b"two"])[18..]);
    assert!(matches!(
        built(&zero, Name::Compute),
        Err(IndexError::Car(car::CarError::ZeroLengthSection(_)))
    ));
}

/// Pitfall 11.
#[test]
fn shards_are_carried_as_multihashes_and_give_both_links() {
    let mut index = ShardedDagIndex::new(raw(b"content"));
    index.add(built(&car_of(&[b"one"]), Name::Compute).unwrap());
    let back = ShardedDagIndex::extract(&index.archive()).unwrap();
    let (shard, _) = back.shards()[0];
    assert_eq!(
        shard.cid(codec::RAW).unwrap().hash(),
        shard.cid(codec::CAR).unwrap().hash()
    );
}

#[test]
fn sizes_and_names_that_were_wrong_are_named() {
    let bytes = car_of(&[b"one"]);
    let hash = Multihash::sha256(&bytes);
    let size = bytes.len() as u64;
    let error = built(
        &bytes,
        Name::Known {
            hash: hash.clone(),
            size: size + 1,
        },
    )
    .unwrap_err();
    assert!(
        matches!(error, IndexError::Size { expected, actual, .. } if (expected, actual) == (size + 1, size))
    );
    assert!(built(&bytes, Name::Check(hash.clone())).is_ok());
    let other = Multihash::sha256(b"other");
    assert!(
        matches!(built(&bytes, Name::Check(other)), Err(IndexError::Shard { actual, .. }) if actual == hash)
    );
    let empty = Name::Known { hash, size: 0 };
    assert!(matches!(
        built(b"", empty),
        Err(IndexError::Car(car::CarError::Empty))
    ));
}

#[test]
fn unknown_hashes_are_refused_or_counted_as_asked() {
    let md5 = Multihash::wrap(0xd5, &[1; 16]).cid(codec::RAW).unwrap();
    let bytes = car::write(&[], [(&md5, &b"data"[..])]);
    let error = built(&bytes, Name::Compute).unwrap_err();
    assert!(matches!(
        error,
        IndexError::Block {
            source: multihash::MultihashError::Unverifiable { code: 0xd5, .. },
            ..
        }
    ));
    let mut builder = ShardBuilder::new(Name::Compute, Limits::default(), Unverifiable::Accept);
    builder.push(&bytes).unwrap();
    let shard = builder.finish().unwrap();
    assert_eq!((shard.unverified, shard.slices.len()), (1, 2));
}

#[test]
fn archives_of_other_kinds_and_changed_ones_are_refused() {
    let mut index = ShardedDagIndex::new(raw(b"content"));
    index.add(built(&car_of(&[b"one", b"two"]), Name::Compute).unwrap());
    let good = index.archive();
    let other = String::from_utf8_lossy(&good).find("dag@0.1").unwrap();
    let mut kind = good.clone();
    let at = kind
        .windows(7)
        .position(|window| window == b"dag@0.1")
        .unwrap();
    kind[at + 6] = b'2';
    assert!(other > 0 && ShardedDagIndex::extract(&kind).is_err());
    let car = car::read(&good).unwrap();
    let renamed = Multihash::sha256(&rename(car.entries[0].payload))
        .cid(codec::DAG_CBOR)
        .unwrap();
    let payload = rename(car.entries[0].payload);
    let bytes = car::write(&[renamed], [(&renamed, &payload[..])]);
    assert!(
        matches!(ShardedDagIndex::extract(&bytes), Err(IndexError::Variant(name)) if name == "index/sharded/dag@0.2")
    );
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(matches!(
        ShardedDagIndex::extract(&changed),
        Err(IndexError::Corrupt { .. })
    ));
}

fn rename(block: &[u8]) -> Vec<u8> {
    let mut block = block.to_vec();
    let at = block
        .windows(7)
        .position(|window| window == b"dag@0.1")
        .unwrap();
    block[at + 6] = b'2';
    block
}

#[test]
fn a_file_that_breaks_off_while_it_is_read_is_an_error() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    assert!(matches!(
        build(raw(b"content"), [Broken]),
        Err(IndexError::Read(_))
    ));
    let bytes = car_of(&[&[1; 5000]]);
    let error = build(raw(b"content"), [&bytes[..bytes.len() - 1]]).unwrap_err();
    assert!(matches!(
        error,
        IndexError::Car(car::CarError::TruncatedSection { .. })
    ));
}

type Entries = Vec<(Vec<u8>, Vec<(Vec<u8>, u64, u64)>)>;

fn entries() -> impl Strategy<Value = Entries> {
    let digest = || prop::collection::vec(any::<u8>(), 0..6);
    let slices = prop::collection::vec((digest(), any::<u64>(), any::<u64>()), 0..8);
    prop::collection::vec((digest(), slices), 0..5)
}

fn index_of(entries: &Entries) -> ShardedDagIndex {
    let mut index = ShardedDagIndex::new(raw(b"content"));
    for (shard, slices) in entries {
        let shard = Multihash::identity(shard);
        for (slice, offset, length) in slices {
            let position = Position {
                offset: *offset,
                length: *length,
            };
            index.set_slice(&shard, Multihash::identity(slice), position);
        }
    }
    index
}

proptest! {
    #[test]
    fn extract_undoes_archive(entries in entries()) {
        let index = index_of(&entries);
        let archive = index.archive();
        let back = ShardedDagIndex::extract(&archive).unwrap();
        prop_assert_eq!(&back, &index);
        prop_assert_eq!(back.archive(), archive);
    }

    #[test]
    fn an_outline_says_what_the_slices_do(entries in entries()) {
        let index = index_of(&entries);
        let outline = Outline::read(&index.archive()).unwrap();
        prop_assert_eq!(outline.content(), index.content());
        prop_assert_eq!(outline.slice_count(), index.slice_count());
        prop_assert!(outline.shards().eq(index.shards().iter().map(|(shard, _)| *shard)));
        let leads = index.leads_to(&Multihash::of(index.content()));
        prop_assert_eq!(outline.leads_to_content(), leads);
        for (shard, slices) in index.shards() {
            let extent = outline.extent(shard).unwrap();
            let own = slices.get(shard).filter(|own| own.offset == 0);
            prop_assert_eq!(extent.length, own.map(|own| own.length));
            let end = |position: &Position| position.offset.saturating_add(position.length);
            let farthest = extent.farthest.as_ref().map(|(end, _)| *end);
            prop_assert_eq!(farthest, slices.values().map(end).max());
            if let Some((most, slice)) = &extent.farthest {
                prop_assert_eq!(end(&slices[slice]), *most);
            }
        }
    }

    #[test]
    fn changed_archives_never_panic(entries in entries(), at: prop::sample::Index, value: u8, cut: prop::sample::Index) {
        let mut archive = index_of(&entries).archive();
        let at = at.index(archive.len());
        archive[at] = value;
        let whole = ShardedDagIndex::extract(&archive);
        prop_assert_eq!(whole.is_ok(), Outline::read(&archive).is_ok());
        let _ = ShardedDagIndex::extract(&archive[..cut.index(archive.len())]);
    }
}
