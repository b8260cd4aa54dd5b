//! What a local network is started with, and what can go wrong at the start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::service::Service;

/// Settings of one local network.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder that holds everything: database, objects, queues, ports, keys.
    pub dir: PathBuf,
    /// What all keys are derived from. `None`: the stored one, or a random one in a new folder.
    pub seed: Option<u64>,
    /// Time added to every request of a service before it is looked at.
    pub latency: BTreeMap<Service, Duration>,
    /// How long the indexing service remembers.
    pub lifetimes: Lifetimes,
}

impl Config {
    /// A network in `dir` with the defaults.
    #[must_use]
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            seed: None,
            latency: BTreeMap::new(),
            lifetimes: Lifetimes::default(),
        }
    }

    /// The same, with `latency` before every request of every service but the control listener.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = Service::ALL
            .into_iter()
            .filter(|service| *service != Service::Control)
            .map(|service| (service, latency))
            .collect();
        self
    }
}

/// How long the indexing service's caches hold (docs/protocol/claims.md §5). The network's own times are hours; here
/// they are short, so that "asked too early" is real and yet passes.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// "Nothing in IPNI" for one hash and kind.
    pub nothing: Duration,
    /// Provider records.
    pub providers: Duration,
    /// Fetched claims.
    pub claims: Duration,
    /// Fetched indexes.
    pub indexes: Duration,
    /// From the queue message of an advert to its being found.
    pub advert: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            nothing: Duration::from_secs(2),
            providers: Duration::from_hours(1),
            claims: Duration::from_hours(1),
            indexes: Duration::from_hours(1),
            advert: Duration::from_millis(500),
        }
    }
}

/// Why a local network did not start or could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Another process holds the folder.
    #[error("use {dir}: process {pid} runs a local network there")]
    Held {
        /// The folder.
        dir: PathBuf,
        /// The process that holds it.
        pid: u32,
    },
    /// The folder was made from another seed.
    #[error("use {dir} with seed {asked}: it was made with another seed")]
    OtherSeed {
        /// The folder.
        dir: PathBuf,
        /// The seed asked for.
        asked: u64,
    },
    /// A stored port is in use.
    #[error("listen on 127.0.0.1:{port} for {service}")]
    Port {
        /// The service.
        service: Service,
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the folder.
    #[error("access {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the folder does not say what it should.
    #[error("read {path}: {reason}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The database refused.
    #[error("{action} in the database: {reason}")]
    Database {
        /// What was being done.
        action: String,
        /// The database's words.
        reason: String,
    },
    /// The object store refused.
    #[error(transparent)]
    Objects(#[from] super::s3::ObjectError),
    /// A blocking task ended early.
    #[error("finish a blocking task")]
    Task(#[from] tokio::task::JoinError),
    /// A key or proof could not be made.
    #[error("make {what}: {reason}")]
    Proof {
        /// What was being made.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}
