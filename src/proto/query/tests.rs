//! Answers that no vector holds.

use bytes::Bytes;
use cid::Cid;
use proptest::prelude::*;

use super::*;
use crate::proto::claims::relocate;
use crate::proto::index::{ShardedDagIndex, link};
use crate::proto::multihash::{Multihash, codec};
use crate::proto::raw_cbor::Writer;
use crate::proto::ucan::{Capability, Delegation, Draft};
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
    assert!(
        matches!(decode(&short), Err(QueryError::MissingIndex(cid)) if cid == all.indexes[0].link)
    );
    assert!(matches!(decode(&car::write(&[root], [])), Err(QueryError::Root(cid)) if cid == root));
}

/// An answer whose block `at` of the CAR has other bytes, or another name.
fn swapped(
    at: usize,
    swap: impl FnOnce(&mut Cid, &mut Vec<u8>),
) -> (Cid, Result<QueryResult, QueryError>) {
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
            matches!(error, QueryError::Block { cid: named, .. } if named == cid),
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
        assert!(matches!(result, Err(QueryError::Block { .. })));
    }
}

#[test]
fn a_block_whose_hash_is_not_computed_here_is_not_trusted() {
    let md5 = Multihash::wrap(0xd5, &[7; 16])
        .cid(codec::DAG_CBOR)
        .unwrap();
    let mut root = Writer::default();
    root.map(1).text(b"index/query/result@0.1").map(1);
    root.text(b"claims").list(1).link(&md5.to_bytes());
    let root = root.finish();
    let cid = Multihash::link(codec::DAG_CBOR, &root);
    let body = car::write(&[cid], [(&cid, &root[..]), (&md5, b"a claim")]);
    let error = decode(&body).unwrap_err();
    assert!(
        matches!(error, QueryError::Block { cid, .. } if cid == md5),
        "{error}"
    );
}

/// A section without bytes under an identity CID: five bytes on the wire, and a hundred in memory.
const EMPTY: [u8; 5] = [4, 1, 0x55, 0, 0];

#[test]
fn an_answer_of_very_many_empty_blocks_is_refused_before_they_take_memory() {
    let mut body = encode(&answer(1, 1), Form::GO);
    let blocks = body.len();
    body.extend(EMPTY.repeat((1 << 16) - 3));
    assert!(decode(&body).is_ok(), "as many as are read");
    body.extend(EMPTY.repeat(1 << 20));
    assert!(matches!(
        decode(&body),
        Err(QueryError::Car(car::CarError::Sections(65_536)))
    ));
    assert!(body.len() - blocks > 5 << 20);
}

/// What nothing names is neither read nor kept, and an index is kept where it came.
#[test]
fn of_an_answer_only_what_it_names_is_kept() {
    let all = answer(2, 1);
    let body = encode(&all, Form::GO);
    let whole = car::read(&body).unwrap();
    let mut blocks: Vec<_> = whole
        .entries
        .iter()
        .map(|one| (one.cid().unwrap(), one.payload.to_vec()))
        .collect();
    let stray = Multihash::sha256(b"what it should be")
        .cid(codec::RAW)
        .unwrap();
    blocks.push((stray, vec![7; 1 << 20]));
    let roots = [whole.header.root().unwrap()];
    let body = car::write(&roots, blocks.iter().map(|(cid, bytes)| (cid, &bytes[..])));
    let body = Bytes::from(body);
    let opened = Answer::open(&body).unwrap();
    assert!(
        opened.weight() > 0 && opened.weight() < 64 << 10,
        "{}",
        opened.weight()
    );
    let read = opened.read().unwrap();
    assert_eq!(read, all);
    for claim in &read.claims {
        assert_eq!(claim.blocks().len(), 2, "the claims alone");
        assert!(!body.as_ptr_range().contains(&claim.block().bytes.as_ptr()));
    }
    let archive = &read.indexes[0].archive;
    assert!(body.as_ptr_range().contains(&archive.as_ptr()), "no copy");
}

/// A claim with the delegation that it rests on comes with it; what that names, too.
#[test]
fn what_a_claim_rests_on_comes_with_it() {
    let [space, agent, device] = [1, 2, 3].map(|seed| Signer::from_seed([seed; 32]));
    let grant = |from: &Signer, to: &Signer, proof: Option<Delegation>| {
        let draft = Draft::new(from, to.did())
            .capability(Capability::new("assert/*", space.did().as_str()));
        proof.into_iter().fold(draft, Draft::proof).sign().unwrap()
    };
    let chain = grant(&agent, &device, Some(grant(&space, &agent, None)));
    let claim = grant(&device, &agent, Some(chain.clone()));
    let result = QueryResult {
        claims: vec![claim],
        indexes: Vec::new(),
    };
    let read = decode(&encode(&result, Form::JS)).unwrap();
    let proof = read.claims[0].proofs()[0].delegation().unwrap().clone();
    assert_eq!(proof, chain);
    assert!(proof.proofs()[0].delegation().is_some());
}

#[test]
fn an_answer_with_more_than_is_read_says_of_what() {
    let claim = answer(1, 0).claims.remove(0);
    let too_many = vec![claim.clone(); (1 << 14) + 1];
    let result = QueryResult {
        claims: too_many,
        indexes: Vec::new(),
    };
    let refused = decode(&encode(&result, Form::GO)).unwrap_err();
    assert_eq!(refused.to_string(), "answer holds more than 16384 claims");

    // Claims that are small on the wire and large in memory.
    let signer = Signer::from_seed([3; 32]);
    let fact = |number: u8| {
        let many = vec![ipld_core::ipld::Ipld::Integer(number.into()); 100_000];
        [("many".to_owned(), ipld_core::ipld::Ipld::List(many))].into()
    };
    let large = |number: u8| {
        let draft = Draft::new(&signer, signer.did())
            .capability(Capability::new("assert/index", signer.did().as_str()));
        draft.fact(fact(number)).sign().unwrap()
    };
    let result = |claims: u8| QueryResult {
        claims: (0..claims).map(large).collect(),
        indexes: Vec::new(),
    };
    let two = Answer::open(&encode(&result(2), Form::GO).into()).unwrap();
    assert!(two.weight() > 200_000 * 32, "{}", two.weight());
    let refused = decode(&encode(&result(3), Form::GO)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "answer holds more than 262144 items in claims"
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
