//! Starts and stops a local network: one listener on 127.0.0.1 per service.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::middleware::from_fn;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::config::{Config, SandboxError};
use super::dynamo::Db;
use super::home::{Home, at, write_secret};
use super::identity::Keys;
use super::kv_store::KvStore;
use super::layout::{bucket, queue};
use super::network::{Network, Urls};
use super::s3::Objects;
use super::service::Service;
use super::sqs::Queues;
use super::traffic::{self, Faults, Meter};
use super::{carpark, dynamo, env, gateway, index_worker, indexer, node, s3, sqs, upload};
use crate::runtime::{Clock, Tasks};

/// How long open requests may go on after the stop.
const GRACE: Duration = Duration::from_secs(2);

/// A running local network. Dropping it ends it at once; [`Sandbox::shutdown`] lets requests end.
pub struct Sandbox {
    network: Arc<Network>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    home: Box<Home>,
}

impl Sandbox {
    /// Starts all services in `config.dir`, with the ports and keys of before if there was a
    /// before. `sandbox.env` in the folder then holds the environment for clients, `description.json` all there is to
    /// know.
    ///
    /// # Errors
    /// Another process has the folder, it has another seed, a port of before is taken, or a file or the
    /// database cannot be used.
    pub async fn start(config: Config) -> Result<Self, SandboxError> {
        let home = Box::new(Home::take(&config)?);
        let listeners = listen(&home.ports).await?;
        let mut ports = BTreeMap::new();
        for (service, listener) in &listeners {
            let address = listener.local_addr().map_err(at(&home.dir))?;
            ports.insert(*service, address.port());
        }
        home.store(&ports)?;
        let network = Arc::new(open(&home, Urls::new(ports), &config)?);
        let text = env::file(&env::variables(&network)?);
        write_secret(&home.dir.join(env::FILE), text.as_bytes())?;
        let text = format!("{:#}\n", env::description(&network)?);
        write_secret(&home.dir.join(env::DESCRIPTION), text.as_bytes())?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (service, listener) in listeners {
            let router = guarded(service, &network)?;
            let stopped = stop.clone().cancelled_owned();
            tasks.spawn(async move {
                let listener = listener.tap_io(|stream| {
                    // Small answers must not wait for the acknowledgement of earlier ones.
                    stream.set_nodelay(true).ok();
                });
                let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
                if let Err(error) = serving.await {
                    tracing::error!(%service, %error, "listener ended");
                }
            });
        }
        for work in background(&network, &stop) {
            tasks.spawn(work);
        }
        Ok(Self {
            network,
            tasks,
            stop,
            home,
        })
    }

    /// The shared parts: tables, buckets, queues, keys, counters, faults.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Where the services listen.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.network.urls
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.home.dir
    }

    /// Every variable a client needs, in order of name. Holds secrets of this network.
    ///
    /// # Errors
    /// A delegation among the secrets cannot be made.
    pub fn env(&self) -> Result<Vec<(String, String)>, SandboxError> {
        env::variables(&self.network)
    }

    /// Writes the environment for clients to `path`, readable by its owner only.
    ///
    /// # Errors
    /// The file cannot be written, or as [`Sandbox::env`].
    pub fn write_env(&self, path: &Path) -> Result<(), SandboxError> {
        write_secret(path, env::file(&self.env()?).as_bytes())
    }

    /// One JSON object with endpoints, DIDs and environment. Holds secrets of this network.
    ///
    /// # Errors
    /// As [`Sandbox::env`].
    pub fn description(&self) -> Result<serde_json::Value, SandboxError> {
        env::description(&self.network)
    }

    /// The description without secrets, with the path of the file that has all of it.
    #[must_use]
    pub fn notice(&self) -> serde_json::Value {
        env::notice(&self.network)
    }

    /// Ready once somebody asked the network to stop, on its control listener.
    pub async fn asked_to_stop(&self) {
        self.network.asked_to_stop.cancelled().await;
    }

    /// Takes no new requests, waits a moment for open ones, and gives the folder free.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let ended = async {
            while self.tasks.join_next().await.is_some() {}
            self.network.tasks.join().await;
        };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

/// Listens on the ports of before, or on free ones.
async fn listen(
    ports: &BTreeMap<Service, u16>,
) -> Result<Vec<(Service, TcpListener)>, SandboxError> {
    let mut listeners = Vec::new();
    for service in Service::ALL {
        let port = ports.get(&service).copied().unwrap_or_default();
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(|source| SandboxError::Port {
                service,
                port,
                source,
            })?;
        listeners.push((service, listener));
    }
    Ok(listeners)
}

fn open(home: &Home, urls: Urls, config: &Config) -> Result<Network, SandboxError> {
    let clock = Clock::system();
    let db = Db::open(&home.dir.join("dynamodb.db"))?;
    let objects = Objects::open(&home.dir.join("s3"), clock)?;
    for name in bucket::ALL {
        objects.create_bucket(name)?;
    }
    let folder = home.dir.join("sqs");
    let queues = Queues::open(&folder, clock).map_err(at(&folder))?;
    for name in queue::ALL {
        queues.create(name).map_err(at(&folder))?;
    }
    let shelf = home.dir.join("services.shelf");
    Ok(Network {
        dir: home.dir.clone(),
        keys: Keys::from_seed(home.seed)?,
        urls,
        db,
        objects,
        queues,
        shelf: KvStore::open(&shelf).map_err(at(&shelf))?,
        http: internal_client()?,
        token: home.token.clone(),
        meter: Meter::default(),
        faults: Faults::with_latency(config.latency.clone()),
        clock,
        lifetimes: config.lifetimes,
        tasks: Tasks::new(),
        asked_to_stop: CancellationToken::new(),
    })
}

/// The client by which services call each other: no proxy, and marked so that their calls are not counted as those of
/// clients.
fn internal_client() -> Result<reqwest::Client, SandboxError> {
    let mark = [(traffic::INTERNAL, HeaderValue::from_static("1"))];
    reqwest::Client::builder()
        .no_proxy()
        .default_headers(mark.into_iter().collect())
        .build()
        .map_err(|error| SandboxError::Proof {
            what: "the client of the services",
            reason: error.to_string(),
        })
}

/// A service's router inside the layer that counts and strikes.
fn guarded(service: Service, network: &Arc<Network>) -> Result<Router, SandboxError> {
    let shared = Arc::clone(network);
    let router = match service {
        Service::Upload => upload::router(shared)?,
        Service::Node => node::router(shared)?,
        Service::Indexer => indexer::router(shared),
        Service::Gateway => gateway::router(shared)?,
        Service::Carpark => carpark::router(shared),
        Service::IndexWorker => index_worker::router(shared),
        Service::DynamoDb => dynamo::router(shared),
        Service::S3 => s3::router(&shared),
        Service::Sqs => sqs::router(shared),
        Service::Control => return Ok(traffic::router(shared)),
    };
    let shared = Arc::clone(network);
    Ok(router.layer(from_fn(move |request, next| {
        traffic::guard(Arc::clone(&shared), service, request, next)
    })))
}

/// Work that goes on beside requests, until `stop`.
fn background(
    network: &Arc<Network>,
    stop: &CancellationToken,
) -> Vec<futures::future::BoxFuture<'static, ()>> {
    vec![Box::pin(indexer::publisher(
        Arc::clone(network),
        stop.clone(),
    ))]
}
