//! What every service of the local network shares.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::config::Lifetimes;
use super::dynamo::Db;
use super::identity::Keys;
use super::kv_store::KvStore;
use super::layout::ACCOUNT;
use super::s3::Objects;
use super::service::Service;
use super::sqs::Queues;
use super::traffic::{Faults, Meter, Token};
use crate::runtime::{Clock, Tasks};

/// The shared parts of a local network; every service's router gets it as state.
pub struct Network {
    /// The folder of this network. A service keeps its own files in a folder of its name.
    pub dir: PathBuf,
    /// Keys of all services.
    pub keys: Keys,
    /// Where the services listen.
    pub urls: Urls,
    /// The tables.
    pub db: Db,
    /// The buckets.
    pub objects: Objects,
    /// The queues.
    pub queues: Queues,
    /// What services remember beside tables, buckets and queues.
    pub shelf: KvStore,
    /// The client by which services call each other.
    pub http: reqwest::Client,
    /// What the control listener asks for.
    pub(crate) token: Token,
    /// Request counters.
    pub meter: Meter,
    /// Planned faults.
    pub faults: Faults,
    /// Time.
    pub clock: Clock,
    /// Lifetimes of the indexing service's caches.
    pub lifetimes: Lifetimes,
    /// Work on requests, which goes on when nobody waits for the answer.
    pub(crate) tasks: Tasks,
    /// Cancelled once somebody asked the network to stop.
    pub(crate) asked_to_stop: CancellationToken,
}

impl Network {
    /// The time now as tables have it: ISO 8601 with milliseconds.
    #[must_use]
    pub fn now_text(&self) -> String {
        self.clock.now().to_string()
    }
}

/// Where the services of one network listen.
#[derive(Clone, Debug)]
pub struct Urls {
    ports: Arc<BTreeMap<Service, u16>>,
}

impl Urls {
    pub(super) fn new(ports: BTreeMap<Service, u16>) -> Self {
        Self {
            ports: Arc::new(ports),
        }
    }

    /// The port of a service on 127.0.0.1.
    #[must_use]
    pub fn port(&self, service: Service) -> u16 {
        self.ports.get(&service).copied().unwrap_or_default()
    }

    /// The base URL of a service, without a slash at the end.
    #[must_use]
    pub fn of(&self, service: Service) -> String {
        format!("http://127.0.0.1:{}", self.port(service))
    }

    /// The base URL of a service that has a port.
    pub(super) fn known(&self, service: Service) -> Option<String> {
        self.ports.contains_key(&service).then(|| self.of(service))
    }

    /// The URL of a queue.
    #[must_use]
    pub fn queue(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.of(Service::Sqs))
    }
}

#[cfg(test)]
impl Network {
    /// A network in `dir` whose services are not started, at a fixed time.
    pub(crate) fn at_rest(
        dir: &std::path::Path,
        keys: Keys,
        ports: BTreeMap<Service, u16>,
        unix_ms: u64,
    ) -> Self {
        let clock = Clock::set_to(crate::time::UnixMillis(unix_ms));
        let objects = Objects::open(&dir.join("s3"), clock).unwrap();
        for bucket in super::layout::bucket::ALL {
            objects.create_bucket(bucket).unwrap();
        }
        Self {
            dir: dir.to_owned(),
            keys,
            urls: Urls::new(ports),
            db: Db::open(&dir.join("dynamodb.db")).unwrap(),
            objects,
            queues: Queues::open(&dir.join("sqs"), clock).unwrap(),
            shelf: KvStore::open(&dir.join("services.shelf")).unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token: Token::random().unwrap(),
            meter: Meter::default(),
            faults: Faults::default(),
            clock,
            lifetimes: Lifetimes::default(),
            tasks: Tasks::new(),
            asked_to_stop: CancellationToken::new(),
        }
    }
}
