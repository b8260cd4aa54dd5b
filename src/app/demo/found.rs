//! Reads what processes left and answered: results, failures, audits.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::compare::{Found, Upload};
use crate::model::{AuditLine, Counts, Failure, ItemId, Reason, Settled, UnitId, VerdictCounts};

/// A line of a results file.
#[derive(Deserialize)]
struct ResultLine {
    unit: UnitId,
    item: ItemId,
    settled: Settled,
    failure: Option<Failure>,
}

/// The part of `monitor --failed` that counts here.
#[derive(Deserialize)]
struct FailedAnswer {
    failures: Vec<FailedLine>,
}

#[derive(Deserialize)]
struct FailedLine {
    space: String,
    item: String,
    reason: Reason,
}

/// The part of an audit's answer that counts here.
#[derive(Deserialize)]
struct AuditAnswer {
    verdicts: VerdictCounts,
    file: Option<PathBuf>,
}

/// The part of a run's answer that counts here.
#[derive(Deserialize)]
struct RunAnswer {
    counts: Counts,
}

/// Adds the final outcome of each upload from a results file.
pub(super) fn results(path: &Path, found: &mut Found) -> Result<()> {
    for line in lines::<ResultLine>(path)? {
        let upload = Upload::new(&line.unit.name, line.item.as_str());
        let reason = line.failure.map(|failure| failure.reason);
        found.settled.insert(upload, (line.settled, reason));
    }
    Ok(())
}

/// Adds the counters that a run ended with.
pub(super) fn run(answer: &Value, found: &mut Found) -> Result<()> {
    let answer = RunAnswer::deserialize(answer).context("read what a run answered")?;
    found.counts = found.counts.plus(&answer.counts);
    Ok(())
}

/// Adds what an audit found.
pub(super) fn audit(answer: &Value, found: &mut Found) -> Result<()> {
    let answer = AuditAnswer::deserialize(answer).context("read what an audit answered")?;
    let (all, one) = (&mut found.verdicts, answer.verdicts);
    all.ok += one.ok;
    all.wrong += one.wrong;
    all.missing += one.missing;
    all.could_not_tell += one.could_not_tell;
    let Some(file) = &answer.file else {
        return Ok(());
    };
    for line in lines::<AuditLine>(file)? {
        if let AuditLine::Item(audited) = line {
            let upload = Upload::new(&audited.unit.name, audited.item.as_str());
            found.not_right.insert(upload, audited.verdict);
        }
    }
    Ok(())
}

/// Takes the failed uploads of the whole fleet.
pub(super) fn failed(answer: &Value, found: &mut Found) -> Result<()> {
    let answer = FailedAnswer::deserialize(answer).context("read the list of failed uploads")?;
    let failed = answer.failures.iter();
    for line in failed {
        if ItemId::new(line.item.as_str()).is_all_of_unit() {
            found.kept_back.insert(line.space.clone(), line.reason);
        } else {
            let upload = Upload::new(&line.space, &line.item);
            found.failed.insert(upload, line.reason);
        }
    }
    Ok(())
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    BufReader::new(file)
        .lines()
        .map(|line| {
            let line = line.with_context(|| format!("read {}", path.display()))?;
            serde_json::from_str(&line)
                .with_context(|| format!("read a line of {}", path.display()))
        })
        .collect()
}

/// Counts lines of files that grow: a progress that asks nobody.
pub(super) struct Growing {
    files: Vec<(PathBuf, u64)>,
    lines: u64,
}

impl Growing {
    pub(super) fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            files: files.into_iter().map(|path| (path, 0)).collect(),
            lines: 0,
        }
    }

    /// Lines by now. A file that is not there yet has none.
    pub(super) fn look(&mut self) -> u64 {
        for (path, read) in &mut self.files {
            let mut bytes = Vec::new();
            let grown = File::open(path).and_then(|mut file| {
                file.seek(SeekFrom::Start(*read))?;
                file.read_to_end(&mut bytes)
            });
            if let Ok(grown) = grown {
                *read += grown as u64;
                let ends = bytes.iter().filter(|byte| **byte == b'\n');
                self.lines += ends.count() as u64;
            }
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;
    use crate::model::Verdict;

    #[test]
    fn growing_files_are_counted_by_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("1"), dir.path().join("2"));
        let mut growing = Growing::new([one.clone(), other]);
        assert_eq!(growing.look(), 0);
        let mut file = File::create(&one).unwrap();
        file.write_all(b"a\nb\nc").unwrap();
        assert_eq!(growing.look(), 2);
        file.write_all(b"c\n").unwrap();
        assert_eq!((growing.look(), growing.look()), (3, 3));
    }

    #[test]
    fn an_audit_is_read_from_its_report_and_not_from_the_first_lines_of_its_answer() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("instance-1-audit.ndjson");
        let line = json!({
            "unit": { "owner": "did:mailto:example.org:a", "name": "did:key:s" },
            "line": "item", "item": "bafy", "verdict": "missing", "findings": [], "failure": null,
        });
        std::fs::write(&file, format!("{line}\n")).unwrap();
        let verdicts = json!({ "ok": 2, "wrong": 0, "missing": 1, "could_not_tell": 0 });
        let answer = json!({ "verdicts": verdicts, "uploads": [], "file": file });
        let mut found = Found::default();
        audit(&answer, &mut found).unwrap();
        assert_eq!(found.verdicts.total(), 3);
        let upload = Upload::new("did:key:s", "bafy");
        assert_eq!(found.not_right.get(&upload), Some(&Verdict::Missing));
    }
}
