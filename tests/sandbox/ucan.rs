//! A client made of nothing but protocol words and plain HTTP.

use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::message::{
    CONTENT_TYPE, Effects, Message, Outcome, Receipt, conclude, concluded, find_receipt,
};
use sterna::proto::multihash::Multihash;
use sterna::proto::ucan::{Capability, Delegation, Draft, Expiration};
use sterna::proto::{Did, Signer};
use sterna::sandbox::{Row, Service, Table};

use crate::aws::Local;

/// A map of caveats.
pub(crate) fn map<const N: usize>(entries: [(&str, Ipld); N]) -> Ipld {
    Ipld::Map(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

/// A space with its key, which acts for itself.
pub(crate) struct Space {
    pub(crate) key: Signer,
}

impl Space {
    /// A new space that nobody pays for.
    pub(crate) fn new() -> Self {
        Self {
            key: Signer::generate(),
        }
    }

    /// A new space of the upload service.
    pub(crate) async fn provisioned(local: &Local) -> Self {
        let space = Self::new();
        let network = local.sandbox.network();
        let row = Row::new()
            .text("subscription", format!("sub-{}", space.did()))
            .text("provider", network.keys.upload.did().as_str())
            .text("consumer", space.did().as_str())
            .text("customer", "did:mailto:example.com:alice");
        network.db.put(Table::Consumer, row).await.unwrap();
        space
    }

    pub(crate) fn did(&self) -> &Did {
        self.key.did()
    }

    /// An invocation of the space on itself.
    pub(crate) fn invocation(&self, local: &Local, can: &str, nb: Ipld) -> Delegation {
        let network = local.sandbox.network();
        Draft::new(&self.key, network.keys.upload.did())
            .capability(Capability::new(can, self.did().as_str()).nb(nb))
            .expiration(Expiration::At(network.clock.now().0 / 1000 + 30))
            .nonce(uuid::Uuid::new_v4().to_string())
            .sign()
            .unwrap()
    }

    /// Asks the upload service.
    pub(crate) async fn ask(&self, local: &Local, can: &str, nb: Ipld) -> Receipt {
        send(local, Service::Upload, &self.invocation(local, can, nb)).await
    }

    /// `space/blob/add` and all that follows: the location claim of the node.
    pub(crate) async fn add(&self, local: &Local, bytes: &[u8]) -> Delegation {
        let receipt = self.ask(local, "space/blob/add", blob_of(bytes)).await;
        let put = fork(&receipt, "http/put");
        let accept = fork(&receipt, "blob/accept");
        let receipts = concluded_in(&receipt);
        let allocated = receipts
            .iter()
            .find(|one| one.ran().cid() == fork(&receipt, "blob/allocate").cid())
            .unwrap();
        if let Some(address) = field(allocated.outcome().ok().unwrap(), "address") {
            upload(address, bytes).await;
            let key = Signer::from_archive_bytes(put_key(&put)).unwrap();
            let done =
                Receipt::issue(&key, *put.cid(), Outcome::done(), Effects::default()).unwrap();
            let upload_did = local.sandbox.network().keys.upload.did();
            let told = send(
                local,
                Service::Upload,
                &conclude(&self.key, upload_did, &done).unwrap(),
            )
            .await;
            assert!(told.outcome().ok().is_some(), "{:?}", told.outcome());
        }
        let inline = receipts
            .into_iter()
            .find(|one| one.ran().cid() == accept.cid());
        let accepted = match inline {
            Some(accepted) => accepted,
            None => polled(local, accept.cid()).await.unwrap(),
        };
        let Some(Ipld::Link(site)) = field(accepted.outcome().ok().unwrap(), "site") else {
            panic!("no site")
        };
        Delegation::view_shared(site, accepted.blocks()).unwrap()
    }
}

/// Caveats of `space/blob/add`.
pub(crate) fn blob_of(bytes: &[u8]) -> Ipld {
    let digest = Ipld::Bytes(Multihash::sha256(bytes).as_bytes().to_vec());
    map([(
        "blob",
        map([
            ("digest", digest),
            ("size", Ipld::Integer(bytes.len() as i128)),
        ]),
    )])
}

/// Sends one invocation.
pub(crate) async fn send(local: &Local, service: Service, invocation: &Delegation) -> Receipt {
    let body = Message::request(std::slice::from_ref(invocation))
        .unwrap()
        .encode();
    let (status, reply) = post(
        &local.url(service),
        &[("content-type", CONTENT_TYPE), ("accept", CONTENT_TYPE)],
        body,
    )
    .await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&reply));
    let receipt = Message::decode(&reply)
        .unwrap()
        .receipt(invocation.cid())
        .unwrap()
        .unwrap();
    let keys = &local.sandbox.network().keys;
    let issuer = receipt.issuer().unwrap();
    let signer = keys.of(issuer).unwrap_or(&keys.node);
    assert!(
        receipt.verify(&signer.verifier())
            || receipt.verify(&signer.clone().with_did(issuer.clone()).verifier())
    );
    receipt
}

/// A plain POST: status and body.
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Vec<u8>) {
    let mut request = reqwest::Client::new().post(url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (
        answer.status().as_u16(),
        answer.bytes().await.unwrap().to_vec(),
    )
}

/// The receipt of a task, through the receipts endpoint; redirects are followed.
pub(crate) async fn polled(local: &Local, task: &cid::Cid) -> Option<Receipt> {
    let answer = reqwest::get(format!("{}/receipt/{task}", local.url(Service::Upload)))
        .await
        .unwrap();
    if answer.status() == 404 {
        return None;
    }
    let message = Message::decode(&answer.bytes().await.unwrap()).unwrap();
    find_receipt(&message, task).unwrap()
}

/// The first fork of an ability.
pub(crate) fn fork(receipt: &Receipt, can: &str) -> Delegation {
    let forks = receipt.forks();
    let mut fitting = forks
        .iter()
        .filter_map(|fork| fork.delegation())
        .filter(|fork| fork.capabilities()[0].can == can);
    fitting
        .next()
        .unwrap_or_else(|| panic!("no fork {can} in {:?}", receipt.outcome()))
        .clone()
}

/// The abilities of all forks in order.
pub(crate) fn forks(receipt: &Receipt) -> Vec<String> {
    receipt
        .forks()
        .iter()
        .map(|fork| fork.delegation().unwrap().capabilities()[0].can.clone())
        .collect()
}

/// The receipts that travel in `ucan/conclude` forks.
pub(crate) fn concluded_in(receipt: &Receipt) -> Vec<Receipt> {
    let forks = receipt.forks();
    let conclusions = forks.iter().filter_map(|fork| fork.delegation());
    conclusions
        .filter(|fork| fork.capabilities()[0].can == "ucan/conclude")
        .map(|fork| concluded(fork).unwrap())
        .collect()
}

/// A field of a map.
pub(crate) fn field<'a>(value: &'a Ipld, name: &str) -> Option<&'a Ipld> {
    match value {
        Ipld::Map(fields) => fields.get(name),
        _ => None,
    }
}

/// The name of an error receipt.
pub(crate) fn error_name(receipt: &Receipt) -> String {
    let error = receipt
        .outcome()
        .err()
        .unwrap_or_else(|| panic!("{:?}", receipt.outcome()));
    match field(error, "name") {
        Some(Ipld::String(name)) => name.clone(),
        other => panic!("{other:?}"),
    }
}

/// The message of an error receipt.
pub(crate) fn error_message(receipt: &Receipt) -> String {
    match field(receipt.outcome().err().unwrap(), "message") {
        Some(Ipld::String(message)) => message.clone(),
        other => panic!("{other:?}"),
    }
}

/// PUTs to an address.
async fn upload(address: &Ipld, bytes: &[u8]) {
    let Some(Ipld::String(url)) = field(address, "url") else {
        panic!("no url")
    };
    let Some(Ipld::Map(headers)) = field(address, "headers") else {
        panic!("no headers")
    };
    let mut request = reqwest::Client::new().put(url).body(bytes.to_vec());
    for (name, value) in headers {
        let Ipld::String(value) = value else {
            panic!("a header is not text")
        };
        request = request.header(name, value);
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
}

/// The key that a task carries in its facts.
fn put_key(task: &Delegation) -> &[u8] {
    let keys = task
        .facts()
        .iter()
        .find_map(|fact| fact.get("keys"))
        .unwrap();
    let Some(Ipld::Map(keys)) = field(keys, "keys") else {
        panic!("no keys")
    };
    match keys.values().next() {
        Some(Ipld::Bytes(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

/// Requests that clients made so far, as `service operation`.
pub(crate) async fn counted(local: &Local, service: Service, operation: &str) -> u64 {
    let answer = local.control(reqwest::Method::GET, "/requests");
    let answer = answer.send().await.unwrap();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    body["services"][service.name()]["operations"][operation]["count"]
        .as_u64()
        .unwrap_or_default()
}
