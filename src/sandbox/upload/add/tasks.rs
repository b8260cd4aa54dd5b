//! The tasks of one `space/blob/add`, pure: same invocation, same tasks (docs/protocol/blob-add.md §2).

use cid::Cid;
use ipld_core::ipld::Ipld;

use crate::proto::ucan::{Capability, Caveats, Delegation, Draft, UcanError};
use crate::proto::{Did, Signer};
use crate::sandbox::blob::Blob;
use crate::sandbox::ucan_server::{Failure, map, text};

/// What all tasks of one add have in common.
pub(super) struct Order<'a> {
    /// The upload service.
    pub(super) service: &'a Signer,
    /// The storage node.
    pub(super) node: &'a Did,
    /// The blob to be added.
    pub(super) blob: &'a Blob,
    /// The space it is added to.
    pub(super) space: &'a Did,
}

impl Order<'_> {
    /// `blob/allocate` of the service at the node.
    pub(super) fn allocate(
        &self,
        cause: &Cid,
        proof: &Delegation,
    ) -> Result<Delegation, UcanError> {
        let capability = Capability::new("blob/allocate", self.node.as_str())
            .caveat("blob", self.blob.to_ipld())
            .caveat("cause", Ipld::Link(*cause))
            .caveat("space", Ipld::Bytes(self.space.to_bytes()));
        Draft::new(self.service, self.node)
            .capability(capability)
            .proof(proof.clone())
            .sign()
    }

    /// Its legacy twin, of the service at itself.
    pub(super) fn legacy_allocate(&self, cause: &Cid) -> Result<Delegation, UcanError> {
        let capability = Capability::new("web3.storage/blob/allocate", self.service.did().as_str())
            .caveat("blob", self.blob.to_ipld())
            .caveat("cause", Ipld::Link(*cause))
            .caveat("space", text(self.space.as_str()));
        Draft::new(self.service, self.service.did())
            .capability(capability)
            .sign()
    }

    /// `blob/accept` of the service at the node.
    pub(super) fn accept(&self, put: &Cid, proof: &Delegation) -> Result<Delegation, UcanError> {
        let capability = Capability::new("blob/accept", self.node.as_str())
            .caveat("blob", self.blob.to_ipld())
            .caveat("space", Ipld::Bytes(self.space.to_bytes()))
            .caveat("_put", awaits(".out.ok", put));
        Draft::new(self.service, self.node)
            .capability(capability)
            .proof(proof.clone())
            .sign()
    }

    /// Its legacy twin, of the service at itself.
    pub(super) fn legacy_accept(&self, put: &Cid) -> Result<Delegation, UcanError> {
        let capability = Capability::new("web3.storage/blob/accept", self.service.did().as_str())
            .caveat("blob", self.blob.to_ipld())
            .caveat("space", text(self.space.as_str()))
            .caveat("_put", awaits(".out.ok", put));
        Draft::new(self.service, self.service.did())
            .capability(capability)
            .sign()
    }
}

/// The key that puts a blob: anyone who has the blob can make it.
pub(super) fn put_key(blob: &Blob) -> Result<Signer, Failure> {
    let bytes = blob.digest.as_bytes();
    let seed = bytes
        .last_chunk::<32>()
        .ok_or_else(|| Failure::broke("the digest is too short for a key"))?;
    Ok(Signer::from_seed(*seed))
}

/// `http/put` of the derived key at itself, which waits for an allocation.
pub(super) fn put(key: &Signer, blob: &Blob, allocate: &Cid) -> Result<Delegation, UcanError> {
    let capability = Capability::new("http/put", key.did().as_str())
        .caveat("body", blob.to_ipld())
        .caveat("url", awaits(".out.ok.address.url", allocate))
        .caveat("headers", awaits(".out.ok.address.headers", allocate));
    let keys = map([
        ("id", text(key.did().as_str())),
        (
            "keys",
            map([(key.did().as_str(), Ipld::Bytes(key.archive_bytes()))]),
        ),
    ]);
    let fact: Caveats = [("keys".to_owned(), keys)].into();
    Draft::new(key, key.did())
        .capability(capability)
        .fact(fact)
        .sign()
}

/// `{"ucan/await": [selector, task]}`.
pub(super) fn awaits(selector: &str, task: &Cid) -> Ipld {
    map([(
        "ucan/await",
        Ipld::List(vec![text(selector), Ipld::Link(*task)]),
    )])
}

/// The task that a value waits for.
pub(super) fn awaited(value: &Ipld) -> Option<Cid> {
    let Ipld::Map(fields) = value else {
        return None;
    };
    match fields.get("ucan/await")? {
        Ipld::List(parts) => match parts.as_slice() {
            [Ipld::String(_), Ipld::Link(task)] => Some(*task),
            _ => None,
        },
        _ => None,
    }
}
