//! A second migration lives its whole life beside uploads, in one file of rows and one folder, and neither sees the
//! other.
//!
//! The toy says only what a migration has to say: its items, one step, its words. Everything else is the session's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use sterna::app::session::{
    Connecting, PlanBy, Rollback, RunReport, Session, Surroundings, Work, Workload,
};
use sterna::app::{Ended, ProgressSink, ProgressUpdate, Stop};
use sterna::engine::{
    Config, Gap, Job, Migration, Report, Retry, Step, StepContext, StepFilter, Undoer, UnitContext,
    Within,
};
use sterna::migrations::uploads::{self, Settings};
use sterna::model::{
    ControlCommand, Effect, Failure, ItemId, ItemRange, MigrationName, Noun, Reason, ReasonInfo,
    Reasons, StepName, Unit, UnitId, VerdictCounts, Vocabulary,
};
use sterna::monitor::{self, Ask, Paint};
use sterna::plan::{self, Load};
use sterna::runtime::{Clock, Tasks};
use sterna::state::rows::{Row, Rows, Select, Sqlite};
use sterna::state::{self, FailedQuery, Namespace, Scope, Store};
use tokio::sync::Semaphore;

use crate::fixture::{Local, small};
use crate::worker::{Worker, config, expected, units, unkept_rows};

const TORN: Reason = Reason::new("TORN");
const REASONS: Reasons = Reasons::with(&[ReasonInfo::of_data(TORN, "mend the letter, then retry")]);
static WORDS: Vocabulary = Vocabulary {
    item: Noun::new("letter", "letters"),
    unit: Noun::new("box", "boxes"),
    owner: Noun::new("sender", "senders"),
    reasons: REASONS,
    steps: &[],
    step_groups: &[],
};
static NAMESPACE: LazyLock<Namespace> =
    LazyLock::new(|| Namespace::new(MigrationName::new("letters"), "local").unwrap());

/// Copies letters from one folder to another; a unit is a box of letters.
#[derive(Clone)]
struct Letters {
    from: PathBuf,
    to: PathBuf,
    /// Whether the second letter of each box is torn.
    torn: Arc<AtomicBool>,
    /// How many letters may still be copied before the post stands still.
    post: Arc<Semaphore>,
}

impl Letters {
    fn new(root: &Path) -> Self {
        for letter in LETTERS {
            let path = root.join("from").join(letter);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, letter).unwrap();
        }
        Self {
            from: root.join("from"),
            to: root.join("to"),
            torn: Arc::new(AtomicBool::new(true)),
            post: Arc::new(Semaphore::new(3)),
        }
    }

    fn copied(&self) -> usize {
        let copied = |letter: &&&str| self.to.join(letter).exists();
        LETTERS.iter().filter(copied).count()
    }
}

const LETTERS: [&str; 8] = [
    "red/0", "red/1", "red/2", "red/3", "blue/0", "blue/1", "blue/2", "blue/3",
];
const TORN_LETTERS: [&str; 2] = ["red/1", "blue/1"];

#[async_trait]
impl Migration for Letters {
    type Item = String;
    type Observation = bool;

    fn name(&self) -> MigrationName {
        NAMESPACE.migration.clone()
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        vec![Arc::new(Copy(self.to.clone()))]
    }

    fn item_id(&self, letter: &String) -> ItemId {
        ItemId::new(letter.as_str())
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<String, Failure>> {
        let of_box = LETTERS
            .iter()
            .filter(move |letter| letter.starts_with(&*unit.id.name));
        let letters = of_box
            .map(|letter| (*letter).to_owned())
            .filter(move |letter| within.contains(&ItemId::new(letter.as_str())));
        stream::iter(letters.map(Ok).collect::<Vec<_>>()).boxed()
    }

    async fn item(&self, _: &UnitContext, id: &ItemId) -> Result<String, Failure> {
        Ok(id.to_string())
    }

    async fn probe(&self, _: &UnitContext, letter: &String) -> Result<bool, Failure> {
        if self.torn.load(Ordering::SeqCst) && TORN_LETTERS.contains(&letter.as_str()) {
            return Err(Failure::permanent(TORN, "a page is missing"));
        }
        Ok(self.to.join(letter).exists())
    }
}

struct Copy(PathBuf);

#[async_trait]
impl Step<Letters> for Copy {
    fn name(&self) -> StepName {
        StepName::new("copy")
    }

    fn gaps(&self, _: &UnitContext, letter: &String, there: &bool) -> Result<Vec<Gap>, Failure> {
        let gap = || Gap::missing(letter, "not copied");
        Ok((!there).then(gap).into_iter().collect())
    }

    async fn apply(&self, turn: &StepContext<'_, Letters>, gap: &Gap) -> Result<Effect, Failure> {
        let effect = Effect::new("copied", gap.subject.as_str()).reversible();
        turn.intend(&effect).await?;
        turn.migration.post.acquire().await.unwrap().forget();
        let to = self.0.join(&gap.subject);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(turn.migration.from.join(&gap.subject), to).unwrap();
        Ok(effect)
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        Some(self)
    }
}

#[async_trait]
impl Undoer for Copy {
    async fn exists(&self, _: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        Ok(self.0.join(&effect.subject).exists())
    }

    async fn undo(&self, _: &UnitContext, effect: &Effect) -> Result<(), Failure> {
        fs::remove_file(self.0.join(&effect.subject)).unwrap();
        Ok(())
    }
}

#[async_trait]
impl Workload for Letters {
    type Migration = Self;
    type Findings = ();

    fn namespace(&self) -> &Namespace {
        &NAMESPACE
    }

    fn vocabulary(&self) -> &'static Vocabulary {
        &WORDS
    }

    async fn connect(&self, _: Connecting<'_>) -> Result<Arc<Self>> {
        Ok(Arc::new(self.clone()))
    }
}

/// Both migrations over one file of rows and one folder.
struct Scene {
    rows: Arc<dyn Rows>,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rows = Sqlite::open(&dir.path().join("rows.sqlite"), Duration::from_secs(10));
        Self {
            rows: Arc::new(rows.unwrap()),
            dir,
        }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    async fn store(&self, namespace: Namespace) -> Store {
        let config = state::Config::new(namespace, self.state());
        let store = Store::over(Arc::clone(&self.rows), config);
        store.create_tables().await.unwrap();
        store.mark_format("local").await.unwrap();
        store
    }

    /// Every row of a migration, and every file of it.
    async fn picture(
        &self,
        store: &Store,
    ) -> (BTreeMap<String, Vec<Row>>, BTreeMap<String, Vec<u8>>) {
        let namespace = &store.config().namespace;
        let mut tables = BTreeMap::new();
        for table in namespace.all_tables() {
            let page = self
                .rows
                .page(table, &Select::default(), None)
                .await
                .unwrap();
            assert!(page.next.is_none());
            tables.insert(table.to_owned(), page.rows);
        }
        let files = fs::read_dir(self.state()).into_iter().flatten();
        let files = files.filter_map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = || fs::read(&path).unwrap();
            namespace
                .files
                .rest(&name)
                .is_some()
                .then(|| (name.clone(), bytes()))
        });
        (tables, files.collect())
    }
}

fn unseen() -> ProgressSink {
    Arc::new(|_: ProgressUpdate<'_>| {})
}

fn ends() -> (Stop, ProgressSink) {
    (Stop::new(), unseen())
}

async fn session(scene: &Scene, letters: &Letters) -> Box<Session<Letters>> {
    let store = scene.store(NAMESPACE.clone()).await;
    let by = Surroundings {
        environment: "local".to_owned(),
        ..Surroundings::default()
    };
    Session::over(store, by, letters.clone()).await.unwrap()
}

fn of(session: &Session<Letters>) -> Config {
    let mut config = session.config(1, 2).unwrap();
    config.pace.attempts = 1;
    config.max_failure_rate = 1.0;
    // It would take whatever nobody has begun, if it saw it.
    config.steal = true;
    config
}

fn boxes() -> Vec<Unit> {
    let units = ["red", "blue"].map(|name| Unit::new(UnitId::new("ann", name)));
    units.into()
}

async fn migrate(session: &Session<Letters>) -> RunReport {
    let migrating = session.migrate(of(session), Work::Units(boxes()), ends());
    migrating.await.unwrap()
}

/// Uploads, half migrated, their fleet paused.
async fn half_migrated(local: &Local, scene: &Scene) -> (Worker, Store) {
    let own = scene.store(uploads::namespace("local-migration-")).await;
    let worker = Worker::over(local, own.clone(), unkept_rows(), Settings::default()).await;
    let mut half = config("first");
    half.limit = Some(5);
    let outcome = sterna::engine::run(worker.parts(), half, Job::Units(units(local)));
    assert!(outcome.await.unwrap().counts.settled() >= 5);
    let asked = own.set_control(&Scope::Fleet, ControlCommand::Pause, "ann@host", "lunch");
    asked.await.unwrap();
    (worker, own)
}

async fn set_up(session: &Session<Letters>) {
    let loads = boxes().into_iter().map(|unit| Load {
        unit: unit.id,
        items: 4,
    });
    let options = plan::Options {
        instances: 1,
        split_over: None,
    };
    let by = PlanBy {
        at: Clock::system().now(),
        who: "ann@host".to_owned(),
        shaped_by: "--instances 1".to_owned(),
    };
    let stop = Stop::new();
    let planned = session.plan(loads.collect(), options, by, &stop);
    assert_eq!(planned.await.unwrap().units_new, 2);
}

/// A run that ends in its middle, as the post stands still after three letters.
async fn die(letters: &Letters, session: Box<Session<Letters>>) {
    let tasks = Tasks::new();
    let dying = tasks.spawn(async move { migrate(&session).await });
    while letters.copied() < 3 {
        tokio::task::yield_now().await;
    }
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    letters.post.add_permits(100);
}

async fn shown(store: &Store, ask: Ask) -> String {
    let view = monitor::answer(store, Clock::system(), &ask, &WORDS, None).await;
    view.unwrap().text(Paint::Plain, &WORDS)
}

async fn audited(session: &Session<Letters>) -> VerdictCounts {
    let (work, report) = (Work::Units(boxes()), Report::new("audit", "everything"));
    let audit = session.audit(of(session), work, report, ends()).await;
    audit.unwrap().verdicts
}

/// Setup, a run that dies, the run after it, the retry of what failed, an audit, and the rollback.
async fn whole_life(scene: &Scene, store: &Store) {
    let letters = Letters::new(scene.dir.path());
    let first = session(scene, &letters).await;
    set_up(&first).await;
    die(&letters, first).await;
    let session = session(scene, &letters).await;
    let report = migrate(&session).await;
    assert_eq!(report.ended, Ended::Finished);
    assert_eq!((report.counts.done, report.counts.quarantined), (6, 2));
    assert_eq!(letters.copied(), 6);

    let failed = shown(store, Ask::Failed(FailedQuery::default())).await;
    assert!(
        failed.contains("TORN") && failed.contains("mend the letter"),
        "{failed}"
    );
    letters.torn.store(false, Ordering::SeqCst);
    let retry = session.run(of(&session), Job::RetryFailed(Retry::default()), ends());
    assert_eq!(retry.await.unwrap().counts.done, 2);
    let overview = shown(store, Ask::Overview).await;
    assert!(overview.contains("8 of 8"), "{overview}");

    assert_eq!(audited(&session).await.ok, 8);
    // A journal of uploads is refused by name.
    let foreign = Rollback {
        journals: vec![scene.state().join("instance-1-journal.ndjson")],
        ..Rollback::default()
    };
    let refused = session.rollback(of(&session), foreign, &|_| Ok(()), ends());
    let refused = format!("{:?}", refused.await.unwrap_err());
    assert!(refused.contains("migration uploads"), "{refused}");
    assert_eq!(letters.copied(), 8);
    let rollback = session.rollback(of(&session), Rollback::default(), &|_| Ok(()), ends());
    let undone = rollback.await.unwrap();
    assert_eq!((undone.undone.get("copied"), undone.failed), (Some(&8), 0));
    assert_eq!(letters.copied(), 0);
    assert_eq!(audited(&session).await.missing, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_migration_lives_its_whole_life_beside_uploads_and_neither_sees_the_other() {
    let local = Local::start(small()).await;
    let scene = Scene::new();
    let (worker, own) = half_migrated(&local, &scene).await;
    let store = scene.store(NAMESPACE.clone()).await;
    let uploads = scene.picture(&own).await;
    assert!(uploads.0["local-migration-progress"].len() > 1 && !uploads.1.is_empty());

    // Uploads are paused, have open units and journals: the other migration obeys, takes and undoes its own alone.
    whole_life(&scene, &store).await;
    let (tables, files) = scene.picture(&own).await;
    for (name, rows) in &uploads.0 {
        assert_eq!(&tables[name], rows, "{name}");
    }
    assert_eq!(files, uploads.1);

    // And uploads go on as if nobody else were there.
    let letters = scene.picture(&store).await;
    let is_own = |name: &String| name.starts_with("letters-instance-1");
    assert!(
        letters.1.len() > 2 && letters.1.keys().all(is_own),
        "{:?}",
        letters.1.keys()
    );
    let asked = own.set_control(&Scope::Fleet, ControlCommand::Resume, "ann@host", "back");
    asked.await.unwrap();
    worker
        .run(Job::Units(units(&local)), StepFilter::All, "second")
        .await;
    assert_eq!(worker.failed().await, expected(&local));
    let everything = Within {
        units: Vec::new(),
        run: None,
        journals: Vec::new(),
        state: None,
    };
    let survey = sterna::engine::plan_undo(&worker.parts(), &everything)
        .await
        .unwrap();
    assert_eq!(
        survey.journals,
        [scene.state().join("instance-1-journal.ndjson")]
    );
    assert_eq!(scene.picture(&store).await, letters);
    local.stop().await;
}

#[tokio::test]
async fn a_store_of_another_migration_is_refused() {
    let scene = Scene::new();
    let store = scene.store(uploads::namespace("local-migration-")).await;
    let letters = Letters::new(scene.dir.path());
    let opened = Session::over(store, Surroundings::default(), letters).await;
    let error = format!("{:#}", opened.err().unwrap());
    assert!(error.contains("letters"), "{error}");
}
