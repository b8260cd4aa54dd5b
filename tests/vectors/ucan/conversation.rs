//! Messages as they went over the wire: read, verified, and made again out of their parts.

use std::collections::BTreeMap;

use cid::Cid;
use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::message::{Effects, Message, Receipt, Task, inspect};
use sterna::proto::ucan::{Delegation, Draft, Expiration, Proof};
use sterna::proto::{Did, Signer, Verifier};

use crate::load::{folder, load, signer, unhex};

/// Every key that the vector files give away, by the DID it signs for.
pub(crate) struct Keyring(BTreeMap<Did, Signer>);

impl Keyring {
    /// Collects actors, derived keys and seeds from all files.
    pub(crate) fn of_all_files() -> Self {
        let mut keys = Self(BTreeMap::new());
        for entry in std::fs::read_dir(folder()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if std::path::Path::new(&name)
                .extension()
                .is_some_and(|kind| kind == "json")
            {
                keys.collect(&load(&name));
            }
        }
        assert!(!keys.0.is_empty());
        keys
    }

    fn collect(&mut self, value: &Value) {
        if let Some(signer) = signer(value) {
            self.add(signer);
        }
        match value {
            Value::Object(entries) => {
                for seed in entries
                    .iter()
                    .filter(|(key, _)| key.ends_with("seeds_hex"))
                    .filter_map(|(_, seeds)| seeds.as_array())
                    .flatten()
                {
                    self.add(Signer::from_seed(
                        unhex(seed.as_str().unwrap()).try_into().unwrap(),
                    ));
                }
                entries.values().for_each(|value| self.collect(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.collect(value)),
            _ => {}
        }
    }

    fn add(&mut self, signer: Signer) {
        self.0.insert(signer.did().clone(), signer);
    }

    /// The key of a DID; for http/put tasks the key is derived from the digest of the blob.
    fn signer(&self, did: &Did, task: Option<&Delegation>) -> Option<Signer> {
        let derived = || {
            let body = task?.capabilities().first()?.get("body")?;
            let Ipld::Map(body) = body else { return None };
            let Some(Ipld::Bytes(digest)) = body.get("digest") else {
                return None;
            };
            Some(Signer::from_seed(
                digest[digest.len() - 32..].try_into().unwrap(),
            ))
        };
        self.0
            .get(did)
            .cloned()
            .or_else(derived)
            .filter(|signer| signer.did() == did)
    }

    /// The key that a DID signs with.
    pub(crate) fn signer_of(&self, did: &Did) -> Signer {
        self.0
            .get(did)
            .cloned()
            .unwrap_or_else(|| panic!("no key for {did}"))
    }

    /// What verifies the signatures of a DID.
    pub(crate) fn verifier(&self, did: &Did) -> Verifier {
        match self.0.get(did) {
            Some(signer) => signer.verifier(),
            None => Verifier::from_did(did).unwrap_or_else(|_| panic!("no key for {did}")),
        }
    }

    /// Checks the signatures of a delegation and of all that it rests on, and makes each again.
    pub(crate) fn check_delegation(&self, delegation: &Delegation) {
        let ucan = delegation.ucan();
        let signed =
            ucan.signature.is_absentee() || delegation.verify(&self.verifier(delegation.issuer()));
        assert!(signed, "signature of {}", delegation.cid());
        self.remake(delegation);
        delegation
            .proofs()
            .iter()
            .filter_map(Proof::delegation)
            .for_each(|proof| self.check_delegation(proof));
    }

    /// Signs a delegation again out of its fields, if its key is known, and compares block and export.
    fn remake(&self, delegation: &Delegation) {
        let ucan = delegation.ucan();
        let key = self.signer(&ucan.issuer, Some(delegation));
        let mut draft = match &key {
            _ if ucan.signature.is_absentee() => Draft::new(&ucan.issuer, &ucan.audience),
            Some(key) => Draft::new(key, &ucan.audience),
            None => return,
        };
        draft = draft.expiration(ucan.expiration.map_or(Expiration::Never, Expiration::At));
        draft = ucan
            .capabilities
            .iter()
            .cloned()
            .fold(draft, Draft::capability);
        draft = ucan.facts.iter().cloned().fold(draft, Draft::fact);
        draft = ucan.nonce.iter().fold(draft, Draft::nonce);
        draft = ucan
            .not_before
            .iter()
            .copied()
            .fold(draft, Draft::not_before);
        draft = delegation
            .proofs()
            .iter()
            .cloned()
            .fold(draft, Draft::proof);
        let mut links = Vec::new();
        ucan.capabilities
            .iter()
            .filter_map(|capability| capability.nb.as_ref())
            .for_each(|nb| collect_links(nb, &mut links));
        ucan.facts
            .iter()
            .for_each(|fact| collect_links(&Ipld::Map(fact.clone()), &mut links));
        draft = links
            .iter()
            .filter_map(|cid| delegation.blocks().get(cid))
            .fold(draft, Draft::attach);
        let again = draft.sign().unwrap();
        assert_eq!(again.block(), delegation.block());
        assert_eq!(
            again.export(),
            delegation.export(),
            "export of {}",
            delegation.cid()
        );
    }

    /// Checks a receipt, all that it carries, and makes it again if its key is known.
    pub(crate) fn check_receipt(&self, receipt: &Receipt) {
        let ran = receipt.ran();
        let issuer = receipt.issuer().unwrap();
        assert!(
            receipt.verify(&self.verifier(issuer)),
            "signature of {}",
            receipt.cid()
        );
        let (forks, join) = (receipt.forks(), receipt.join());
        for task in std::iter::once(&ran).chain(&forks).chain(&join) {
            task.delegation()
                .into_iter()
                .for_each(|delegation| self.check_delegation(delegation));
        }
        if let Some(key) = self.signer(issuer, ran.delegation()) {
            let effects = Effects { fork: forks, join };
            let again = Receipt::issue(&key, ran, receipt.outcome().clone(), effects).unwrap();
            assert_eq!(again.block(), receipt.block());
            assert_eq!(
                again.export(),
                receipt.export(),
                "export of {}",
                receipt.cid()
            );
        }
    }

    /// Reads a body, checks all in it, and encodes it again: as decoded, and out of its parts.
    pub(crate) fn check_message(&self, body: &[u8]) -> Message {
        let message = Message::decode(body).unwrap();
        assert_eq!(message.encode(), body);
        let (invocations, receipts) = (message.invocations().unwrap(), message.receipts().unwrap());
        for invocation in &invocations {
            self.check_delegation(invocation);
        }
        for receipt in &receipts {
            self.check_receipt(receipt);
        }
        let again = Message::new(&invocations, &in_wire_order(&message, receipts)).unwrap();
        assert_eq!(again.cid(), message.cid());
        assert_eq!(again.encode(), body);
        let told = inspect(body, &|did| Some(self.verifier(did))).unwrap();
        assert_eq!(told.len(), invocations.len() + message.report().len());
        for object in told {
            assert!(
                ["valid", "absentee"].contains(&object["signature"].as_str().unwrap()),
                "{object}"
            );
        }
        message
    }
}

/// Receipts in the order in which their root blocks stand in the message: the report itself has no order.
fn in_wire_order(message: &Message, mut receipts: Vec<Receipt>) -> Vec<Receipt> {
    let order: Vec<Cid> = message.blocks().iter().map(|block| block.cid).collect();
    receipts.sort_by_key(|receipt| order.iter().position(|cid| cid == receipt.cid()));
    receipts
}

fn collect_links(value: &Ipld, links: &mut Vec<Cid>) {
    match value {
        Ipld::Link(cid) => links.push(*cid),
        Ipld::List(items) => items.iter().for_each(|item| collect_links(item, links)),
        Ipld::Map(entries) => entries.values().for_each(|item| collect_links(item, links)),
        _ => {}
    }
}

/// The CIDs of tasks.
pub(crate) fn task_cids(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(|task| task.cid().to_string()).collect()
}
