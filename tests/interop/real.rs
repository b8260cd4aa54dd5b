//! The network's own services as a child process, and clients that lead to them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sterna::client::{ClientError, Config, Services};
use sterna::model::{Class, Failure, Reason};
use sterna::proto::message::Message;
use sterna::proto::multihash::Multihash;
use sterna::proto::ucan::{Capability, Delegation};
use sterna::proto::{Did, Signer};
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::Service;
use sterna::sandbox::world::plan::Sizes;
use url::Url;

use crate::fixture::Local;

/// The running services. They end when this is dropped, or when the tests' process ends.
pub(crate) struct Real {
    pub(crate) config: Config,
    pub(crate) indexer: Signer,
    urls: Value,
    child: Child,
    _stdin: ChildStdin,
}

impl Real {
    /// Services that stand alone, shared by all tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Real> = OnceLock::new();
        SHARED.get_or_init(|| {
            let one = Sizes {
                customers: 1,
                spaces: 1,
                uploads: 1,
            };
            // A local network lends its keys and settings; it need not run on.
            let lend = move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(async {
                    let local = Local::start(one).await;
                    let real = Self::start(&local, &json!({ "keys": keys(&local) }));
                    local.stop().await;
                    real
                })
            };
            std::thread::spawn(lend).join().unwrap()
        })
    }

    /// Services in front of a local network: what they admit is answered there, who pays for a space is read
    /// in its table, and blobs are registered there too.
    pub(crate) fn in_front_of(local: &Local) -> Self {
        let url = |service| local.sandbox.urls().of(service);
        let settings = json!({
            "keys": keys(local),
            "upstream": {
                "indexer": url(Service::Indexer),
                "gateway": url(Service::Gateway),
                "node": url(Service::Node),
            },
            "tables": {
                "endpoint": url(Service::DynamoDb),
                "region": "us-west-2",
                "consumer": local.config.network.tables.consumer,
                "allocation": local.config.network.tables.allocation,
            },
        });
        Self::start(local, &settings)
    }

    fn start(local: &Local, settings: &Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/services/start.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node is needed: see tests/interop/run.sh");
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{settings}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let urls: Value = serde_json::from_str(&line).expect("the services did not start");
        let mut config = local.config.clone();
        let url = |name: &str| Url::parse(urls[name].as_str().unwrap()).unwrap();
        let network = &mut config.network;
        network.upload_service.url = url("upload");
        network.indexing_service.url = url("indexer");
        network.gateway.url = url("gateway");
        network.storage_node.service.url = url("node");
        Self {
            config: *config,
            indexer: local.sandbox.network().keys.indexer.clone(),
            urls,
            child,
            _stdin: stdin,
        }
    }

    /// The clients, as production has them.
    pub(crate) async fn clients(&self) -> Services {
        clients(&self.config, Clock::system()).await
    }

    /// The address of a service, by its name in the script.
    pub(crate) fn url(&self, name: &str) -> &str {
        self.urls[name].as_str().unwrap()
    }

    async fn control(&self, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url("control")));
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// A new space that somebody pays for.
    pub(crate) async fn space(&self) -> Signer {
        let space = Signer::generate();
        self.provision(&space).await;
        space
    }

    /// Lets somebody pay for a space.
    pub(crate) async fn provision(&self, space: &Signer) {
        let whom = json!({ "space": space.did() });
        let put = self.control("provision", &whom).await;
        assert!(put["ok"].is_object(), "{put}");
    }

    /// Lets things go wrong with a blob: `put` with a status, `accept`; an empty map ends it.
    pub(crate) async fn fault(&self, digest: &Multihash, mut fault: Value) {
        fault["digest"] = digest.base58().into();
        self.control("fault", &fault).await;
    }

    /// Whether the upload service has registered a blob in a space.
    pub(crate) async fn is_registered(&self, space: &Did, digest: &Multihash) -> bool {
        let what = json!({ "space": space, "digest": digest.base58() });
        self.control("registered", &what).await.as_bool().unwrap()
    }

    /// Every invocation that the services answered: ability, CID, name of the error if any, and the message.
    pub(crate) async fn seen(&self) -> Vec<Value> {
        let seen = self.control("seen", &json!({})).await;
        seen.as_array().unwrap().clone()
    }

    /// The invocation of an ability that fits and was taken, as the client sent it.
    pub(crate) async fn sent(&self, can: &str, fits: impl Fn(&Capability) -> bool) -> Delegation {
        let seen = self.seen().await;
        let taken = seen
            .iter()
            .filter(|one| one["can"] == can && one["error"].is_null());
        let bodies = taken.map(|one| BASE64.decode(one["message"].as_str().unwrap()).unwrap());
        let mut invocations = bodies.flat_map(|body| {
            let message = Message::decode(&body).unwrap();
            message.invocations().unwrap()
        });
        invocations
            .find(|one| fits(&one.capabilities()[0]))
            .unwrap_or_else(|| panic!("no {can} that fits"))
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients of a configuration.
pub(crate) async fn clients(config: &Config, clock: Clock) -> Services {
    Services::connect(config, clock, ServiceRegistry::new())
        .await
        .unwrap()
}

fn keys(local: &Local) -> Value {
    let keys = &local.sandbox.network().keys;
    let of = |signer: &Signer| json!({ "did": signer.did(), "key": signer.to_secret_text() });
    json!({
        "upload": of(&keys.upload),
        "indexer": of(&keys.indexer),
        "gateway": of(&keys.gateway),
        "node": { "key": keys.node.to_secret_text() },
    })
}

/// What a failed call means for the work.
pub(crate) fn meaning<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (Class, Reason) {
    let failure = Failure::from(result.unwrap_err());
    (failure.class, failure.reason)
}
