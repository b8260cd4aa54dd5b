//! The whole main job on a local network of its own, and the proof that it was done.
//!
//! A legacy world is seeded, then the program migrates it as an operator would: `init`, `setup`,
//! one `migrate` process per instance at the same time, `verify`. Nothing here migrates. What
//! the processes left is compared with what the world was made to end in, and every file is
//! fetched through the gateway and compared with the bytes that were seeded.

mod compare;
mod fetch;
mod folder;
mod found;
mod news;
mod program;
mod report;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::Value;

use self::compare::{Difference, Found, differences};
use self::fetch::{Fetched, Retrieval};
use self::folder::Folder;
use self::found::Growing;
use self::news::Stages;
pub use self::news::{News, Stage, Tell};
use self::program::{Program, stopped};
pub use self::report::{Asked, Summary};
use self::report::{Reading, hold};
use super::local::{not_started, until_stopped};
use super::{Stop, readable};
use crate::config::{Settings, options};
use crate::runtime::{Clock, StopLevel};
use crate::sandbox::world::manifest::Manifest;
use crate::sandbox::world::plan::{Expected, Plan, Sizes};
use crate::sandbox::world::seed;
use crate::sandbox::{Config, Sandbox, Service};

/// Settled uploads between two checkpoints, and so between two words of progress.
const CHECKPOINT_EVERY: &str = "10";

/// A demonstration that held, with its network still running.
pub struct Demonstrated {
    /// What it came to.
    pub summary: Summary,
    /// Where the gateway serves a migrated upload; `None` if none was to be migrated.
    pub example: Option<String>,
    sandbox: Sandbox,
}

impl Demonstrated {
    /// Leaves the network to whoever wants to try it, until told to stop.
    pub async fn stay(self, stop: &Stop) {
        until_stopped(&self.sandbox, stop).await;
        self.end().await;
    }

    /// Ends the network; its folder stays.
    pub async fn end(self) {
        self.sandbox.shutdown().await;
    }
}

/// Runs the whole main job on a local network and compares all of it.
///
/// # Errors
/// Whatever did not hold, by name; a stop.
pub async fn demo(
    settings: &Settings,
    options: options::Demo,
    stop: Stop,
    tell: Tell,
) -> Result<Demonstrated> {
    let folder = Folder::claim(&settings.state_dir)?;
    let mut stages = Stages::new(tell, Clock::system());
    let sandbox = stages
        .run(Stage::Network, start(&folder), String::new)
        .await?;
    let demonstration = Demonstration {
        program: Program::new(folder.root.clone(), folder.logs(), stop.clone())?,
        sandbox: &sandbox,
        folder: &folder,
        options: &options,
        stop: &stop,
    };
    match demonstration.run(stages).await {
        Ok((summary, example)) => Ok(Demonstrated {
            summary,
            example,
            sandbox,
        }),
        Err(error) => {
            sandbox.shutdown().await;
            Err(error)
        }
    }
}

async fn start(folder: &Folder) -> Result<(Sandbox, String)> {
    // Its keys are random: the seed of the demonstration is that of the world.
    let sandbox = Sandbox::start(Config::in_dir(folder.local()))
        .await
        .map_err(|error| not_started(&error))?;
    // From here on no other demonstration can have the folder.
    folder.sweep()?;
    let services = Service::ALL.len();
    Ok((sandbox, format!("{services} services on 127.0.0.1")))
}

/// The part of what `setup` answers that counts here.
#[derive(Deserialize)]
struct SetupAnswer {
    instances: Vec<Share>,
}

/// The share of one instance.
#[derive(Deserialize)]
struct Share {
    instance: u32,
    customers: u64,
    uploads: u64,
    file: PathBuf,
}

struct Demonstration<'a> {
    program: Program,
    sandbox: &'a Sandbox,
    folder: &'a Folder,
    options: &'a options::Demo,
    stop: &'a Stop,
}

impl Demonstration<'_> {
    async fn run(&self, mut stages: Stages) -> Result<(Summary, Option<String>)> {
        let plan = self.plan();
        let world = self.seed(&mut stages, &plan).await?;
        let start = self.reading();
        self.init(&mut stages).await?;
        let shares = self.setup(&mut stages).await?;
        let mut found = self.migrate(&mut stages, &shares, &world).await?;
        let migrated = self.reading();
        self.audit(&mut stages, &shares, &mut found).await?;
        let audited = self.reading();
        let mut different = differences(&world, &found);
        let audit = Asked::between(&migrated, &audited);
        if audit.mutating > 0 {
            let changes = format!("{} requests to change something", audit.mutating);
            different.push(Difference::new("audit", "reading alone", &changes));
        }
        hold("the migration", &different, &self.folder.root)?;
        let retrieval = self.retrieve(&mut stages, &plan, &world).await?;
        let (times, seconds) = stages.times();
        let summary = Summary {
            held: true,
            world: report::World::of(&world, self.options.instances),
            uploads: report::Uploads::of(&found),
            audit: found.verdicts,
            retrieval,
            requests: report::Requests {
                migration: Asked::between(&start, &migrated),
                audit,
                retrieval: Asked::between(&audited, &self.reading()),
            },
            stages: times,
            seconds,
            paths: report::Paths::of(self.folder, self.results(&shares)),
        };
        report::write(&summary)?;
        Ok((summary, self.example(&world)))
    }

    fn example(&self, world: &Manifest) -> Option<String> {
        let mut uploads = world.uploads.iter();
        let migrated = uploads.find(|upload| upload.expected == Expected::Migrated)?;
        let gateway = self.sandbox.urls().of(Service::Gateway);
        Some(format!("{gateway}/ipfs/{}", migrated.root))
    }

    fn plan(&self) -> Plan {
        let world = self.options.world;
        let sizes = Sizes {
            customers: world.customers as usize,
            spaces: world.spaces as usize,
            uploads: world.uploads as usize,
        };
        Plan::new(world.seed, sizes)
    }

    fn reading(&self) -> Reading {
        self.sandbox.network().meter.snapshot()
    }

    /// Requests since a reading.
    fn since(&self, reading: &Reading) -> u64 {
        Asked::between(reading, &self.reading()).total
    }

    /// Work of this process ends at once when asked to.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            () = self.stop.reached(StopLevel::Drain) => Err(stopped(self.stop)),
        }
    }

    async fn seed(&self, stages: &mut Stages, plan: &Plan) -> Result<Manifest> {
        let sizes = plan.sizes;
        let what = format!(
            "{} uploads in {} spaces of {} customers",
            sizes.uploads, sizes.spaces, sizes.customers
        );
        let seeding = async {
            let world = seed(self.sandbox.network(), plan).await;
            let world = world.context("seed the legacy world")?;
            let text = format!("{what}, {}", readable(world.bytes));
            Ok((world, text))
        };
        stages
            .run(Stage::World, self.unless_stopped(seeding), || what.clone())
            .await
    }

    async fn init(&self, stages: &mut Stages) -> Result<()> {
        let making = async {
            let answer = self.program.run("init", &["init"], &[0]).await?;
            let made = answer["tables"].as_array().map_or(0, Vec::len);
            Ok(((), format!("{made} tables")))
        };
        stages.run(Stage::Init, making, String::new).await
    }

    async fn setup(&self, stages: &mut Stages) -> Result<Vec<Share>> {
        let instances = self.options.instances.to_string();
        let sharing = async {
            let args = ["setup", "--instances", &instances];
            let answer = self.program.run("setup", &args, &[0]).await?;
            let answer = SetupAnswer::deserialize(&answer).context("read what setup answered")?;
            let loads: Vec<_> = answer
                .instances
                .iter()
                .map(|one| one.uploads.to_string())
                .collect();
            let text = format!("{} uploads for {instances} instances", loads.join(" + "));
            // With fewer customers than instances some have nothing to do.
            let busy = answer
                .instances
                .into_iter()
                .filter(|share| share.customers > 0);
            Ok((busy.collect(), text))
        };
        stages.run(Stage::Setup, sharing, String::new).await
    }

    /// Where the final outcome of each upload lies.
    fn results(&self, shares: &[Share]) -> Vec<PathBuf> {
        let name = |share: &Share| format!("instance-{}-results.ndjson", share.instance);
        shares
            .iter()
            .map(|share| self.folder.root.join(name(share)))
            .collect()
    }

    /// One process per instance, all at the same time.
    async fn each(&self, shares: &[Share], args: &[&str], expected: &[i32]) -> Result<Vec<Value>> {
        let concurrency = self.options.concurrency.to_string();
        let command = args[0];
        let runs = shares.iter().map(|share| {
            let concurrency = &concurrency;
            async move {
                let file = share.file.to_string_lossy();
                let mut all = args.to_vec();
                all.extend(["--customers-file", &file, "--concurrency", concurrency]);
                let name = format!("{command}-{}", share.instance);
                self.program.run(&name, &all, expected).await
            }
        });
        try_join_all(runs).await
    }

    async fn migrate(
        &self,
        stages: &mut Stages,
        shares: &[Share],
        world: &Manifest,
    ) -> Result<Found> {
        let (all, start) = (world.uploads.len(), self.reading());
        let mut settled = Growing::new(self.results(shares));
        let migrating = async {
            let args = ["migrate", "--checkpoint-every", CHECKPOINT_EVERY];
            let mut found = Found::default();
            for answer in self.each(shares, &args, &[0, 3]).await? {
                found::run(&answer, &mut found)?;
            }
            for path in self.results(shares) {
                found::results(&path, &mut found)?;
            }
            let listed = self
                .program
                .run("failed", &["monitor", "--failed"], &[0])
                .await?;
            found::failed(&listed, &mut found)?;
            let uploads = report::Uploads::of(&found);
            let text = format!(
                "{} migrated, {} already complete, {} quarantined",
                uploads.migrated, uploads.already_complete, uploads.set_aside
            );
            Ok((found, text))
        };
        let far = || {
            let (settled, asked) = (settled.look(), self.since(&start));
            format!("{settled} of {all} uploads, {asked} requests")
        };
        stages.run(Stage::Migrate, migrating, far).await
    }

    async fn audit(&self, stages: &mut Stages, shares: &[Share], found: &mut Found) -> Result<()> {
        let start = self.reading();
        let auditing = async {
            for answer in self.each(shares, &["verify"], &[0, 4, 14]).await? {
                found::audit(&answer, found)?;
            }
            let (right, all) = (found.verdicts.ok, found.verdicts.total());
            Ok((
                (),
                format!("{right} of {all} uploads right, {} not", all - right),
            ))
        };
        let far = || format!("{} requests", self.since(&start));
        stages.run(Stage::Audit, auditing, far).await
    }

    async fn retrieve(
        &self,
        stages: &mut Stages,
        plan: &Plan,
        world: &Manifest,
    ) -> Result<Fetched> {
        let gateway = self.sandbox.urls().of(Service::Gateway);
        let retrieval = Retrieval::new(&gateway, plan, world)?;
        let fetching = async {
            let (fetched, differences) = retrieval.run().await?;
            hold("the retrieval", &differences, &self.folder.root)?;
            let text = format!(
                "{} files, {} equal to what was seeded",
                fetched.files,
                readable(fetched.bytes)
            );
            Ok((fetched, text))
        };
        let far = || {
            let (files, bytes) = retrieval.so_far();
            format!("{files} files, {}", readable(bytes))
        };
        stages
            .run(Stage::Retrieval, self.unless_stopped(fetching), far)
            .await
    }
}
