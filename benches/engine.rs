//! What the engine itself costs: leases a second, checkpoints a second, journal records a second, and the memory of a
//! run over 100,000 items whose looks answer with 16 KiB, and with 8 MiB for one in a thousand. One unit of ten is kept
//! back by a cause of its own.
//!
//! `cargo bench --bench engine`; the run alone, over how many items and units:
//! `cargo bench --bench engine -- memory 1000000 1000`. `--profile dev` where a release build is too long. Rows are in
//! a file, so that what is measured is the engine alone.

#![expect(
    clippy::print_stdout,
    reason = "the memory of a run is printed, not measured in seconds"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::{Criterion, Throughput};
use futures::future::join_all;
use futures::stream::{self, BoxStream, StreamExt};
use sterna::engine::{
    Config, Events, Gap, Job, Migration, RunParts, Step, StepContext, StepFilter, UnitContext,
    UnitObservation, UnitStep, run,
};
use sterna::model::{
    Checkpoint, Effect, Failure, FolderId, Holder, InstanceId, ItemId, ItemRange, MigrationName,
    Reason, ReasonInfo, Reasons, RunId, StepName, StepState, Unit, UnitCheckpoint, UnitId,
    UnitProgress, UnixMillis,
};
use sterna::runtime::{Clock, ServiceRegistry, Stop, Tasks};
use sterna::sandbox::{self, Sandbox, Service};
use sterna::state::files::Rotation;
use sterna::state::{self, Grant, Journal, Reopen, Store, TakeKind, checkpoint};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Units of a checkpoint: those of one of five instances over 80,000 spaces.
const UNITS: u64 = 16_000;
/// Leases that are worked on at once.
const AT_ONCE: u64 = 32;
/// Tasks that append to the journal at once.
const WRITERS: u64 = 16;
/// Items and units of the run whose memory is looked at.
const ITEMS: u64 = 100_000;
const RUN_UNITS: u64 = 100;
/// Bytes of the answer to a look, and of a large one; how many large ones the clients let in at once (16 MiB); what a look
/// keeps of any of them: an outline of its indexes, and its claims.
const ANSWER: usize = 16 << 10;
const LARGE_ANSWER: usize = 8 << 20;
const LARGE_AT_ONCE: usize = 2;
const KEPT: usize = 16 << 10;

fn unit(number: u64) -> Unit {
    let name = format!("did:key:z6Mk{number:044}");
    let mut unit = Unit::new(UnitId::new("did:mailto:example.org:owner", name));
    unit.planned = Some(450);
    unit
}

fn store(dir: &Path) -> state::Config {
    state::Config::new(
        sterna::migrations::uploads::namespace("local-migration-"),
        dir,
    )
}

/// Takes, renews, saves and gives back a lease: what a short unit costs.
async fn lease(store: &Store, number: u64) {
    let holder = Holder::new(InstanceId::number(1), FolderId::new("bench"));
    let run = RunId::new("bench");
    let unit = unit(number);
    let taken = store.lease(&unit, &holder, &run, &TakeKind::Unheld, Reopen::No);
    let Ok(Grant::Leased {
        mut lease,
        progress,
    }) = taken.await
    else {
        panic!("the lease is free");
    };
    store.renew(&mut lease).await.expect("the lease is ours");
    store
        .save(&mut lease, &progress)
        .await
        .expect("the lease is ours");
    store
        .release(lease, &progress)
        .await
        .expect("the lease is ours");
}

fn leases(criterion: &mut Criterion, runtime: &Runtime, name: &str, store: &Store) {
    let mut group = criterion.benchmark_group("leases");
    group
        .throughput(Throughput::Elements(AT_ONCE))
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    group.bench_function(name, |bench| {
        bench.iter(|| runtime.block_on(join_all((0..AT_ONCE).map(|number| lease(store, number)))));
    });
    group.finish();
}

fn checkpoints(criterion: &mut Criterion, store: &Store) {
    let (disk, state) = (store.disk(), store.config());
    let mut full = Checkpoint::new(MigrationName::new("bench"), InstanceId::number(1), "bench");
    full.units = (0..UNITS)
        .map(|number| UnitCheckpoint {
            progress: UnitProgress::pending(&unit(number)),
            above: std::collections::BTreeMap::new(),
            further: None,
        })
        .collect();
    let mut group = criterion.benchmark_group("checkpoint");
    group
        .throughput(Throughput::Elements(UNITS))
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    group.bench_function("16,000 units", |bench| {
        bench.iter(|| checkpoint::save(disk, state, black_box(&full)).expect("a disk"));
    });
    group.finish();
}

fn journal(criterion: &mut Criterion, runtime: &Runtime, dir: &Path) {
    let journal = Journal::at(dir.join("journal.ndjson"), Rotation::default()).expect("a disk");
    let record = serde_json::json!({ "unit": unit(1).id, "entry": "verified" });
    let mut group = criterion.benchmark_group("journal");
    group
        .throughput(Throughput::Elements(WRITERS))
        .sample_size(20)
        .measurement_time(Duration::from_secs(3));
    group.bench_function("16 at once, on disk", |bench| {
        bench.iter(|| {
            let all = (0..WRITERS).map(|_| journal.append(&record));
            runtime.block_on(async { join_all(all).await });
        });
    });
    group.finish();
}

/// Items that need one effect each, which is made by remembering their number. Each unit has as many.
struct Tiny {
    items: u64,
    of_unit: u64,
    made: std::sync::Mutex<Vec<u64>>,
    large: Semaphore,
}

impl Tiny {
    fn is_made(&self, item: u64) -> bool {
        let (word, bit) = (item / 64, item % 64);
        let made = self.made.lock().expect("no panic holds it");
        made[usize::try_from(word).expect("fits")] & (1 << bit) != 0
    }
}

/// What a look came to, and what is kept of its answer.
struct Looked {
    made: bool,
    kept: Vec<u8>,
}

/// The number of a unit, by its name.
fn number_of(unit: &UnitContext) -> u64 {
    let digits = unit.id.name.trim_start_matches("did:key:z6Mk");
    digits.parse().expect("a number")
}

/// What the data of some units lacks.
const LACKING: Reason = Reason::new("MISSING_DELEGATION");

#[async_trait]
impl Migration for Tiny {
    type Item = u64;
    type Observation = Looked;

    fn name(&self) -> MigrationName {
        MigrationName::new("tiny")
    }

    fn reasons(&self) -> Reasons {
        const REASONS: Reasons = Reasons::with(&[ReasonInfo::of_data(LACKING, "none")]);
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        vec![Arc::new(Make)]
    }

    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        vec![Arc::new(Allow)]
    }

    fn item_id(&self, item: &u64) -> ItemId {
        ItemId::new(format!("{item:012}"))
    }

    fn added_at(&self, _: &u64) -> Option<UnixMillis> {
        Some(UnixMillis(1))
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<u64, Failure>> {
        let number = |id: ItemId| id.as_str().parse::<u64>().unwrap_or(0) + 1;
        let begin = number_of(unit) * self.of_unit;
        let all = begin + self.of_unit;
        let (first, end) = (
            within.after.map_or(begin, number),
            within.until.map_or(all, number),
        );
        stream::iter((first..end.min(all).min(self.items)).map(Ok)).boxed()
    }

    async fn item(&self, _: &UnitContext, id: &ItemId) -> Result<u64, Failure> {
        Ok(id.as_str().parse().unwrap_or(0))
    }

    async fn probe(&self, _: &UnitContext, item: &u64) -> Result<Looked, Failure> {
        // Room is taken as long as an answer is there; what is kept of it is the item's, until that is settled.
        let (size, _room) = if item.is_multiple_of(1_000) {
            (LARGE_ANSWER, self.large.acquire().await.ok())
        } else {
            (ANSWER, None)
        };
        let answer = black_box(vec![1; size]);
        tokio::task::yield_now().await;
        Ok(Looked {
            made: self.is_made(*item),
            kept: answer[..KEPT.min(size)].to_vec(),
        })
    }
}

/// A step of the unit that one unit of ten never gets.
struct Allow;

#[async_trait]
impl UnitStep for Allow {
    fn name(&self) -> StepName {
        StepName::new("allow")
    }

    async fn probe(&self, _: &UnitContext) -> Result<UnitObservation, Failure> {
        Ok(UnitObservation::Unseen)
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        if number_of(unit) % 10 == 9 {
            return Err(Failure::permanent(LACKING, "none"));
        }
        Ok(Effect::new("allowed", &*unit.id.name))
    }
}

struct Make;

#[async_trait]
impl Step<Tiny> for Make {
    fn name(&self) -> StepName {
        StepName::new("make")
    }

    fn gaps(&self, _: &UnitContext, item: &u64, observed: &Looked) -> Result<Vec<Gap>, Failure> {
        black_box(observed.kept.len());
        let gap = || Gap::missing(item.to_string(), "not made");
        Ok((!observed.made).then(gap).into_iter().collect())
    }

    async fn apply(&self, context: &StepContext<'_, Tiny>, gap: &Gap) -> Result<Effect, Failure> {
        if let Some(StepState::Failed(failure)) = context.unit.step(&StepName::new("allow")) {
            return Err(failure.clone());
        }
        let (word, bit) = (context.item / 64, context.item % 64);
        let mut made = context.migration.made.lock().expect("no panic holds it");
        made[usize::try_from(word).expect("fits")] |= 1 << bit;
        Ok(Effect::new("made", gap.subject.clone()))
    }
}

/// Memory of this process, KiB (Linux): resident now (`VmRSS`), or at most until now (`VmHWM`).
fn resident(which: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(which));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}

/// KiB a million items, by least squares over what was seen.
fn slope(observed: &[(f64, f64)]) -> f64 {
    let number = f64::from(u32::try_from(observed.len()).expect("few"));
    let mean = |pick: fn(&(f64, f64)) -> f64| observed.iter().map(pick).sum::<f64>() / number;
    let (items, memory) = (mean(|one| one.0), mean(|one| one.1));
    let both: f64 = observed
        .iter()
        .map(|one| (one.0 - items) * (one.1 - memory))
        .sum();
    let spread: f64 = observed.iter().map(|one| (one.0 - items).powi(2)).sum();
    both / spread * 1e6
}

/// The size of a file of the run, bytes.
fn size(dir: &Path, name: &str) -> u64 {
    dir.join(name).metadata().map_or(0, |found| found.len())
}

/// Runs over items with rows and files on disk, and prints the memory as it goes.
fn memory(runtime: &Runtime, dir: &Path, items: u64, units: u64) {
    let words = usize::try_from(items / 64 + 1).expect("fits");
    let clock = Clock::system();
    let dir = &dir.to_path_buf();
    let events = Events::new(clock);
    let parts = RunParts {
        migration: Arc::new(Tiny {
            items,
            of_unit: items.div_ceil(units),
            made: std::sync::Mutex::new(vec![0; words]),
            large: Semaphore::new(LARGE_AT_ONCE),
        }),
        store: Store::in_file(&dir.join("rows.sqlite"), store(dir)).expect("a disk"),
        stop: Stop::new(),
        tasks: Tasks::new(),
        clock,
        events: events.clone(),
        dependencies: ServiceRegistry::new(),
    };
    let mut config = Config::new(InstanceId::number(1), RunId::new("bench"), "bench");
    config.steps = StepFilter::All;
    config.max_failure_rate = 1.0;
    let start = Instant::now();
    runtime.block_on(async {
        parts.store.create_tables().await.expect("a disk");
        let job = Job::Units((0..units).map(unit).collect());
        let mut going = std::pin::pin!(run(parts, config, job));
        let (mut next, mut observed, mut largest) = (items / 20, Vec::new(), 0);
        loop {
            let look = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                outcome = &mut going => {
                    let counts = outcome.expect("a run").counts;
                    assert_eq!(counts.settled(), items, "every item has its last word");
                    let kept_back = counts.quarantined;
                    println!("memory: {} done, {kept_back} kept back", counts.done);
                    break;
                }
                () = look => {}
            }
            largest = largest.max(size(dir, "instance-1-checkpoint.json"));
            let settled = events.read(|snapshot| snapshot.counts.settled());
            if settled >= next {
                let now = resident("VmRSS:");
                println!("memory: {settled} items, {now} KiB");
                // What is there from the start is there after a tenth.
                if settled >= items / 10 {
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                    observed.push((settled as f64, now as f64));
                }
                next = settled + items / 20;
            }
        }
        let last = size(dir, "instance-1-checkpoint.json");
        println!("memory: checkpoint of {units} units: {largest} bytes at most, {last} at the end");
        let slope = slope(&observed);
        println!("memory: {slope:.0} KiB more for a million items");
    });
    let (seconds, most) = (start.elapsed().as_secs_f64(), resident("VmHWM:"));
    println!("memory: {items} items in {seconds:.1} s, {most} KiB at most");
}

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let dir = |name: &str| {
        let dir = folder.path().join(name);
        std::fs::create_dir_all(&dir).expect("a folder");
        dir
    };
    // First, before anything else has grown the process.
    let words: Vec<String> = std::env::args().collect();
    let alone = words.iter().position(|word| word == "memory");
    let number = |after: usize| alone.and_then(|at| words.get(at + after)?.parse().ok());
    let (items, units) = (number(1).unwrap_or(ITEMS), number(2).unwrap_or(RUN_UNITS));
    memory(&runtime, &dir("memory"), items, units);
    if alone.is_some() {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let in_memory = Store::in_memory(store(&dir("rows")));
    let starting = sandbox::Config::in_dir(dir("local"));
    let network = runtime
        .block_on(Sandbox::start(starting))
        .expect("a local network");
    let client = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-2"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
            "local-sterna",
            "local-sterna-secret",
            None,
            None,
            "bench",
        ))
        .endpoint_url(network.urls().of(Service::DynamoDb))
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(client);
    let over_http = Store::new(&client, store(&dir("http")));
    for (name, store) in [
        ("rows in memory", &in_memory),
        ("local network", &over_http),
    ] {
        runtime.block_on(store.create_tables()).expect("tables");
        leases(&mut criterion, &runtime, name, store);
    }
    checkpoints(&mut criterion, &in_memory);
    journal(&mut criterion, &runtime, &dir("journal"));
    criterion.final_summary();
    runtime.block_on(network.shutdown());
}
