//! The report of an audit: a file of its own, and what an earlier one of the same scope came to.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use crate::engine::{Config, Depth, EngineError};
use crate::model::{
    AUDIT_VERSION, AuditLine, AuditOpening, RunId, UnitAudited, UnitId, UnixMillis,
};
use crate::runtime::{Tasks, private};
use crate::state::files::Rotation;
use crate::state::{FilePrefix, Journal, Store};

/// Lines of an earlier report that are taken over at once.
const COPIED_AT_ONCE: usize = 1_000;

/// What an audit's report is called and about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// A word of its file's name: `audit`, `plan`.
    pub name: &'static str,
    /// What it is about, in words.
    pub scope: String,
    /// Goes on with the last audit of the same scope.
    pub resume: bool,
}

impl Report {
    /// A report that starts over.
    #[must_use]
    pub fn new(name: &'static str, scope: impl Into<String>) -> Self {
        Self {
            name,
            scope: scope.into(),
            resume: false,
        }
    }
}

/// An earlier audit that did not come to its end.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub(super) run: RunId,
    path: PathBuf,
    /// Bytes of the file that count.
    upto: u64,
    pub(super) units: BTreeMap<UnitId, UnitAudited>,
}

/// Where the report of a run lies.
fn path(store: &Store, config: &Config, name: &str) -> PathBuf {
    let safe = |text: &str| -> String {
        let keep = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        text.chars()
            .map(|letter| if keep(letter) { letter } else { '_' })
            .collect()
    };
    let run = safe(config.run.as_str());
    store
        .config()
        .file(&config.instance, &format!("-{name}-{run}.ndjson"))
}

/// Opens the report of a run and writes what it begins with. Blocks.
pub(super) fn open(
    store: &Store,
    tasks: &Tasks,
    config: &Config,
    name: &str,
) -> Result<(Journal, PathBuf), EngineError> {
    let path = path(store, config, name);
    let opened = Journal::on(store.disk(), tasks, &path, Rotation { bytes: u64::MAX });
    let journal = opened.map_err(|source| EngineError::File {
        path: path.clone(),
        source,
    })?;
    Ok((journal, path))
}

/// Begins a report: its first line, and what an earlier one is sure of.
pub(super) async fn begin(
    journal: &Journal,
    opening: AuditOpening,
    earlier: Option<&Earlier>,
) -> Result<(), EngineError> {
    let opening = AuditLine::Audit(opening);
    journal.append(&opening).await.map_err(EngineError::State)?;
    let Some(earlier) = earlier else {
        return Ok(());
    };
    let mut copied = Vec::new();
    let mut lines = Lines::open(&earlier.path).map_err(unread(&earlier.path))?;
    while let Some((end, line)) = lines.next().map_err(unread(&earlier.path))? {
        if end > earlier.upto {
            break;
        }
        if matches!(line, AuditLine::Item(_)) {
            copied.push(line);
        }
        if copied.len() >= COPIED_AT_ONCE {
            let full = std::mem::take(&mut copied);
            journal
                .append_all(&full)
                .await
                .map_err(EngineError::State)?;
        }
    }
    copied.push(AuditLine::Progress {
        units: earlier.units.values().cloned().collect(),
    });
    journal
        .append_all(&copied)
        .await
        .map_err(EngineError::State)
}

fn unread(path: &Path) -> impl FnOnce(io::Error) -> EngineError + use<> {
    let path = path.to_owned();
    move |source| EngineError::Report { path, source }
}

/// The first line of a report.
pub(super) fn opening(
    config: &Config,
    migration: crate::model::MigrationName,
    scope: &str,
    at: UnixMillis,
) -> AuditOpening {
    AuditOpening {
        v: AUDIT_VERSION,
        at,
        run: config.run.clone(),
        instance: config.instance.clone(),
        migration,
        scope: scope.to_owned(),
        state: config.identity.to_string(),
        deep: config.depth == Depth::Bytes,
        resumes: None,
    }
}

/// The last audit like `wanted` that got anywhere, if it did not come to its end. Blocks.
///
/// # Errors
/// [`EngineError::NothingToResume`] when there is none, or when it came to its end.
pub(super) fn unfinished(
    store: &Store,
    name: &str,
    wanted: &AuditOpening,
) -> Result<Earlier, EngineError> {
    let dir = &store.config().dir;
    let prefix = &store.config().namespace.files;
    let mut found = reports((dir, prefix), name).map_err(unread(dir))?;
    let like = |opening: &AuditOpening| {
        opening.v == wanted.v
            && opening.migration == wanted.migration
            && opening.scope == wanted.scope
            && opening.state == wanted.state
    };
    found.retain(|(opening, _)| like(opening));
    found.sort_by(|(one, left), (other, right)| (other.at, right).cmp(&(one.at, left)));
    for (opening, path) in found {
        let (earlier, ended) = read(&opening, &path).map_err(unread(&path))?;
        if ended {
            return Err(EngineError::NothingToResume {
                scope: wanted.scope.clone(),
                ended: Some(path),
            });
        }
        // One that died before it had taken over what it goes on with.
        if opening.resumes.is_none() || !earlier.units.is_empty() {
            return Ok(earlier);
        }
    }
    Err(EngineError::NothingToResume {
        scope: wanted.scope.clone(),
        ended: None,
    })
}

/// The reports in a folder with their first lines; those that have none yet are left out.
fn reports(
    (dir, prefix): (&Path, &FilePrefix),
    name: &str,
) -> io::Result<Vec<(AuditOpening, PathBuf)>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let is_report = prefix.rest(&file).is_some()
            && file.contains(&format!("-{name}-"))
            && file.ends_with(".ndjson");
        if !is_report {
            continue;
        }
        if let Some((_, AuditLine::Audit(opening))) = Lines::open(&path)?.next()? {
            found.push((opening, path));
        }
    }
    Ok(found)
}

/// How far a report goes, and whether it has an end.
fn read(opening: &AuditOpening, path: &Path) -> io::Result<(Earlier, bool)> {
    let mut earlier = Earlier {
        run: opening.run.clone(),
        path: path.to_owned(),
        upto: 0,
        units: BTreeMap::new(),
    };
    let mut ended = false;
    let mut lines = Lines::open(path)?;
    while let Some((end, line)) = lines.next()? {
        match line {
            AuditLine::Progress { units } => {
                earlier.upto = end;
                let units = units.into_iter().map(|unit| (unit.unit.clone(), unit));
                earlier.units.extend(units);
            }
            AuditLine::End { .. } => ended = true,
            AuditLine::Audit(_) | AuditLine::Item(_) | AuditLine::Unlisted(_) => {}
        }
    }
    Ok((earlier, ended))
}

/// The lines of a report; a cut last one and those of a kind that is not known are left out.
struct Lines {
    reader: io::BufReader<fs::File>,
    at: u64,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            reader: io::BufReader::new(private::open(path)?),
            at: 0,
        })
    }

    /// The next line, and where it ends.
    fn next(&mut self) -> io::Result<Option<(u64, AuditLine)>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.reader.read_until(b'\n', &mut line)?;
            self.at += read as u64;
            if line.last() != Some(&b'\n') {
                return Ok(None);
            }
            if let Ok(line) = serde_json::from_slice(&line) {
                return Ok(Some((self.at, line)));
            }
        }
    }
}
