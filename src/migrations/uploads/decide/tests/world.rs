//! A world in which everything is right, for tests to change one thing in.

use std::collections::BTreeSet;
use std::sync::Arc;

use cid::Cid;
use url::Url;

use crate::client::{
    Addresses, Buckets, Carpark, Layout, Network, Queues, Service, StorageNode, Tables,
};
use crate::migrations::uploads::decide::*;
use crate::migrations::uploads::find::{
    Claims, FoundIndex, FoundLocation, Observation, Shard, Signed,
};
use crate::proto::claims::{Content, Index, Location, Range};
use crate::proto::did::Did;
use crate::proto::index::{Outline, Position, ShardedDagIndex};
use crate::proto::key::Signer;
use crate::proto::multihash::{Multihash, codec};
use crate::proto::ucan::Draft;

pub(super) const NOW: u64 = 1_000;
pub(super) const SIZE: u64 = 100;

pub(super) struct World {
    pub(super) observed: Observation,
    pub(super) trust: Trust,
    pub(super) space: Did,
}

pub(super) fn did(text: &str) -> Did {
    Did::parse(text).unwrap()
}

pub(super) fn service(name: &str) -> Service {
    Service {
        url: Url::parse(&format!("https://{name}.test")).unwrap(),
        did: did(&format!("did:web:{name}.test")),
        keys: Vec::new(),
    }
}

pub(super) fn network() -> Network {
    let url = |text: &str| Url::parse(text).unwrap();
    let table = String::new;
    Network {
        upload_service: service("up"),
        indexing_service: service("indexer"),
        gateway: service("gateway"),
        claims_service: service("claims"),
        storage_node: StorageNode {
            service: service("storage"),
            blob_peer_id: String::new(),
            store_peer_id: String::new(),
        },
        carpark: Carpark {
            blob_url: url("https://carpark.test"),
            store_url: url("https://carpark.test"),
            all: Vec::new(),
        },
        tables: Tables {
            upload: table(),
            store: table(),
            allocation: table(),
            blob_registry: table(),
            consumer: table(),
            subscription: table(),
            delegation: table(),
            revocation: table(),
            storage_provider: table(),
        },
        buckets: Buckets {
            claims: table(),
            delegations: table(),
            upload_shards: table(),
            ipni_blob: table(),
            ipni_store: table(),
        },
        queues: Queues {
            ipni_blob: url("https://sqs.test/b"),
            ipni_store: url("https://sqs.test/s"),
        },
        storage_providers: vec![did("did:web:web3.storage")],
        unverified_receipts: false,
        reach: crate::client::Reach::Public,
        uploads: Vec::new(),
        receipts: Vec::new(),
        gateway_subdomains: None,
    }
}

pub(super) fn cid(name: &str, codec: u64) -> Cid {
    Multihash::sha256(name.as_bytes()).cid(codec).unwrap()
}

/// The customer's.
pub(super) fn migration_space() -> Signer {
    Signer::from_seed([5; 32])
}

pub(super) fn right_index(root: Cid, shards: &[Shard]) -> ShardedDagIndex {
    let mut index = ShardedDagIndex::new(root);
    for shard in shards {
        index.set_slice(
            &shard.hash,
            shard.hash.clone(),
            Position {
                offset: 0,
                length: SIZE,
            },
        );
        index.set_slice(
            &shard.hash,
            Multihash::of(&root),
            Position {
                offset: 60,
                length: 40,
            },
        );
    }
    index
}

/// What an index covers, as an answer of the indexing service tells it.
pub(super) fn outlined(index: &ShardedDagIndex) -> Arc<Outline> {
    Arc::new(Outline::read(&index.archive()).unwrap())
}

pub(super) fn index_claim(root: Cid, index: &ShardedDagIndex) -> FoundIndex {
    let signer = migration_space();
    let link = cid("index", codec::CAR);
    let said = Index {
        content: root.into(),
        index: link,
    };
    let draft = Draft::new(&signer, signer.did()).capability(said.capability(signer.did()));
    FoundIndex {
        claim: cid("index claim", codec::DAG_CBOR),
        issuer: signer.did().clone(),
        content: Multihash::of(&root),
        link,
        expiration: None,
        signed: Signed::Yes,
        delegation: Some(draft.sign().unwrap()),
        on_behalf_of: None,
        index: Some(Ok(outlined(index))),
    }
}

pub(super) fn location_claim(trust: &Trust, shard: &Shard, space: &Did) -> FoundLocation {
    FoundLocation {
        claim: cid("location claim", codec::DAG_CBOR),
        issuer: did("did:web:up.test"),
        with: "did:web:up.test".to_owned(),
        location: Location {
            content: Content::Digest(shard.hash.clone()),
            location: vec![
                trust
                    .addresses
                    .of(&shard.hash, Layout::Blob)
                    .unwrap()
                    .to_string(),
            ],
            range: Some(Range {
                offset: 0,
                length: Some(SIZE),
            }),
            space: Some(space.clone()),
        },
        expiration: None,
        signed: Signed::Yes,
    }
}

/// An upload of two shards for which everything is right.
pub(super) fn complete() -> World {
    let network = network();
    let trust = Trust {
        addresses: Addresses::new(&network),
        issuers: BTreeSet::from([did("did:web:up.test"), did("did:web:storage.test")]),
        upload_service: did("did:web:up.test"),
    };
    let space = Signer::from_seed([1; 32]).did().clone();
    let root = cid("root", codec::DAG_PB);
    let shards: Vec<_> = ["one", "two"]
        .map(|name| Shard::new(cid(name, codec::CAR)))
        .into();
    let claims = Claims {
        indexes: vec![index_claim(root, &right_index(root, &shards))],
        locations: shards
            .iter()
            .map(|shard| location_claim(&trust, shard, &space))
            .collect(),
    };
    let mut observed = Observation::new(root, shards, claims, NOW);
    observed.claimants.clone_from(&trust.issuers);
    observed
        .claimants
        .extend([space.clone(), migration_space().did().clone()]);
    World {
        observed,
        trust,
        space,
    }
}

impl World {
    pub(super) fn review(&self) -> Review {
        Review::of(&self.observed, &self.trust, &self.space)
    }

    pub(super) fn index(&mut self) -> &mut FoundIndex {
        &mut self.observed.claims.indexes[0]
    }

    pub(super) fn location(&mut self) -> &mut FoundLocation {
        &mut self.observed.claims.locations[1]
    }
}
