//! A network, what the calls are about, and clients with patience, without, and with wrong addresses.

use std::time::Duration;

use bytes::Bytes;
use cid::Cid;
use sterna::client::{CacheRequest, Config, Layout, Protocol, Provision, QueryKind, Services};
use sterna::proto::claims::{Claim, relocate};
use sterna::proto::did::Did;
use sterna::proto::ipni::{Job, Metadata, Multiaddr, PeerId, Port, Provider, context_id};
use sterna::proto::key::Signer;
use sterna::proto::multihash::Multihash;
use sterna::proto::subscription;
use sterna::proto::ucan::{Capability, Delegation, Draft};
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{Condition, Protocol as Stored};
use sterna::sandbox::{PutOptions, Service, bucket};
use url::Url;

use crate::fixture::{Local, small};

/// Tries of a call.
pub(super) const TRIES: u64 = 2;
/// A deadline that nothing meets which gets an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Everything the calls need.
pub(super) struct Stage {
    pub(super) local: Local,
    pub(super) patient: Services,
    /// Every address is that of nobody.
    pub(super) refused: Services,
    /// Every address has the name of no host.
    pub(super) nowhere: Services,
    /// A complete upload.
    pub(super) space: Did,
    pub(super) customer: Did,
    pub(super) root: Cid,
    pub(super) shard: Cid,
    pub(super) layout: Layout,
    /// The index of the complete upload.
    pub(super) index: Cid,
    /// A delegation of the space to its account.
    pub(super) proof: Delegation,
    /// A space that may store blobs.
    pub(super) paid: Signer,
    /// How it is paid for.
    pub(super) paid_for: Provision,
    /// A delegation that it gave.
    pub(super) granted: Delegation,
    /// Key of an object that lists shards.
    pub(super) list: String,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let local = Local::start(small()).await;
        let patient = connect(limited(&local.config, PATIENCE)).await;
        let record = complete(&local);
        let (space, customer) = (did(&record.space), did(&record.customer));
        let root = cid(&record.root);
        let found = patient
            .indexing
            .claims(&[Multihash::of(&root)], &[], QueryKind::Standard)
            .await
            .unwrap();
        let index = found
            .claims
            .iter()
            .find_map(|claim| match Claim::of(claim) {
                Ok(Claim::Index(index)) => Some(index.index),
                _ => None,
            });
        let rows = patient.tables.delegations_by_issuer(&space).await.unwrap();
        let proof = patient.delegations.read(&rows[0].link).await.unwrap();
        let paid = Signer::generate();
        let paid_for = provision(&local.config, paid.did(), &customer);
        patient.tables.provision(&paid_for).await.unwrap();
        let all = Capability::new("space/*", paid.did().as_str());
        let granted = Draft::new(&paid, &customer).capability(all).sign();
        let list = list_of_shards(&local, &record).await;
        Self {
            space,
            customer,
            root,
            shard: cid(&record.shards[0]),
            layout: match record.protocol {
                Stored::Blob => Layout::Blob,
                Stored::Store => Layout::Store,
            },
            index: index.unwrap(),
            proof: proof.unwrap(),
            granted: granted.unwrap(),
            paid_for,
            paid,
            list,
            refused: connect(astray(&local.config, &nobody().await)).await,
            nowhere: connect(astray(&local.config, "no-such-host.invalid")).await,
            patient,
            local,
        }
    }

    pub(super) fn hash(&self) -> Multihash {
        Multihash::of(&self.shard)
    }

    /// A location claim as a run makes it, new each time.
    pub(super) fn claim(&self) -> Delegation {
        let url = format!("http://127.0.0.1:1/{}", uuid::Uuid::new_v4());
        let secrets = &self.local.config.secrets;
        relocate(&secrets.upload_service, &self.space, &self.hash(), &url, 1).unwrap()
    }

    fn addresses(&self) -> Vec<Multiaddr> {
        let node = self.local.sandbox.urls().of(Service::Node);
        let carpark = self.local.sandbox.urls().of(Service::Carpark);
        let blob = format!("{carpark}/{{blob}}/{{blob}}.blob");
        [format!("{node}/claim/{{claim}}"), blob]
            .map(|url| Multiaddr::from_url(&url, Port::AsGiven).unwrap())
            .into()
    }

    pub(super) fn cache(&self) -> CacheRequest {
        CacheRequest {
            claim: self.claim(),
            addresses: self.addresses().iter().map(Multiaddr::to_bytes).collect(),
        }
    }

    /// An advert as a run makes it, new each time.
    pub(super) fn job(&self) -> Job {
        let metadata = Metadata::Location {
            claim: *self.claim().cid(),
            expiration: 0,
            range: None,
            shard: Some(self.shard),
        };
        let peer = &self.local.config.network.storage_node.blob_peer_id;
        let provider = Provider {
            id: PeerId::parse(peer).unwrap(),
            addrs: self.addresses(),
        };
        let context = context_id(Some(&self.space), &self.hash());
        Job::new(&context, &[metadata], provider)
    }

    /// A space to be paid for, new each time.
    pub(super) fn provision(&self) -> Provision {
        provision(&self.local.config, Signer::generate().did(), &self.customer)
    }

    /// Clients that know nothing yet, with a deadline for each try.
    pub(super) async fn fresh(&self, deadline: Duration) -> Services {
        connect(limited(&self.local.config, deadline)).await
    }

    pub(super) async fn stop(self) {
        self.local.stop().await;
    }
}

async fn connect(config: Config) -> Services {
    let (clock, dependencies) = Default::default();
    Box::pin(Services::connect(&config, clock, dependencies))
        .await
        .unwrap()
}

fn limited(config: &Config, deadline: Duration) -> Config {
    let mut config = config.clone();
    config.limits.call = deadline;
    config.limits.idle = deadline;
    config.limits.connect = deadline;
    config.limits.tries = usize::try_from(TRIES).unwrap();
    config.limits.pause = Duration::from_millis(1);
    config.limits.receipt = Duration::from_secs(1);
    config
}

/// Leads every call to one host.
fn astray(config: &Config, host: &str) -> Config {
    let mut config = limited(config, PATIENCE);
    // One try: a row of failures would open the breaker.
    config.limits.tries = 1;
    let wrong: Url = format!("http://{host}/").parse().unwrap();
    let network = &mut config.network;
    network.upload_service.url = wrong.clone();
    network.indexing_service.url = wrong.clone();
    network.gateway.url = wrong.clone();
    network.carpark.blob_url = wrong.clone();
    network.carpark.store_url = wrong.clone();
    if let Some(r2) = &mut config.aws.r2 {
        r2.endpoint = wrong.clone();
    }
    let endpoints = &mut config.aws.endpoints;
    endpoints.dynamodb = Some(wrong.clone());
    endpoints.s3 = Some(wrong.clone());
    endpoints.sqs = Some(wrong);
    config
}

/// An address at which nobody listens: its port was free a moment ago.
async fn nobody() -> String {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    free.local_addr().unwrap().to_string()
}

/// A complete upload of a space that its account may let the gateway serve.
fn complete(local: &Local) -> Record {
    let uploads = &local.world.uploads;
    let fits = |record: &&Record| record.condition == Condition::Complete;
    uploads.iter().find(fits).unwrap().clone()
}

async fn list_of_shards(local: &Local, record: &Record) -> String {
    let links = record.shards.iter().map(|shard| cid(shard));
    let links = links.map(ipld_core::ipld::Ipld::Link).collect();
    let bytes = sterna::proto::cbor::encode(&ipld_core::ipld::Ipld::List(links)).unwrap();
    let name = Multihash::sha256(&bytes)
        .cid(sterna::proto::multihash::codec::DAG_CBOR)
        .unwrap();
    let key = format!("{}/{name}", record.space);
    let objects = &local.sandbox.network().objects;
    objects
        .put(bucket::UPLOAD_SHARDS, &key, bytes, PutOptions::default())
        .await
        .unwrap();
    key
}

fn provision(config: &Config, space: &Did, customer: &Did) -> Provision {
    Provision {
        space: space.clone(),
        customer: customer.clone(),
        provider: config.network.upload_service.did.clone(),
        subscription: subscription::id(space).to_string(),
        at: "2026-01-01T00:00:00.000Z".to_owned(),
    }
}

pub(super) fn new_bytes() -> Bytes {
    Bytes::from(uuid::Uuid::new_v4().to_string())
}

pub(super) fn blob_protocol() -> Protocol {
    Protocol::Blob
}

fn did(text: &str) -> Did {
    Did::parse(text).unwrap()
}

fn cid(text: &str) -> Cid {
    Cid::try_from(text).unwrap()
}
