//! A local network in which a migration was begun and the existing tool's traces are all that is left of it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cid::Cid;
use serde_json::{Value, json};
use sterna::proto::Did;
use sterna::proto::envelope::{Key, Version};
use sterna::proto::ipni::{Multiaddr, PeerId, context_id, text_context_id};
use sterna::proto::multihash::Multihash;
use sterna::sandbox::world::manifest::{Manifest, Record};
use sterna::sandbox::world::plan::{Plan, Sizes};
use sterna::sandbox::{
    Advert, Condition, Config, Provider, Sandbox, Service, bucket, queue, world,
};

use super::tool::Tables;
use crate::run::{Place, Ran};

/// The names of the tables.
pub(super) const PROGRESS: &str = "local-migration-progress";
pub(super) const CUSTOMERS: &str = "local-migration-customers";
pub(super) const SPACES: &str = "local-migration-spaces";
pub(super) const CONSUMER: &str = "local-w3infra-consumer";
pub(super) const SUBSCRIPTION: &str = "local-w3infra-subscription";
pub(super) const DELEGATION: &str = "local-w3infra-delegation";

pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) sandbox: Sandbox,
    pub(super) world: Manifest,
    pub(super) tables: Tables,
}

impl Scene {
    /// A seeded network with empty migration tables.
    pub(super) async fn start() -> Self {
        let place = Place::new();
        let folder = place.path().join("migration-state/local");
        let sandbox = Sandbox::start(Config::in_dir(folder)).await.unwrap();
        let sizes = Sizes {
            customers: 4,
            spaces: 7,
            uploads: 40,
        };
        let world = world::seed(sandbox.network(), &Plan::new(1, sizes))
            .await
            .unwrap();
        let tables = Tables::at(sandbox.urls().of(Service::DynamoDb));
        let scene = Self {
            place,
            sandbox,
            world,
            tables,
        };
        scene.sterna(&["init"]).ends(0);
        scene
    }

    /// The binary in this place.
    pub(super) fn sterna(&self, args: &[&str]) -> Ran {
        tokio::task::block_in_place(|| self.place.sterna(args))
    }

    /// A customer's spaces, those with most uploads first.
    pub(super) fn spaces_of(&self, customer: &str) -> Vec<String> {
        let records = self.world.uploads.iter();
        let spaces: BTreeSet<&str> = records
            .filter(|record| record.customer == customer)
            .map(|record| record.space.as_str())
            .collect();
        let mut spaces: Vec<String> = spaces.into_iter().map(str::to_owned).collect();
        spaces.sort_by_key(|space| std::cmp::Reverse(self.uploads(space).len()));
        spaces
    }

    /// The uploads of a space in the order in which they are listed.
    pub(super) fn uploads(&self, space: &str) -> Vec<&Record> {
        let records = self.world.uploads.iter();
        let mut uploads: Vec<&Record> = records.filter(|one| one.space == space).collect();
        uploads.sort_by(|left, right| left.root.cmp(&right.root));
        uploads
    }

    /// Nothing is left of the run that made the effects: no row, no file, no message that a queue remembers.
    pub(super) async fn forget_the_run(self) -> Self {
        for (table, key) in [
            (PROGRESS, &["customer", "space"][..]),
            (CUSTOMERS, &["customer"]),
            ("local-migration-failures", &["space", "item"]),
            ("local-migration-fleet", &["instanceId"]),
        ] {
            for row in self.tables.rows(table).await {
                let names = key.iter();
                let key = names.map(|name| ((*name).to_owned(), row[*name].clone()));
                self.tables
                    .delete(table, Value::Object(key.collect()))
                    .await;
            }
        }
        let folder = self.place.path().join("migration-state");
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::remove_file(path).unwrap();
            }
        }
        let local = folder.join("local");
        self.sandbox.shutdown().await;
        std::fs::remove_dir_all(local.join("sqs")).unwrap();
        let sandbox = Sandbox::start(Config::in_dir(local)).await.unwrap();
        Self { sandbox, ..self }
    }

    /// The adverts of an upload's claims are as that tool makes them, or were never queued.
    pub(super) async fn tool_adverts(&self, record: &Record, queued: bool) {
        let network = self.sandbox.network();
        let space = Did::parse(&record.space).unwrap();
        for hash in hashes(record) {
            let results = self.provider_results(&hash).await;
            let group = format!("ipni/{hash}");
            let right = context_id(Some(&space), &hash);
            for (id, value) in network.shelf.list(&group, network.clock.now().0) {
                if value
                    .windows(right.as_bytes().len())
                    .any(|part| part == right.as_bytes())
                {
                    network.shelf.remove(&group, &id).unwrap();
                }
            }
            let own = results
                .iter()
                .find(|result| context_of(result) == right.as_bytes())
                .expect("an advert of the run");
            let addresses = own["Provider"]["Addrs"].as_array().unwrap().iter();
            let advert = Advert {
                provider: Provider {
                    peer: PeerId::parse(own["Provider"]["ID"].as_str().unwrap()).unwrap(),
                    addresses: addresses
                        .map(|text| Multiaddr::parse(text.as_str().unwrap()).unwrap())
                        .collect(),
                },
                context: text_context_id(&space, &hash).as_bytes().to_vec(),
                metadata: STANDARD.decode(own["Metadata"].as_str().unwrap()).unwrap(),
                digests: vec![hash.clone()],
            };
            if queued {
                advert.publish_at(network, 0).unwrap();
            }
        }
    }

    /// Whether IPNI finds every shard of an upload under the context id of its space.
    pub(super) async fn is_advertised(&self, record: &Record) -> bool {
        let space = Did::parse(&record.space).unwrap();
        for hash in hashes(record) {
            let right = context_id(Some(&space), &hash);
            let results = self.provider_results(&hash).await;
            if !results
                .iter()
                .any(|one| context_of(one) == right.as_bytes())
            {
                return false;
            }
        }
        true
    }

    /// Waits until the publisher has worked off its queues.
    pub(super) async fn adverts_are_published(&self) {
        let network = self.sandbox.network();
        let waiting = || {
            queue::ALL
                .iter()
                .any(|queue| !network.queues.messages(queue).is_empty())
        };
        while waiting() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        tokio::time::sleep(network.lifetimes.advert).await;
    }

    async fn provider_results(&self, hash: &Multihash) -> Vec<Value> {
        let raw = hash.cid(sterna::proto::multihash::codec::RAW).unwrap();
        let url = format!("{}/cid/{raw}", self.sandbox.urls().of(Service::Indexer));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(url).send().await.unwrap();
        if answer.status() == 404 {
            return Vec::new();
        }
        let found: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        found["MultihashResults"][0]["ProviderResults"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Puts a customer's migration space into that tool's form: its row, with the key in the older envelope, as far as it
    /// got. Gives the space and its sealed key.
    pub(super) async fn tool_migration_space(&self, customer: &str, got: Got) -> (String, String) {
        let network = self.sandbox.network();
        let row = self
            .tables
            .row(SPACES, &[("customer", customer)])
            .await
            .unwrap();
        let text = |name: &str| row[name]["S"].as_str().unwrap().to_owned();
        let account = Did::parse(customer).unwrap();
        let key = Key::from_bytes(network.keys.encryption);
        let secret = key.open(&account, &text("privateKey")).unwrap().secret;
        let sealed = key
            .seal_with(Version::One, &account, &secret, [7; 16])
            .unwrap();
        let space = text("migrationSpace");
        self.tables
            .delete(SPACES, json!({ "customer": { "S": customer } }))
            .await;
        self.tables
            .create_migration_space(customer, &space, &sealed)
            .await;
        let issued = self
            .tables
            .row(DELEGATION, &[("issuer", &space)])
            .await
            .unwrap();
        let link = issued["link"]["S"].as_str().unwrap();
        self.tables
            .delete(DELEGATION, json!({ "link": { "S": link } }))
            .await;
        let object = format!("/delegations/{link}.car");
        let deleted = network
            .objects
            .delete(bucket::DELEGATIONS, &object, Condition::Always);
        deleted.await.unwrap();
        match got {
            Got::Provisioned => self.tables.mark_provisioned(customer).await,
            Got::Row => {
                let consumer = self
                    .tables
                    .row(CONSUMER, &[("consumer", &space)])
                    .await
                    .unwrap();
                let key = json!({ "subscription": consumer["subscription"], "provider": consumer["provider"] });
                self.tables.delete(CONSUMER, key.clone()).await;
                self.tables.delete(SUBSCRIPTION, key).await;
            }
        }
        (space, sealed)
    }

    pub(super) async fn stop(self) {
        self.sandbox.shutdown().await;
    }
}

/// How far a migration space had got.
#[derive(Clone, Copy)]
pub(super) enum Got {
    /// It has a row, and nothing else.
    Row,
    /// It is provisioned; its customer has no delegation.
    Provisioned,
}

fn hashes(record: &Record) -> Vec<Multihash> {
    let shards = record.shards.iter();
    shards
        .map(|shard| Multihash::of(&Cid::try_from(shard.as_str()).unwrap()))
        .collect()
}

fn context_of(result: &Value) -> Vec<u8> {
    STANDARD
        .decode(result["ContextID"].as_str().unwrap())
        .unwrap()
}
