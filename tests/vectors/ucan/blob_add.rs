//! `blob-add.json`: every exchange of adding blobs and indexes, and the keys of http/put tasks.

use cid::Cid;
use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::claims::Claim;
use sterna::proto::message::{Message, Receipt, Task, concluded, find_receipt};
use sterna::proto::ucan::{Delegation, archive, extract};
use sterna::proto::{Signer, cbor, json};

use super::conversation::{Keyring, task_cids};
use super::messages::outcome;
use crate::load::{cid, did, hex, ipld, list, load, name, section, text, texts};

#[test]
fn put_keys_are_derived_from_digests() {
    for vector in section(&load("blob-add.json"), "derived_put_keys") {
        let multihash = hex(vector, "multihash_hex");
        let seed = &multihash[multihash.len() - 32..];
        assert_eq!(seed, hex(vector, "seed_hex"));
        let signer = Signer::from_seed(seed.try_into().unwrap());
        assert_eq!(signer.did(), &did(vector, "did"));
        assert_eq!(signer.did(), &did(&vector["archive"], "id"));
        assert_eq!(
            signer.archive_bytes(),
            hex(&vector["archive"]["keys"], signer.did().as_str())
        );
    }
}

fn assert_delegation(delegation: &Delegation, expected: &Value) {
    assert_eq!(delegation.cid(), &cid(expected, "cid"));
    assert_eq!(delegation.capabilities()[0].can, text(expected, "can"));
    assert_eq!(delegation.issuer(), &did(expected, "issuer"));
    assert_eq!(delegation.audience(), &did(expected, "audience"));
    if let Some(block) = expected.get("dag_json") {
        assert_eq!(
            &json::to_value(&cbor::decode(&delegation.block().bytes).unwrap()).unwrap(),
            block
        );
        assert_eq!(
            cbor::encode(&ipld(block)).unwrap(),
            delegation.block().bytes
        );
    }
}

fn assert_receipt(keys: &Keyring, receipt: &Receipt, expected: &Value) {
    assert_eq!(receipt.cid(), &cid(expected, "cid"));
    assert_eq!(receipt.ran().cid(), &cid(expected, "ran"));
    assert_eq!(receipt.outcome(), &outcome(&expected["out"]));
    assert_eq!(receipt.issuer(), Some(&did(expected, "issuer")));
    let forks = receipt.forks();
    let Some(given) = expected.get("fork").and_then(Value::as_array) else {
        return;
    };
    let cids: Vec<_> = given
        .iter()
        .map(|fork| fork.as_str().unwrap_or_else(|| text(fork, "cid")))
        .collect();
    assert_eq!(task_cids(&forks), cids);
    for (fork, expected) in forks
        .iter()
        .zip(given)
        .filter(|(_, expected)| expected.is_object())
    {
        let fork = fork.delegation().expect("forks travel with their blocks");
        assert_delegation(fork, expected);
        if let Some(carried) = expected
            .get("carries")
            .filter(|carried| carried.is_object())
        {
            let receipt = concluded(fork).unwrap();
            keys.check_receipt(&receipt);
            assert_receipt(keys, &receipt, carried);
        }
    }
}

fn assert_exchange(keys: &Keyring, exchange: &Value) {
    let request = keys.check_message(&hex(exchange, "request_body_hex"));
    assert_eq!(blocks(&request), texts(exchange, "request_blocks"));
    let given = section(exchange, "invocations");
    let invocations = request.invocations().unwrap();
    assert_eq!(invocations.len(), given.len());
    invocations
        .iter()
        .zip(given)
        .for_each(|(invocation, expected)| assert_delegation(invocation, expected));

    let reply = keys.check_message(&hex(exchange, "response_body_hex"));
    assert_eq!(blocks(&reply), texts(exchange, "response_blocks"));
    for expected in section(exchange, "receipts") {
        let receipt = reply.receipt(&cid(expected, "ran")).unwrap().unwrap();
        assert_receipt(keys, &receipt, expected);
    }
    assert_eq!(reply.report().len(), list(exchange, "receipts").len());
}

fn blocks(message: &Message) -> Vec<String> {
    message
        .blocks()
        .iter()
        .map(|block| block.cid.to_string())
        .collect()
}

#[test]
fn every_exchange_is_read_and_made_again() {
    let keys = Keyring::of_all_files();
    for flow in section(&load("blob-add.json"), "flows") {
        let exchanges = section(flow, "exchanges").iter();
        let messages: Vec<_> = exchanges
            .filter(|exchange| exchange["request_body_hex"].is_string())
            .collect();
        assert!(!messages.is_empty(), "{}", name(flow));
        for exchange in messages {
            assert_exchange(&keys, exchange);
        }
    }
}

#[test]
fn polled_messages_hold_the_receipt_of_the_task() {
    let (file, keys) = (load("blob-add.json"), Keyring::of_all_files());
    let exchanges = section(&file, "flows")
        .iter()
        .flat_map(|flow| section(flow, "exchanges"));
    let mut found = 0;
    for exchange in exchanges
        .filter(|exchange| exchange["body_hex"].is_string() && exchange["message"].is_string())
    {
        let message = keys.check_message(&hex(exchange, "body_hex"));
        assert_eq!(message.cid(), &cid(exchange, "message"));
        // The address ends in the CID of the task, or in that of the message after a redirect.
        let last = text(exchange, "url").rsplit('/').next().unwrap();
        let last = Cid::try_from(last).unwrap();
        if &last != message.cid() {
            let receipt = find_receipt(&message, &last)
                .unwrap()
                .expect("the receipt that was asked for");
            assert_eq!(receipt.ran().cid(), &last);
        }
        found += 1;
    }
    assert!(found > 0);
}

#[test]
fn the_site_of_an_added_blob_is_found_in_the_accept_receipt() {
    let (file, keys) = (load("blob-add.json"), Keyring::of_all_files());
    let mut found = 0;
    for flow in section(&file, "flows") {
        let Some(site) = flow["result"]["ok"].get("site") else {
            continue;
        };
        let (ok, archived) = (
            &flow["result"]["ok"],
            hex(&flow["result"]["ok"], "site_archive_hex"),
        );
        let claim = extract(&archived).unwrap();
        assert_eq!(claim.cid().to_string(), site.as_str().unwrap());
        assert_eq!(archive(&claim).unwrap(), archived, "{}", name(flow));
        assert_eq!(
            claim.capabilities()[0].nb.as_ref(),
            Some(&ipld(&ok["nb"])),
            "{}",
            name(flow)
        );
        keys.check_delegation(&claim);
        // What the client refuses otherwise: it is for the space, on its own issuer, of the whole blob, without an end.
        let Ok(Claim::Location(location)) = Claim::of(&claim) else {
            panic!("{}", name(flow));
        };
        assert_eq!(claim.audience(), location.space.as_ref().unwrap());
        assert_eq!(claim.capabilities()[0].with, claim.issuer().as_str());
        assert_eq!(location.range.map(|range| range.offset), Some(0));
        assert_eq!(claim.expiration(), None);
        let receipts = section(flow, "exchanges").iter().flat_map(receipts_of);
        let viewed: Vec<_> = receipts
            .filter_map(|receipt| site_of(&receipt, claim.cid()))
            .collect();
        assert!(!viewed.is_empty(), "{}", name(flow));
        assert!(
            viewed.iter().all(|view| archive(view).unwrap() == archived),
            "{}",
            name(flow)
        );
        found += 1;
    }
    assert!(found > 0);
}

/// All receipts in the answers of an exchange: reported ones, and those that concludes carry.
fn receipts_of(exchange: &Value) -> Vec<Receipt> {
    let bodies = ["response_body_hex", "body_hex"]
        .into_iter()
        .filter(|key| exchange[key].is_string());
    let messages = bodies.filter_map(|key| Message::decode(&hex(exchange, key)).ok());
    let mut receipts: Vec<_> = messages
        .flat_map(|message| message.receipts().unwrap())
        .collect();
    let forks: Vec<Task> = receipts.iter().flat_map(Receipt::forks).collect();
    receipts.extend(
        forks
            .iter()
            .filter_map(Task::delegation)
            .filter_map(|fork| concluded(fork).ok()),
    );
    receipts
}

/// The delegation at `.out.ok.site`, if it is the one looked for.
fn site_of(receipt: &Receipt, wanted: &Cid) -> Option<Delegation> {
    let Ipld::Map(ok) = receipt.outcome().ok()? else {
        return None;
    };
    match ok.get("site")? {
        Ipld::Link(cid) if cid == wanted => {
            Some(Delegation::view_shared(cid, receipt.blocks()).unwrap())
        }
        _ => None,
    }
}
