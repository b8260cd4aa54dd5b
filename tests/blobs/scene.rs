//! A job between two folders, run in this process over one file of rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sterna::app::blobs::BlobsWorkload;
use sterna::app::session::{RunReport, Session, Surroundings, Work};
use sterna::app::{ProgressUpdate, Stop};
use sterna::client::blobs::{Backend, BackendUrl};
use sterna::engine::{Config, Depth, Job as EngineJob, Report, Retry};
use sterna::migrations::blobs::{Backends, Layout, namespace};
use sterna::model::{Unit, UnitId, VerdictCounts};
use sterna::state::rows::Sqlite;
use sterna::state::{self, Store};

use crate::files::put;

/// Two folders, and the state of a job between them.
pub(crate) struct Scene {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) layout: Layout,
    pub(crate) replace: bool,
}

/// A folder as a backend.
pub(crate) fn open(path: &Path) -> Arc<dyn Backend> {
    fs::create_dir_all(path).unwrap();
    let url = BackendUrl::parse(&format!("dir:{}", path.display())).unwrap();
    url.open().unwrap()
}

impl Scene {
    /// Blobs of a source, by key.
    pub(crate) fn new(blobs: &[(&str, &[u8])]) -> Self {
        Self::of_layout(Layout::Plain, blobs)
    }

    pub(crate) fn of_layout(layout: Layout, blobs: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (key, bytes) in blobs {
            put(&dir.path().join("from").join(key), bytes);
        }
        fs::create_dir_all(dir.path().join("to")).unwrap();
        Self {
            dir,
            layout,
            replace: false,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The job with a target that is one of these folders, or lies.
    pub(crate) async fn session(&self, target: Arc<dyn Backend>) -> Box<Session<BlobsWorkload>> {
        self.between(open(&self.path("from")), target).await
    }

    pub(crate) async fn between(
        &self,
        source: Arc<dyn Backend>,
        target: Arc<dyn Backend>,
    ) -> Box<Session<BlobsWorkload>> {
        let namespace = namespace("local").unwrap();
        let rows = Sqlite::open(&self.path("rows.sqlite"), Duration::from_secs(10)).unwrap();
        let config = state::Config::new(namespace.clone(), self.path("state"));
        let store = Store::over(Arc::new(rows), config);
        store.create_tables().await.unwrap();
        store.mark_format("local").await.unwrap();
        let surroundings = Surroundings {
            environment: "local".to_owned(),
            ..Surroundings::default()
        };
        let job = BlobsWorkload {
            namespace,
            backends: Backends { source, target },
            layout: self.layout.clone(),
            replace: self.replace,
        };
        Session::over(store, surroundings, job).await.unwrap()
    }

    pub(crate) fn units(&self) -> Work {
        let units = self.layout.units();
        Work::Units(
            units
                .iter()
                .map(|unit| Unit::new(UnitId::new("job", &**unit)))
                .collect(),
        )
    }

    pub(crate) async fn copy(&self, session: &Session<BlobsWorkload>) -> RunReport<()> {
        let ends = (Stop::new(), sink());
        session
            .migrate(config(session), self.units(), ends)
            .await
            .unwrap()
    }

    /// Tries the failed blobs again.
    pub(crate) async fn retry(&self, session: &Session<BlobsWorkload>) -> RunReport<()> {
        let (failed, ends) = (
            EngineJob::RetryFailed(Retry::default()),
            (Stop::new(), sink()),
        );
        session.run(config(session), failed, ends).await.unwrap()
    }

    /// What an audit of every byte says.
    pub(crate) async fn audit(&self, session: &Session<BlobsWorkload>) -> VerdictCounts {
        let mut config = config(session);
        config.depth = Depth::Bytes;
        let (report, ends) = (Report::new("audit", "everything"), (Stop::new(), sink()));
        session
            .audit(config, self.units(), report, ends)
            .await
            .unwrap()
            .verdicts
    }
}

pub(crate) fn sink() -> sterna::app::ProgressSink {
    Arc::new(|_: ProgressUpdate<'_>| {})
}

fn config(session: &Session<BlobsWorkload>) -> Config {
    let mut config = session.config(1, 4).unwrap();
    config.max_failure_rate = 1.0;
    config.pace.attempt_wait = Duration::ZERO;
    config
}
