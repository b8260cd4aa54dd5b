//! Invocations as the client makes them, with one thing wrong.

use std::collections::BTreeSet;

use cid::Cid;
use ipld_core::ipld::Ipld;
use sterna::proto::message::{CONTENT_TYPE, Message, Receipt};
use sterna::proto::ucan::{Delegation, Draft, Expiration, Proof};
use sterna::proto::{Block, Did, Signer, cbor};
use sterna::runtime::Clock;

/// Sends an invocation as it is; its receipt.
pub(crate) async fn send(url: &str, invocation: &Delegation) -> Receipt {
    let body = Message::request(std::slice::from_ref(invocation))
        .unwrap()
        .encode();
    let request = reqwest::Client::new()
        .post(url)
        .header("content-type", CONTENT_TYPE)
        .header("accept", CONTENT_TYPE)
        .body(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let reply = Message::decode(&answer.bytes().await.unwrap()).unwrap();
    reply.receipt(invocation.cid()).unwrap().unwrap()
}

/// The name of the error in a receipt; nothing for success.
pub(crate) fn error_name(receipt: &Receipt) -> Option<String> {
    match receipt.outcome().err()?.get("name") {
        Ok(Some(Ipld::String(name))) => Some(name.clone()),
        other => panic!("{other:?}"),
    }
}

/// The same delegation with one byte of its signature changed.
pub(crate) fn with_a_wrong_byte(delegation: &Delegation) -> Delegation {
    let Ipld::Map(mut fields) = cbor::decode(&delegation.block().bytes).unwrap() else {
        panic!("no map")
    };
    let Some(Ipld::Bytes(signature)) = fields.get_mut("s") else {
        panic!("no signature")
    };
    *signature.last_mut().unwrap() ^= 1;
    let changed = Block::dag_cbor(&Ipld::Map(fields)).unwrap();
    let mut blocks = delegation.blocks().as_ref().clone();
    let cid = changed.cid;
    blocks.insert(changed);
    Delegation::view(&cid, &blocks).unwrap()
}

/// What an invocation is made of again, signed by its issuer.
pub(crate) struct Again<'a> {
    pub(crate) key: &'a Signer,
    pub(crate) audience: Did,
    pub(crate) expiration: u64,
    pub(crate) proofs: Vec<Proof>,
    of: &'a Delegation,
}

impl<'a> Again<'a> {
    /// The invocation as it was sent, with time enough for a slow machine.
    pub(crate) fn of(invocation: &'a Delegation, key: &'a Signer) -> Self {
        Self {
            key,
            audience: invocation.audience().clone(),
            expiration: Clock::system().unix_secs() + 600,
            proofs: invocation.proofs().to_vec(),
            of: invocation,
        }
    }

    /// Signs it.
    pub(crate) fn sign(self) -> Delegation {
        let mut draft = Draft::new(self.key, &self.audience)
            .capability(self.of.capabilities()[0].clone())
            .expiration(Expiration::At(self.expiration))
            .proofs(self.proofs);
        for fact in self.of.facts() {
            draft = draft.fact(fact.clone());
        }
        let mut linked = BTreeSet::new();
        links(&cbor::decode(&self.of.block().bytes).unwrap(), &mut linked);
        for proof in self.of.proofs() {
            linked.remove(proof.cid());
        }
        for block in self.of.export() {
            if linked.contains(&block.cid) {
                draft = draft.attach(block);
            }
        }
        draft.sign().unwrap()
    }
}

/// Every link in a value.
fn links(value: &Ipld, into: &mut BTreeSet<Cid>) {
    match value {
        Ipld::Link(cid) => drop(into.insert(*cid)),
        Ipld::List(items) => items.iter().for_each(|item| links(item, into)),
        Ipld::Map(fields) => fields.values().for_each(|item| links(item, into)),
        _ => {}
    }
}
