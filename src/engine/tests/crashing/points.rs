//! Points at which a process may die: before, in and after every write of the store, every call on files and every
//! effect. They are found by running, not listed, so that a new one cannot be forgotten.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::engine::tests::simulation::request::{Answer, Asks, Request};
use crate::runtime::Process;
use crate::state::files::{Disk, Local};
use crate::state::rows::{ErrorKind, Memory, RowsError};

/// Where in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Before,
    /// Half of the bytes are written.
    Half,
    After,
    /// Nobody dies: the write is made, and its answer is lost.
    Unanswered,
}

/// One point: the call's kind, which one of its kind, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) kind: String,
    pub(super) number: u32,
    pub(super) phase: Phase,
}

/// The points that one process passes, and the one it dies at.
#[derive(Debug)]
pub(super) struct Points {
    pub(super) process: Process,
    dies_at: Option<Point>,
    passed: Mutex<BTreeMap<String, Passed>>,
}

/// How often a kind of call was made, and which phases it has.
#[derive(Debug, Clone, Default)]
pub(super) struct Passed {
    pub(super) calls: u32,
    pub(super) phases: Vec<Phase>,
}

impl Points {
    pub(super) fn new(dies_at: Option<Point>) -> Arc<Self> {
        Arc::new(Self {
            process: Process::new(),
            dies_at,
            passed: Mutex::default(),
        })
    }

    /// A call begins; gives its number among those of its kind.
    pub(super) fn begin(&self, kind: &str, phases: &[Phase]) -> u32 {
        let number = {
            let mut passed = self.passed.lock().unwrap();
            let passed = passed.entry(kind.to_owned()).or_default();
            passed.calls += 1;
            passed.phases = phases.to_vec();
            passed.calls - 1
        };
        self.pass(kind, number, Phase::Before);
        number
    }

    /// Passes a point, or dies there.
    pub(super) fn pass(&self, kind: &str, number: u32, phase: Phase) {
        if self.is_at(kind, number, phase) {
            self.process.kill();
        }
    }

    fn is_at(&self, kind: &str, number: u32, phase: Phase) -> bool {
        let at =
            |point: &Point| point.kind == kind && point.number == number && point.phase == phase;
        self.dies_at.as_ref().is_some_and(at)
    }

    /// Never ready once the process is dead.
    pub(super) async fn alive(&self) {
        if self.process.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// Everything that was passed.
    pub(super) fn passed(&self) -> BTreeMap<String, Passed> {
        self.passed.lock().unwrap().clone()
    }
}

/// A store with points.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) memory: Arc<Memory>,
    pub(super) points: Arc<Points>,
}

#[async_trait]
impl Asks for Watched {
    async fn ask(&self, table: &str, request: Request) -> Result<Answer, RowsError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if !request.writes() {
            return request.land(&self.memory, table);
        }
        let kind = kind_of(table, &request);
        let points = &self.points;
        let number = points.begin(&kind, &[Phase::Before, Phase::After, Phase::Unanswered]);
        points.alive().await;
        let name = request.name();
        let answer = request.land(&self.memory, table);
        points.pass(&kind, number, Phase::After);
        points.alive().await;
        if points.is_at(&kind, number, Phase::Unanswered) {
            return Err(RowsError {
                doing: name,
                table: table.to_owned(),
                kind: ErrorKind::Unanswered,
                detail: String::new(),
                retry_after: None,
            });
        }
        answer
    }
}

/// `update progress: release`.
fn kind_of(table: &str, request: &Request) -> String {
    let table = table.rsplit('-').next().unwrap_or_default();
    let what = match request {
        Request::Update(_, update, _) if ["progress", "parts"].contains(&table) => {
            let sets = |name: &str| update.set.iter().any(|(set, _)| set == name);
            match () {
                () if sets("leaseEpoch") => ": lease",
                () if update.remove.iter().any(|name| name == "leaseHolder") => ": release",
                () if sets("counts") => ": save",
                () => ": renew",
            }
        }
        _ => "",
    };
    format!("{} {table}{what}", request.name())
}

/// A disk with points.
#[derive(Debug)]
pub(super) struct WatchedDisk {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) points: Arc<Points>,
}

impl WatchedDisk {
    fn call<T>(
        &self,
        what: &str,
        path: &Path,
        call: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let kind = format!("{what} {}", file_of(path));
        let number = self.points.begin(&kind, &[Phase::Before, Phase::After]);
        let done = call();
        self.points.pass(&kind, number, Phase::After);
        done
    }

    fn bytes(
        &self,
        what: &str,
        path: &Path,
        bytes: &[u8],
        call: impl Fn(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let kind = format!("{what} {}", file_of(path));
        let phases = [Phase::Before, Phase::Half, Phase::After];
        let number = self.points.begin(&kind, &phases);
        if self.points.is_at(&kind, number, Phase::Half) {
            let half = call(&bytes[..bytes.len() / 2]);
            self.points.process.kill();
            return half;
        }
        let done = call(bytes);
        self.points.pass(&kind, number, Phase::After);
        done
    }
}

/// The files of the system, as long as a process lives.
#[derive(Debug)]
pub(super) struct Mortal(pub(super) Process);

impl Mortal {
    fn files(&self) -> io::Result<&'static Local> {
        if self.0.is_dead() {
            return Err(io::Error::other("the process died"));
        }
        Ok(&Local)
    }
}

impl Disk for Mortal {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.files()?.size(path)
    }

    fn read(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>> {
        self.files()?.read(path, at, most)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.files()?.write(path, bytes)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.files()?.append(path, bytes)
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.files()?.truncate(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files()?.rename(from, to)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.files()?.make_folder(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.files()?.sync_folder(folder)
    }
}

/// `checkpoint.tmp.json`, of whichever instance.
fn file_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name
        .split_once("instance-")
        .and_then(|(_, rest)| rest.split_once('-'))
    {
        Some((_, file)) => file.to_owned(),
        None => "folder".to_owned(),
    }
}

impl Disk for WatchedDisk {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.disk.size(path)
    }

    fn read(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>> {
        self.disk.read(path, at, most)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.bytes("write", path, bytes, |bytes| self.disk.write(path, bytes))
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.bytes("append", path, bytes, |bytes| self.disk.append(path, bytes))
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.call("truncate", path, || self.disk.truncate(path, bytes))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call("rename to", to, || self.disk.rename(from, to))
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.call("make", folder, || self.disk.make_folder(folder))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.call("sync", folder, || self.disk.sync_folder(folder))
    }
}
