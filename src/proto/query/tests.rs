//! Answers that no vector holds.

use bytes::Bytes;
use cid::Cid;
use proptest::prelude::*;

use super::*;
use crate::proto::claims::relocate;
use crate::proto::index::{ShardedDagIndex, link};
use crate::proto::multihash::{Multihash, codec};
use crate::proto::{Signer, car};

fn answer(claims: u8, indexes: u8) -> QueryResult {
    let signer = Signer::from_seed([3; 32]);
    let claim = |n: u8| {
        relocate(
            &signer,
            signer.did(),
            &Multihash::sha256(&[n]),
            "https://a.example/b",
            1,
        )
        .unwrap()
    };
    let index = |n: u8| {
        let archive =
            ShardedDagIndex::new(Multihash::sha256(&[n]).cid(codec::RAW).unwrap()).archive();
        IndexBlock {
            key: vec![0xff, n, 0xc3],
            link: link(&archive),
            archive: Bytes::from(archive),
        }
    };
    QueryResult {
        claims: (0..claims).map(claim).collect(),
        indexes: (0..indexes).map(index).collect(),
    }
}

/// Pitfall 12.
#[test]
fn all_claims_and_all_indexes_are_given() {
    let all = answer(5, 3);
    for form in [Form::JS, Form::GO] {
        let read = decode(&encode(&all, form)).unwrap();
        assert_eq!(read, all);
    }
}

#[test]
fn an_index_whose_block_is_missing_is_named() {
    let all = answer(0, 1);
    let body = encode(&all, Form::GO);
    let whole = car::read(&body).unwrap();
    let root = whole.header.root().unwrap();
    let short = car::write(&[root], [(&root, whole.entries[0].payload)]);
    assert!(matches!(decode(&short), Err(Error::MissingIndex(cid)) if cid == all.indexes[0].link));
    assert!(matches!(decode(&car::write(&[root], [])), Err(Error::Root(cid)) if cid == root));
}

/// An answer whose block `at` of the CAR has other bytes, or another name.
fn swapped(
    at: usize,
    swap: impl FnOnce(&mut Cid, &mut Vec<u8>),
) -> (Cid, Result<QueryResult, Error>) {
    let body = encode(&answer(1, 1), Form::GO);
    let whole = car::read(&body).unwrap();
    let roots = [whole.header.root().unwrap()];
    let sections = whole.entries.iter();
    let mut blocks: Vec<_> = sections
        .map(|one| (one.cid().unwrap(), one.payload.to_vec()))
        .collect();
    let (cid, bytes) = &mut blocks[at];
    swap(cid, bytes);
    let cid = *cid;
    let blocks = blocks.iter().map(|(cid, bytes)| (cid, &bytes[..]));
    (cid, decode(&car::write(&roots, blocks)))
}

#[test]
fn a_block_that_its_cid_does_not_name_fails_the_answer_and_is_named() {
    let blocks = car::read(&encode(&answer(1, 1), Form::GO))
        .unwrap()
        .entries
        .len();
    assert_eq!(blocks, 3, "root, claim, index");
    for at in 0..blocks {
        let (cid, result) = swapped(at, |_, bytes| *bytes.last_mut().unwrap() ^= 1);
        let error = result.unwrap_err();
        assert!(
            matches!(error, Error::Block { cid: named, .. } if named == cid),
            "{error}"
        );
        assert!(error.to_string().contains(&cid.to_string()), "{error}");
    }
    // Another claim, right in itself, and another index.
    let other = answer(2, 2);
    let claim = other.claims[1].block().bytes.to_vec();
    let index = other.indexes[1].archive.to_vec();
    for (at, bytes) in [(1, claim), (2, index)] {
        let (_, result) = swapped(at, |_, old| *old = bytes);
        assert!(matches!(result, Err(Error::Block { .. })));
    }
}

#[test]
fn a_block_whose_hash_is_not_computed_here_is_not_trusted() {
    let md5 = Multihash::wrap(0xd5, &[7; 16])
        .cid(codec::DAG_CBOR)
        .unwrap();
    let (_, result) = swapped(1, |cid, _| *cid = md5);
    let error = result.unwrap_err();
    assert!(
        matches!(error, Error::Block { cid, .. } if cid == md5),
        "{error}"
    );
}

/// Pitfall 23.
#[test]
fn the_status_is_a_number_and_not_a_text() {
    let error = respond(404, b"unexpected status: 500").unwrap_err();
    assert_eq!(error.status(), Some(404));
    assert!(
        respond(200, &encode(&answer(0, 0), Form::GO))
            .unwrap()
            .claims
            .is_empty()
    );
}

proptest! {
    #[test]
    fn changed_answers_never_panic(at: prop::sample::Index, value: u8, cut: prop::sample::Index) {
        let mut body = encode(&answer(2, 1), Form::GO);
        let at = at.index(body.len());
        body[at] = value;
        let _ = decode(&body);
        let _ = decode(&body[..cut.index(body.len())]);
    }

    #[test]
    fn arbitrary_roots_never_panic(bytes: Vec<u8>) {
        let cid = Multihash::sha256(&bytes).cid(codec::DAG_CBOR).unwrap();
        prop_assert!(decode(&car::write(&[cid], [(&cid, &bytes[..])])).is_err());
    }
}
