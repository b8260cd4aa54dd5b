//! What the answer to `space/blob/add` sets in motion, read without trust in its order
//! (docs/protocol/blob-add.md §1).

use std::collections::BTreeMap;

use cid::Cid;
use ipld_core::ipld::Ipld;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::client::Cause;
use crate::client::ucan::failure;
use crate::proto::key::Signer;
use crate::proto::message::{Outcome, Receipt, concluded};
use crate::proto::ucan::Delegation;

/// Where the bytes are to be sent.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
}

/// The tasks of one add, and the receipts that came with them.
pub(super) struct Effects {
    /// `None` if the bytes are there already.
    pub(super) address: Option<Address>,
    /// The `http/put` task.
    pub(super) put: Delegation,
    /// The `blob/accept` task.
    pub(super) accept: Delegation,
    allocate: Delegation,
    receipts: BTreeMap<Cid, Receipt>,
}

impl Effects {
    /// Reads the forks of the answer.
    pub(super) fn read(answer: &Receipt) -> Result<Self, Cause> {
        let forks: Vec<Delegation> = answer
            .forks()
            .iter()
            .filter_map(|fork| fork.delegation().cloned())
            .collect();
        let receipts = receipts(&forks)?;
        let allocate = task(&forks, &["blob/allocate", "web3.storage/blob/allocate"])?;
        let put = task(&forks, &["http/put"])?;
        let accept = task(&forks, &["blob/accept", "web3.storage/blob/accept"])?;
        let allocated = receipts
            .get(allocate.cid())
            .ok_or_else(|| missing("receipt of blob/allocate"))?;
        let address = match allocated.outcome() {
            Outcome::Ok(value) => address(value)?,
            Outcome::Err(error) => return Err(failure(error)),
        };
        Ok(Self {
            address,
            put: put.clone(),
            accept: accept.clone(),
            allocate: allocate.clone(),
            receipts,
        })
    }

    /// The receipts of the tasks that came along, each with its task.
    pub(super) fn receipts(&self) -> impl Iterator<Item = (&Receipt, &Delegation)> {
        let tasks = [&self.allocate, &self.put, &self.accept].into_iter();
        tasks.filter_map(|task| Some((self.receipts.get(task.cid())?, task)))
    }

    /// The receipt of the put, if it came along and says success.
    pub(super) fn is_put(&self) -> bool {
        self.receipts
            .get(self.put.cid())
            .is_some_and(|receipt| receipt.outcome().ok().is_some())
    }

    /// The receipt of the accept, if it came along and says success.
    pub(super) fn accepted(&self) -> Option<Receipt> {
        self.receipts
            .get(self.accept.cid())
            .filter(|receipt| receipt.outcome().ok().is_some())
            .cloned()
    }

    /// The key that signs the put's receipt: its archive lies in the facts of the task.
    pub(super) fn put_key(&self) -> Result<Signer, Cause> {
        let keys = self.put.facts().iter().find_map(|fact| fact.get("keys"));
        let archive = keys.ok_or_else(|| missing("key of http/put"))?;
        let (Ok(Some(Ipld::String(id))), Ok(Some(Ipld::Map(keys)))) =
            (archive.get("id"), archive.get("keys"))
        else {
            return Err(missing("key of http/put"));
        };
        let Some(Ipld::Bytes(bytes)) = keys.get(id) else {
            return Err(missing("key of http/put"));
        };
        let signer = Signer::from_archive_bytes(bytes)
            .map_err(|error| Cause::Malformed(error.to_string()))?;
        if signer.did() != self.put.issuer() {
            return Err(Cause::Malformed(
                "key of http/put is not its issuer's".to_owned(),
            ));
        }
        Ok(signer)
    }
}

fn receipts(forks: &[Delegation]) -> Result<BTreeMap<Cid, Receipt>, Cause> {
    let mut receipts = BTreeMap::new();
    for fork in forks.iter().filter(|fork| ability(fork) == "ucan/conclude") {
        let receipt = concluded(fork).map_err(|error| Cause::Malformed(error.to_string()))?;
        receipts.entry(*receipt.ran().cid()).or_insert(receipt);
    }
    Ok(receipts)
}

/// The first fork of the first ability that has one.
fn task<'a>(forks: &'a [Delegation], abilities: &[&'static str]) -> Result<&'a Delegation, Cause> {
    let of = |can: &str| forks.iter().find(|fork| ability(fork) == can);
    abilities
        .iter()
        .find_map(|can| of(can))
        .ok_or_else(|| missing(abilities[0]))
}

fn ability(task: &Delegation) -> &str {
    task.capabilities()
        .first()
        .map_or("", |capability| capability.can.as_str())
}

fn address(allocated: &Ipld) -> Result<Option<Address>, Cause> {
    let value = match allocated.get("address") {
        Ok(Some(Ipld::Null) | None) | Err(_) => return Ok(None),
        Ok(Some(value)) => value,
    };
    let Ok(Some(Ipld::String(url))) = value.get("url") else {
        return Err(missing("url of the address"));
    };
    let url = Url::parse(url).map_err(|_| Cause::Address(url.clone()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Cause::Address(url.to_string()));
    }
    let mut headers = HeaderMap::new();
    if let Ok(Some(Ipld::Map(map))) = value.get("headers") {
        for (name, value) in map {
            let Ipld::String(value) = value else {
                return Err(missing("text of a header"));
            };
            let name = HeaderName::try_from(name).map_err(|_| missing("name of a header"))?;
            headers.insert(
                name,
                HeaderValue::try_from(value).map_err(|_| missing("text of a header"))?,
            );
        }
    }
    Ok(Some(Address { url, headers }))
}

fn missing(what: &str) -> Cause {
    Cause::Malformed(format!("mandatory effects not received: {what}"))
}
