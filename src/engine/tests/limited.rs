//! A run against a service that takes 200 calls a second, one that is down for ten minutes, and
//! one that once never answers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::world::START;
use crate::engine::tests::reasons::REASONS;
use crate::engine::{
    Clock, Config, Ended, Events, Gap, Instant, Job, Migration, OwnerRollup, RunParts,
    ServiceRegistry, Step, StepContext, Stop, Tasks, UnitContext, run,
};
use crate::migrations::uploads::{CustomerRollup, namespace};
use crate::model::{
    Effect, Event, Failure, InstanceId, ItemId, ItemRange, MigrationName, Reason, Reasons, RunId,
    Snapshot, StepName, Unit, UnitId,
};
use crate::runtime::{Classify, Dependency, DependencyConfig, RetryHint, StopLevel};
use crate::state::{self, Store};

/// Calls a second that the service takes.
const RATE: f64 = 200.0;
/// Calls that it takes at once after it was idle.
const BURST: f64 = 20.0;
/// Many, so that the run makes many calls and few records.
const CALLS_TO_PROBE: u32 = 8;
const LATENCY: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("429 Too Many Requests")]
    Busy,
    #[error("connection refused")]
    Down,
}

impl Classify for Trouble {
    fn hint(&self) -> RetryHint {
        match self {
            Self::Busy => RetryHint::Slower { after: None },
            Self::Down => RetryHint::Retry { after: None },
        }
    }

    fn timed_out(_: Duration) -> Self {
        Self::Down
    }
}

impl From<Trouble> for Failure {
    fn from(kind: Trouble) -> Self {
        let reason = match kind {
            Trouble::Busy => Reason::THROTTLED,
            Trouble::Down => Reason::UNREACHABLE,
        };
        Self::transient(reason, kind.to_string())
    }
}

/// A set of keys behind a service.
struct Shelf {
    keys: u32,
    /// When the service is down, after the start.
    down: Option<(Duration, Duration)>,
    service: Dependency,
    /// The key of which the first call never ends.
    hangs: Mutex<Option<&'static str>>,
    start: Instant,
    put: Mutex<BTreeSet<String>>,
    /// Share of the bucket used, in calls.
    used: Mutex<f64>,
    taken: AtomicU32,
    refused: AtomicU32,
    unanswered: AtomicU32,
}

impl Shelf {
    async fn call(&self) -> Result<(), Failure> {
        Ok(self.service.call(|| self.answer()).await?)
    }

    async fn answer(&self) -> Result<(), Trouble> {
        let at = self.start.elapsed();
        if self.down.is_some_and(|(from, to)| from <= at && at < to) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return Err(Trouble::Down);
        }
        let allowed = BURST + RATE * at.as_secs_f64();
        let is_taken = {
            let mut used = self.used.lock().unwrap();
            *used = used.max(allowed - BURST);
            let is_taken = *used + 1.0 <= allowed;
            *used += f64::from(u8::from(is_taken));
            is_taken
        };
        if !is_taken {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Trouble::Busy);
        }
        tokio::time::sleep(LATENCY).await;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Migration for Shelf {
    type Item = u32;
    type Observation = bool;

    fn name(&self) -> MigrationName {
        MigrationName::new("shelf")
    }

    fn owner_rollup(&self) -> Option<&dyn OwnerRollup> {
        Some(&CustomerRollup)
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        vec![Arc::new(Put)]
    }

    fn item_id(&self, key: &u32) -> ItemId {
        ItemId::new(format!("{key:06}"))
    }

    fn items<'a>(
        &'a self,
        _: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<u32, Failure>> {
        let keys = (0..self.keys).filter(move |key| within.contains(&self.item_id(key)));
        stream::iter(keys.map(Ok)).boxed()
    }

    async fn item(&self, _: &UnitContext, id: &ItemId) -> Result<u32, Failure> {
        Ok(id.as_str().parse().unwrap())
    }

    async fn probe(&self, _: &UnitContext, key: &u32) -> Result<bool, Failure> {
        for _ in 0..CALLS_TO_PROBE {
            self.call().await?;
        }
        Ok(self.put.lock().unwrap().contains(&key.to_string()))
    }
}

struct Put;

#[async_trait]
impl Step<Shelf> for Put {
    fn name(&self) -> StepName {
        StepName::new("put")
    }

    fn gaps(&self, _: &UnitContext, key: &u32, observed: &bool) -> Result<Vec<Gap>, Failure> {
        let gap = Gap::missing(key.to_string(), "not there");
        Ok(if *observed { Vec::new() } else { vec![gap] })
    }

    async fn apply(
        &self,
        step_context: &StepContext<'_, Shelf>,
        gap: &Gap,
    ) -> Result<Effect, Failure> {
        let hangs = step_context
            .migration
            .hangs
            .lock()
            .unwrap()
            .take_if(|key| *key == gap.subject);
        if hangs.is_some() {
            std::future::pending::<()>().await;
        }
        step_context.migration.call().await?;
        step_context
            .migration
            .put
            .lock()
            .unwrap()
            .insert(gap.subject.clone());
        Ok(Effect::new("put", &gap.subject))
    }
}

/// What was seen of a run while it went.
#[derive(Default)]
struct Shown {
    throttles: Vec<(u32, String)>,
    /// Attempts at an item that ended since the service was down.
    given_up: u32,
    warnings: Vec<String>,
    /// Attempts at an item that were ended since they hung.
    hung: Vec<String>,
    /// The most items that were in flight at once.
    most: u64,
}

async fn listen(mut news: Receiver<Event>) -> Shown {
    let mut shown = Shown::default();
    let mut observed = Snapshot::default();
    loop {
        let news = news.recv().await;
        if let Ok(event) = &news {
            observed.fold(event, START);
            shown.most = shown.most.max(observed.in_flight);
        }
        match news {
            Ok(Event::Throttled { throttles }) => {
                let throttles = throttles.into_iter();
                shown
                    .throttles
                    .extend(throttles.map(|one| (one.limit, one.reason)));
            }
            Ok(Event::Warned { warnings }) => {
                shown
                    .warnings
                    .extend(warnings.into_iter().map(|one| one.what));
            }
            Ok(Event::ItemRetried { failure, .. }) if failure.reason == Reason::TIMEOUT => {
                shown.hung.push(failure.message);
            }
            Ok(Event::ItemRetried { failure, .. }) => {
                shown.given_up += u32::from(failure.reason == Reason::UNREACHABLE);
            }
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => panic!("{missed} events were missed"),
            Err(RecvError::Closed) => return shown,
        }
    }
}

/// Items in flight in these runs.
const CONCURRENCY: u32 = 64;

/// A shelf, and the parts of a run over it.
struct Scene {
    shelf: Arc<Shelf>,
    store: Store,
    config: Config,
    parts: RunParts<Shelf>,
    _dir: tempfile::TempDir,
}

async fn scene(
    keys: u32,
    down: Option<(Duration, Duration)>,
    hangs: Option<&'static str>,
) -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::set_to(START);
    let dependencies = ServiceRegistry::new();
    let shelf = Arc::new(Shelf {
        keys,
        down,
        service: dependencies.get("shelf", DependencyConfig::default()),
        hangs: Mutex::new(hangs),
        start: Instant::now(),
        put: Mutex::default(),
        used: Mutex::default(),
        taken: AtomicU32::new(0),
        refused: AtomicU32::new(0),
        unanswered: AtomicU32::new(0),
    });
    let state = state::Config::new(namespace("test-migration-"), dir.path().join("state"));
    let store = Store::in_memory(state).with_clock(clock);
    store.create_tables().await.unwrap();
    let mut config = Config::new(InstanceId::number(1), RunId::new("run-1"), "test");
    config.concurrency = CONCURRENCY;
    let parts = RunParts {
        migration: Arc::clone(&shelf),
        store: store.clone(),
        stop: Stop::new(),
        tasks: Tasks::new(),
        clock,
        events: Events::new(clock),
        dependencies,
    };
    Scene {
        shelf,
        store,
        config,
        parts,
        _dir: dir,
    }
}

fn job() -> Job {
    let unit = Unit::new(UnitId::new("did:mailto:test:owner", "shelf"));
    Job::Units(vec![unit])
}

/// Runs over `keys` keys, to the end and without a failed item; the shelf, and what was shown.
async fn migrate(
    keys: u32,
    down: Option<(Duration, Duration)>,
    hangs: Option<&'static str>,
) -> (Arc<Shelf>, Shown) {
    let scene = scene(keys, down, hangs).await;
    let Scene { shelf, store, .. } = &scene;
    let (shelf, store) = (Arc::clone(shelf), store.clone());
    let news = scene.parts.events.subscribe();
    let going = run(scene.parts, scene.config, job());
    let (outcome, shown) = futures::join!(going, listen(news));
    let outcome = outcome.unwrap();
    let failed = store.failed_items(&state::FailedQuery::default()).await;
    assert_eq!(failed.unwrap(), []);
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(outcome.counts.done, u64::from(keys));
    assert!(outcome.counts.add_up());
    (shelf, shown)
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_200_calls_a_second_gets_nearly_as_many_and_refuses_few() {
    let (shelf, shown) = migrate(1_200, None, None).await;
    let could = RATE * shelf.start.elapsed().as_secs_f64();
    let (taken, refused) = [&shelf.taken, &shelf.refused]
        .map(|count| f64::from(count.load(Ordering::Relaxed)))
        .into();
    assert!(taken > 0.85 * could, "{taken} of {could}");
    assert!(refused < 0.02 * taken, "{refused} refused, {taken} taken");
    let paced = |(_, reason): &(u32, String)| reason.ends_with("a second: 429 Too Many Requests");
    assert!(shown.throttles.iter().any(paced), "{:?}", shown.throttles);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ten_minutes_pauses_the_work_with_the_reason_and_fails_nothing() {
    let (from, to) = (Duration::from_secs(10), Duration::from_secs(610));
    let (shelf, shown) = migrate(400, Some((from, to)), None).await;
    let down =
        |(limit, reason): &(u32, String)| *limit == 0 && reason == "down: connection refused";
    assert!(shown.throttles.iter().any(down), "{:?}", shown.throttles);
    let unanswered = shelf.unanswered.load(Ordering::Relaxed);
    assert!(unanswered < 64 + 40, "{unanswered} calls into the outage");
    assert!(shown.given_up < 15, "{} attempts", shown.given_up);
    // Those that wait to be tried again, or for their final outcome, are counted as what they are.
    assert_eq!(shown.most, u64::from(CONCURRENCY));
    // It goes on by itself, at the latest after the longest pause of the breaker.
    assert!(shelf.start.elapsed() < to + Duration::from_mins(1) + Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_hangs_is_named_given_up_and_made_again() {
    let (shelf, shown) = migrate(20, None, Some("7")).await;
    let named = "nothing moved for 300 s: step put of 000007 in did:mailto:test:owner";
    assert!(shown.warnings[0].starts_with(named), "{:?}", shown.warnings);
    assert_eq!(shown.hung.len(), 1);
    assert!(
        shown.hung[0].contains("step put of 000007"),
        "{:?}",
        shown.hung
    );
    assert!(shelf.start.elapsed() < Duration::from_mins(32));
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_service_that_stays_down() {
    let down = (Duration::from_secs(2), Duration::from_hours(9));
    let scene = scene(400, Some(down), None).await;
    let Scene {
        store,
        parts,
        config,
        ..
    } = scene;
    let stop = parts.stop.clone();
    let (grace, unit) = (config.pace.drain_down_within, job());
    let asking = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        stop.request(StopLevel::Drain, "SIGTERM");
        Instant::now()
    };
    let (outcome, asked) = futures::join!(run(parts, config, unit), asking);
    let took = asked.elapsed();
    assert!(took >= grace && took < grace * 2, "{took:?}");
    let outcome = outcome.unwrap();
    let reason = "SIGTERM; the drain waited 10 s for shelf".to_owned();
    let aborted = true;
    assert_eq!(outcome.ended, Ended::Stopped { reason, aborted });
    assert_eq!(outcome.snapshot.in_flight, 0);
    let rows = store.progress_where(None, None).await.unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.lease.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_a_service_that_comes_back() {
    let down = (Duration::from_secs(2), Duration::from_secs(31));
    let scene = scene(400, Some(down), None).await;
    let stop = scene.parts.stop.clone();
    let asking = async {
        tokio::time::sleep(Duration::from_secs(28)).await;
        stop.request(StopLevel::Drain, "SIGTERM");
    };
    let (outcome, ()) = futures::join!(run(scene.parts, scene.config, job()), asking);
    let (reason, aborted) = ("SIGTERM".to_owned(), false);
    assert_eq!(outcome.unwrap().ended, Ended::Stopped { reason, aborted });
}
