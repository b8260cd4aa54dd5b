//! CARs that no vector holds, and CARs by chance.

use cid::Cid;
use proptest::prelude::*;

use super::*;
use crate::proto::multihash::{Multihash, codec};
use crate::proto::raw_cbor::Writer;
use crate::proto::varint;

fn raw(data: &[u8]) -> Cid {
    Multihash::sha256(data).cid(codec::RAW).unwrap()
}

fn car(blocks: &[&[u8]]) -> Vec<u8> {
    let blocks: Vec<_> = blocks.iter().map(|data| (raw(data), *data)).collect();
    write(
        &[raw(b"root")],
        blocks.iter().map(|(cid, data)| (cid, *data)),
    )
}

/// A section with any CID bytes.
fn section(cid: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::write((cid.len() + payload.len()) as u64, &mut bytes);
    bytes.extend_from_slice(cid);
    bytes.extend_from_slice(payload);
    bytes
}

/// A CARv2 around a CARv1, `gap` bytes after its head and `tail` bytes after its data.
fn v2(inner: &[u8], gap: u64, tail: usize) -> Vec<u8> {
    let mut bytes = vec![
        0x0a, 0xa1, 0x67, b'v', b'e', b'r', b's', b'i', b'o', b'n', 0x02,
    ];
    bytes.extend([0; 16]);
    bytes.extend((51 + gap).to_le_bytes());
    bytes.extend((inner.len() as u64).to_le_bytes());
    bytes.extend([0; 8]);
    bytes.resize(51 + usize::try_from(gap).unwrap(), 0xaa);
    bytes.extend_from_slice(inner);
    bytes.resize(bytes.len() + tail, 0xbb);
    bytes
}

/// All that a parser says about bytes that come in pieces, its error included.
fn pieces(
    bytes: &[u8],
    cuts: &[usize],
    limits: Limits,
) -> (Vec<String>, Result<Summary, CarError>) {
    let mut parser = Parser::new(limits);
    let mut said = Vec::new();
    let mut payload = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        let mut input = &bytes[from..to];
        loop {
            match parser.next(&mut input) {
                Ok(Some(Event::Payload(piece))) => payload.extend_from_slice(piece),
                Ok(Some(event)) => {
                    said.push(format!("{:?} {event:?}", std::mem::take(&mut payload)));
                }
                Ok(None) => break,
                Err(error) => return (said, Err(error)),
            }
        }
        from = to;
    }
    (said, parser.finish())
}

#[test]
fn a_block_is_never_held() {
    let payload = vec![7; 1 << 22];
    let bytes = car(&[&payload]);
    let mut parser = Parser::new(Limits::default());
    for mut piece in bytes.chunks(1000) {
        while parser.next(&mut piece).unwrap().is_some() {}
        assert!(parser.held.capacity() < 200);
    }
    assert_eq!(parser.finish().unwrap().sections, 1);
}

#[test]
fn carv2_is_read_with_offsets_in_the_file_whatever_stands_around_its_data() {
    let inner = car(&[b"one", b"two"]);
    for (gap, tail) in [(0, 0), (0, 40), (9, 0), (13, 70)] {
        let bytes = v2(&inner, gap, tail);
        let both = read(&bytes).unwrap();
        assert_eq!(both.header.version, 2);
        let plain = read(&inner).unwrap();
        for (a, b) in both.entries.iter().zip(&plain.entries) {
            assert_eq!(
                (&a.id, a.payload, a.offset),
                (&b.id, b.payload, b.offset + 51 + gap)
            );
        }
        assert_eq!(both.entries.len(), 2);
        for size in [1, 5, 50] {
            let cuts: Vec<_> = (size..bytes.len()).step_by(size).collect();
            let whole = pieces(&bytes, &[], Limits::default());
            assert_eq!(pieces(&bytes, &cuts, Limits::default()), whole);
        }
    }
}

#[test]
fn carv2_that_makes_no_sense_is_refused_by_name() {
    let inner = car(&[b"one"]);
    let good = v2(&inner, 0, 0);
    assert!(matches!(
        read(&good[..good.len() - 1]),
        Err(CarError::TruncatedSection { .. } | CarError::TruncatedData { .. })
    ));
    assert!(matches!(
        read(&good[..40]),
        Err(CarError::TruncatedHeader(40))
    ));
    assert_eq!(read(&v2(&good, 0, 0)), Err(CarError::Version(2)));
    for (offset, size) in [(0_u64, 10_u64), (50, 10), (51, 0), (u64::MAX, 10)] {
        let mut bad = good.clone();
        bad[27..35].copy_from_slice(&offset.to_le_bytes());
        bad[35..43].copy_from_slice(&size.to_le_bytes());
        assert_eq!(read(&bad), Err(CarError::Placement { offset, size }));
    }
    let mut long = good.clone();
    long[35..43].copy_from_slice(&(inner.len() as u64 + 5).to_le_bytes());
    assert!(matches!(read(&long), Err(CarError::TruncatedData { .. })));
    let mut short = good;
    short[35..43].copy_from_slice(&(inner.len() as u64 - 2).to_le_bytes());
    assert!(matches!(
        read(&short),
        Err(CarError::TruncatedSection { .. })
    ));
}

#[test]
fn headers_that_are_none_are_refused_by_name() {
    let header = |body: Vec<u8>| {
        let mut bytes = Vec::new();
        varint::write(body.len() as u64, &mut bytes);
        bytes.extend(body);
        read(&bytes).map(|_| ()).unwrap_err()
    };
    let mut no_roots = Writer::default();
    no_roots.map(1).text(b"version").uint(1);
    assert_eq!(
        header(no_roots.finish()),
        CarError::Header(HeaderError::NoRoots)
    );
    let mut version = Writer::default();
    version
        .map(2)
        .text(b"roots")
        .list(0)
        .text(b"version")
        .uint(3);
    assert_eq!(header(version.finish()), CarError::Version(3));
    let mut none = Writer::default();
    none.map(1).text(b"roots").list(0);
    assert_eq!(
        header(none.finish()),
        CarError::Header(HeaderError::NoVersion)
    );
    assert!(matches!(
        header(vec![2, 3]),
        CarError::Header(HeaderError::Cbor(_))
    ));
    assert!(matches!(
        read(&[0xff; 12]),
        Err(CarError::Header(HeaderError::Length(_)))
    ));
    assert_eq!(
        read(&[0x80, 0x80, 0x80, 0x01]),
        Err(CarError::LargeHeader {
            size: 1 << 21,
            limit: 1 << 20
        })
    );
}

#[test]
fn sections_that_are_none_are_refused_by_name() {
    let head = car(&[]);
    let offset = head.len() as u64;
    let with = |tail: &[u8]| read(&[&head[..], tail].concat()).map(|_| ()).unwrap_err();
    assert_eq!(
        with(&section(&[1, 0x55, 0x12, 0x20, 9], b"")),
        CarError::ShortSection(offset)
    );
    let version = |version| CarError::Cid {
        offset,
        source: CidError::Version(version),
    };
    assert_eq!(with(&section(&[2, 0x55, 0, 0], b"x")), version(2));
    assert_eq!(with(&section(&[0x12, 0x21, 0, 0], b"x")), version(0x12));
    assert!(matches!(
        with(&section(&[1, 0x80, 0x00, 0], b"x")),
        CarError::Cid { .. }
    ));
    assert!(matches!(with(&[0x80, 0x00]), CarError::Length { .. }));
    assert!(matches!(with(&[0xff; 11]), CarError::Length { .. }));
    assert_eq!(with(&[0x80]), CarError::TruncatedLength(offset));
    assert_eq!(
        with(&[5, 1, 0x55]),
        CarError::TruncatedSection {
            offset,
            size: offset + 3
        }
    );
    assert_eq!(with(&[0, 0, 7]), CarError::ZeroLengthSection(offset));
    let mut huge = Vec::new();
    varint::write(1 << 40, &mut huge);
    huge.extend_from_slice(&raw(b"x").to_bytes());
    assert!(matches!(with(&huge), CarError::LargeBlock { .. }));
    let mut cid = vec![1, 0x55, 0];
    varint::write(1 << 21, &mut cid);
    huge.truncate(6);
    huge.extend(cid);
    assert!(matches!(with(&huge), CarError::LargeCid { .. }));
}

/// Sections of fewer than eight bytes, padding, and bytes that follow.
#[test]
fn the_tail_is_read_or_reported_but_never_dropped() {
    let mut bytes = car(&[b"one"]);
    bytes.extend(section(&[1, 0x55, 0, 0], b""));
    assert_eq!(read(&bytes).unwrap().entries.len(), 2);
    bytes.extend(section(&[1, 0x55, 0, 1, 0x94], &[0x94]));
    let sound = read(&bytes).unwrap();
    assert_eq!(sound.entries.len(), 3);
    assert_eq!(sound.entries[2].payload, [0x94]);
    for zeros in [1, 7, 8, 16, 1000] {
        let padded = [&bytes[..], &vec![0; zeros]].concat();
        let read = read(&padded).unwrap();
        assert_eq!(
            (read.entries.len(), read.summary.padding),
            (3, zeros as u64)
        );
    }
}

#[test]
fn identity_cids_of_any_length_and_cidv0_are_read() {
    let long = Multihash::identity(&[9; 300]);
    let mut cid = vec![1, 0x55];
    cid.extend_from_slice(long.as_bytes());
    let v0 = Multihash::sha256(b"node");
    let bytes = [
        car(&[]),
        section(&cid, &[9; 300]),
        section(v0.as_bytes(), b"node"),
    ]
    .concat();
    let read = read(&bytes).unwrap();
    assert_eq!(read.entries[0].id.hash(), &long);
    assert!(matches!(read.entries[0].cid(), Err(CarError::Link(_))));
    assert_eq!(read.entries[1].cid().unwrap().version(), cid::Version::V0);
    let step: Vec<_> = (1..bytes.len()).collect();
    assert_eq!(
        pieces(&bytes, &step, Limits::default()),
        pieces(&bytes, &[], Limits::default())
    );
}

fn blocks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)
}

proptest! {
    #[test]
    fn what_is_written_is_read(blocks in blocks()) {
        let bytes = car(&blocks.iter().map(|data| &data[..]).collect::<Vec<_>>());
        let read = read(&bytes).unwrap();
        let payloads: Vec<_> = read.entries.iter().map(|entry| entry.payload.to_vec()).collect();
        prop_assert_eq!(&payloads, &blocks);
        prop_assert_eq!(read.header.root(), Ok(raw(b"root")));
        prop_assert_eq!(read.summary.size, bytes.len() as u64);
    }

    #[test]
    fn the_pieces_do_not_matter(
        blocks in blocks(),
        second: bool,
        tail in prop::collection::vec(any::<u8>(), 0..20),
        change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let mut bytes = car(&blocks.iter().map(|data| &data[..]).collect::<Vec<_>>());
        if second {
            bytes = v2(&bytes, 3, 0);
        }
        bytes.extend(tail);
        if let Some((at, value)) = change {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let whole = pieces(&bytes, &[], Limits::default());
        prop_assert_eq!(pieces(&bytes, &cuts, Limits::default()), whole);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = read(&[car(&[]), bytes.clone()].concat());
        let _ = BlockId::from_bytes(&bytes);
    }
}
