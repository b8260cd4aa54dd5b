//! A network with a small world, and processes that migrate it or undo it, and die on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sterna::app::{self, Ended, Stop};
use sterna::config::options::{self, Scope};
use sterna::config::{Environment, Flags, Need, Settings};
use sterna::proto::CustomerDid;
use sterna::sandbox::world::manifest::Manifest;
use sterna::sandbox::world::plan::{
    AccountDelegation, Condition, Plan, Protocol, Shape, Sizes, Space, Upload,
};
use sterna::sandbox::world::writer::{Leaves, Version};
use sterna::sandbox::{self, Lifetimes, Sandbox, Service, When};

/// How often it is looked whether a process has come to its point.
const LOOK: Duration = Duration::from_millis(2);
/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_mins(2);
/// Runs until all is settled, as an operator would start them.
const RUNS: u32 = 4;

/// What a process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Migrate,
    RollBack,
}

/// Where in a request that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was sent, and nobody got it.
    Before,
    /// It was carried out, and the answer is lost.
    After,
}

/// Requests of one kind: what is asked of which service, about which table, bucket or queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) service: Service,
    pub(super) operation: String,
    pub(super) on: Option<String>,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.service, self.operation)?;
        match &self.on {
            Some(on) => write!(f, " {on}"),
            None => Ok(()),
        }
    }
}

/// One point: the request's kind, which one of its kind, and where in it.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) phase: Phase,
}

/// The term of a lease.
const TERM: Duration = Duration::from_secs(8);

/// A network of its own.
pub(super) struct Scene {
    pub(super) sandbox: Sandbox,
    pub(super) world: Manifest,
    pub(super) settings: Arc<Settings>,
    folder: tempfile::TempDir,
}

impl Scene {
    /// The same world each time, with the migration's tables filled.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = sandbox::Config::in_dir(folder.path().join("local"));
        config.lifetimes = Lifetimes {
            nothing: Duration::from_millis(20),
            advert: Duration::from_millis(20),
            ..Lifetimes::default()
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let world = sandbox::world::seed(sandbox.network(), &plan())
            .await
            .unwrap();
        let flags = Flags {
            environment: Some(Environment::Local),
            env_file: None,
            state_dir: Some(folder.path().to_owned()),
            folder: folder.path().to_owned(),
            ..Flags::default()
        };
        let mut settings = Settings::load(&flags, Need::Secrets).unwrap();
        // A rollback adopts nothing, nor does a machine without the files of the first: they wait for a term.
        settings.lease_term = Some(TERM);
        app::init(&settings).await.unwrap();
        let setup = options::Setup {
            instances: 1,
            parallel_segments: 1,
            workers_per_instance: None,
            min_uploads: 0,
            filter: None,
            skip_file: None,
            split_over_percent: None,
            analyze: false,
            while_running: false,
        };
        let unseen: app::ProgressSink = Arc::new(|_: app::ProgressUpdate<'_>| {});
        app::setup(&settings, setup, (Stop::new(), unseen))
            .await
            .unwrap();
        sandbox.network().meter.reset();
        Self {
            sandbox,
            world,
            settings: Arc::new(settings),
            folder,
        }
    }

    /// Requests that change something, by kind, with how many there were.
    pub(super) fn changes(&self) -> BTreeMap<Kind, u64> {
        let mut kinds = BTreeMap::new();
        for (service, counts) in self.sandbox.network().meter.snapshot() {
            for (operation, count) in counts.operations {
                if !count.mutating {
                    continue;
                }
                let mut add = |on, requests| {
                    let operation = operation.clone();
                    kinds.insert(
                        Kind {
                            service,
                            operation,
                            on,
                        },
                        requests,
                    );
                };
                for (on, requests) in &count.on {
                    add(Some(on.clone()), *requests);
                }
                if count.on.is_empty() {
                    add(None, count.count);
                }
            }
        }
        kinds
    }

    /// Runs one process after the other until all is settled.
    pub(super) async fn finish(&self, task: Task) {
        for _ in 0..RUNS {
            let never = Arc::default();
            if self.process(task, never).await == Some(Ended::Finished) {
                return;
            }
        }
        panic!("{task:?} does not come to its end");
    }

    /// Runs one process up to a point, where it dies; whether it came there.
    pub(super) async fn die_at(&self, task: Task, point: &Point) -> bool {
        self.strike(point);
        let dead: Arc<AtomicBool> = Arc::default();
        let watch = async {
            while !self.came_to(point) {
                tokio::time::sleep(LOOK).await;
            }
            dead.store(true, Ordering::SeqCst);
        };
        let process = self.process(task, Arc::clone(&dead));
        tokio::pin!(process);
        let ended = tokio::select! {
            ended = &mut process => ended,
            () = watch => process.await,
        };
        self.sandbox.network().faults.clear();
        ended.is_none()
    }

    fn strike(&self, point: &Point) {
        let when = match point.phase {
            Phase::Before => When::Before,
            Phase::After => When::After,
        };
        self.sandbox.network().faults.add(sandbox::Plan {
            service: Some(point.kind.service),
            operation: Some(point.kind.operation.clone()),
            on: point.kind.on.clone(),
            clients_only: true,
            hang: true,
            when,
            after: point.number,
            times: Some(1),
            ..sandbox::Plan::default()
        });
    }

    fn came_to(&self, point: &Point) -> bool {
        let faults = &self.sandbox.network().faults;
        match point.phase {
            Phase::Before => faults.plans().iter().any(|(_, _, struck)| *struck > 0),
            Phase::After => faults.landed() > 0,
        }
    }

    /// A process: a thread with tasks of its own, of which nothing is left once it is `dead`. Gives how it ended.
    async fn process(&self, task: Task, dead: Arc<AtomicBool>) -> Option<Ended> {
        let (settings, scope) = (Arc::clone(&self.settings), scope());
        let life = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let died = async {
                while !dead.load(Ordering::SeqCst) {
                    tokio::time::sleep(LOOK).await;
                }
            };
            let ended = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = died => None,
                    ended = Box::pin(perform(&settings, task, scope)) => Some(ended),
                    () = tokio::time::sleep(PATIENCE) => panic!("{task:?} stands still"),
                }
            });
            // Whoever wrote a file in a thread of its own would have died, too.
            runtime.shutdown_timeout(PATIENCE);
            ended
        };
        tokio::task::spawn_blocking(life).await.unwrap()
    }

    /// Runs the program itself up to a point, and kills it there; whether it came there.
    pub(super) async fn kill_program_at(&self, point: &Point) -> bool {
        self.strike(point);
        let mut command = Command::new(env!("CARGO_BIN_EXE_sterna"));
        command
            .args(["--output", "json", "--state-dir"])
            .arg(self.folder.path())
            .args(["migrate", "--instance", "1"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("STORACHA_ENV", "local")
            .env("STERNA_LEASE_TERM", TERM.as_secs().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for customer in customers() {
            command.args(["--customer", customer.as_str()]);
        }
        let mut child = command.spawn().unwrap();
        let came = loop {
            if self.came_to(point) {
                break true;
            }
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            tokio::time::sleep(LOOK).await;
        };
        child.kill().unwrap();
        child.wait().unwrap();
        self.sandbox.network().faults.clear();
        came
    }

    /// Checkpoint, journal, results, locks and the folder's id are gone with their machine; says how many files that were. A process that
    /// died at its first request may have made none.
    pub(super) fn lose_files(&self) -> usize {
        let mut lost = 0;
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if is_of_instance(&path) {
                fs::remove_file(path).unwrap();
                lost += 1;
            }
        }
        lost
    }

    pub(super) async fn stop(self) {
        self.sandbox.shutdown().await;
    }
}

/// Everybody of the world.
pub(super) fn scope() -> Scope {
    Scope {
        only_customers: customers(),
        ..Scope::default()
    }
}

fn customers() -> Vec<CustomerDid> {
    let customers = plan().customers.into_iter();
    customers.map(|name| name.parse().unwrap()).collect()
}

fn is_of_instance(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.starts_with("instance-1-") && !name.ends_with("customers.json")
        || name == "instance-1.lock"
        || name.starts_with("state-folder.")
}

async fn perform(settings: &Settings, task: Task, scope: Scope) -> Ended {
    let sink: app::ProgressSink = Arc::new(|_| {});
    match task {
        Task::Migrate => {
            let options = options::Migrate {
                scope,
                only: None,
                repair: false,
                recheck: false,
                dry_run: false,
                instance: 1,
                steal: false,
                split_above: u64::MAX,
                concurrency: 2,
                checkpoint_every: 1,
                max_duration: None,
                max_failure_rate: 1.0,
                expected: BTreeMap::new(),
                index_unverified: false,
            };
            let report = app::migrate(settings, options, Stop::new(), sink).await;
            let report = report.unwrap();
            assert!(report.counts.add_up(), "{:?}", report.counts);
            report.ended
        }
        Task::RollBack => {
            let options = options::Rollback {
                scope,
                run: None,
                journals: Vec::new(),
                allow_missing_journal: false,
                instance: 1,
                concurrency: 2,
                dry_run: false,
            };
            let agree = |_: &app::RollbackPlan| Ok(());
            let told = (Stop::new(), sink);
            let report = Box::pin(app::rollback(settings, options, &agree, told)).await;
            let report = report.unwrap();
            assert_eq!(report.failed, 0, "{:?}", report.refused);
            report.ended
        }
    }
}

/// Two customers with a space each, and uploads that need every kind of effect.
fn plan() -> Plan {
    let upload = |number, space, protocol, shards, condition| Upload {
        number,
        space,
        protocol,
        shards,
        condition,
        shape: Shape::File(5_000),
        leaves: Leaves::Raw,
        version: Version::V1,
        chunk: 1_024,
    };
    let (blob, store) = (Protocol::Blob, Protocol::Store);
    let uploads = vec![
        upload(0, 0, blob, 2, Condition::Fresh),
        upload(1, 0, store, 1, Condition::Fresh),
        upload(2, 1, blob, 1, Condition::Fresh),
        upload(3, 1, blob, 1, Condition::MissingBlob),
    ];
    let space = |customer: usize| Space {
        customer,
        key: [u8::try_from(customer).unwrap() + 1; 32],
        delegation: AccountDelegation::Present,
    };
    Plan {
        seed: 11,
        sizes: Sizes {
            customers: 2,
            spaces: 2,
            uploads: uploads.len(),
        },
        customers: vec![
            "did:mailto:example.org:alba".to_owned(),
            "did:mailto:example.org:bruno".to_owned(),
        ],
        spaces: vec![space(0), space(1)],
        uploads,
    }
}
