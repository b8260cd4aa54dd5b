//! Answers that no vector holds.

use bytes::Bytes;
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
