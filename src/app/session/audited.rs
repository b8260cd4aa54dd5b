//! The report of an audit as a list of items: read line by line, of which only the places are kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::app::Kind;
use crate::engine::{Depth, ItemList};
use crate::model::{AUDIT_VERSION, AuditLine, AuditOpening, Audited, ItemId, UnitId, Verdict};

/// A line names less than this; a longer one is of no report.
const LONGEST_LINE: usize = 1 << 20;

/// Items that an audit found not to be right, or could not judge. In memory are eight bytes for each.
#[derive(Debug)]
pub(in crate::app) struct AuditedItems {
    path: PathBuf,
    /// Where the lines of each unit begin.
    lines: BTreeMap<UnitId, Vec<u64>>,
    /// How closely the audit looked: what it saw is seen only by looking as closely.
    pub(in crate::app) depth: Depth,
    /// Whether the audit came to its end; if not, there may be more.
    pub(in crate::app) is_whole: bool,
}

/// Why a file is no report.
#[derive(Debug)]
pub(in crate::app) struct NoReport {
    pub(in crate::app) kind: Kind,
    pub(in crate::app) why: String,
}

impl AuditedItems {
    /// Reads where the lines of each unit lie, if the report is of `state` (environment and tables). Blocks.
    pub(in crate::app) fn open(path: &Path, state: &str) -> Result<Self, NoReport> {
        let unusable = |why: String| NoReport {
            kind: Kind::Usage,
            why,
        };
        let file = File::open(path).map_err(|error| unusable(error.to_string()))?;
        if path.is_dir() {
            return Err(unusable("it is a folder".to_owned()));
        }
        let mut reader = BufReader::new(file);
        let mut lines = BTreeMap::<UnitId, Vec<u64>>::new();
        let (mut depth, mut is_whole) = (Depth::Presence, false);
        let (mut at, mut number) = (0, 0_u64);
        loop {
            number += 1;
            let foreign = |why: String| NoReport {
                kind: Kind::Mismatch,
                why: format!("line {number} is not a line of an audit report: {why}"),
            };
            let text = match next(&mut reader) {
                Ok(Some(text)) => text,
                Ok(None) if number == 1 => return Err(foreign("the file is empty".to_owned())),
                Ok(None) => break,
                Err(error) => return Err(foreign(error.to_string())),
            };
            let begins = at;
            at += text.len() as u64;
            // A line that a crash cut says nothing.
            if number > 1 && !text.ends_with('\n') {
                break;
            }
            match (
                number,
                line(&text).map_err(|error| foreign(error.to_string()))?,
            ) {
                (1, Some(AuditLine::Audit(opening))) => {
                    check(&opening, state)?;
                    if opening.deep {
                        depth = Depth::Bytes;
                    }
                }
                (1, _) => return Err(foreign("it does not name its scope".to_owned())),
                (_, Some(AuditLine::Item(Audited { unit, verdict, .. })))
                    if verdict != Verdict::Ok =>
                {
                    lines.entry(unit).or_default().push(begins);
                }
                (_, Some(AuditLine::End { .. })) => is_whole = true,
                // A unit that could not be listed to its end names no item.
                _ => {}
            }
        }
        Ok(Self {
            path: path.to_owned(),
            lines,
            depth,
            is_whole,
        })
    }

    /// Keeps the lines of some units.
    pub(in crate::app) fn keep(&mut self, wanted: impl Fn(&UnitId) -> bool) {
        self.lines.retain(|unit, _| wanted(unit));
    }
}

/// A line of the report; none for one of a kind that is not known here.
fn line(text: &str) -> Result<Option<AuditLine>, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    let known = ["audit", "item", "unlisted", "progress", "end"];
    match value.get("line").and_then(serde_json::Value::as_str) {
        Some(kind) if !known.contains(&kind) => Ok(None),
        _ => serde_json::from_value(value).map(Some),
    }
}

/// Refuses a report of another version or of other tables.
fn check(opening: &AuditOpening, state: &str) -> Result<(), NoReport> {
    let why = if opening.v != AUDIT_VERSION {
        format!(
            "it has version {}; this program reads version {AUDIT_VERSION}",
            opening.v
        )
    } else if opening.state != state {
        format!(
            "it belongs to another environment or other tables: {}; the settings name {state}",
            opening.state
        )
    } else {
        return Ok(());
    };
    Err(NoReport {
        kind: Kind::Mismatch,
        why,
    })
}

/// The next line with its end; none at the end of the file.
fn next(reader: &mut impl BufRead) -> Result<Option<String>, Error> {
    let mut bytes = Vec::new();
    let mut limited = std::io::Read::take(&mut *reader, LONGEST_LINE as u64);
    let read = limited.read_until(b'\n', &mut bytes)?;
    if read >= LONGEST_LINE {
        return Err(Error::new(ErrorKind::InvalidData, "the line is too long"));
    }
    // A crash may cut the last line within a letter.
    let is_cut = !bytes.ends_with(b"\n");
    let text = match String::from_utf8(bytes) {
        Err(error) if is_cut => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        text => text.map_err(|error| Error::new(ErrorKind::InvalidData, error))?,
    };
    Ok((read > 0).then_some(text))
}

impl ItemList for AuditedItems {
    fn units(&self) -> Vec<UnitId> {
        self.lines.keys().cloned().collect()
    }

    fn items(&self, unit: &UnitId, from: usize, most: usize) -> Result<Vec<ItemId>, Error> {
        let places = self.lines.get(unit).map(Vec::as_slice).unwrap_or_default();
        let places = places.iter().skip(from).take(most);
        let mut reader = BufReader::new(File::open(&self.path)?);
        let mut items = Vec::new();
        for place in places {
            reader.seek(SeekFrom::Start(*place))?;
            let changed =
                || Error::new(ErrorKind::InvalidData, "the file changed while it was read");
            let text = next(&mut reader)?.ok_or_else(changed)?;
            match line(&text).map_err(|_| changed())? {
                Some(AuditLine::Item(found)) if found.unit == *unit => items.push(found.item),
                _ => return Err(changed()),
            }
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnixMillis;
    use crate::model::{Failure, InstanceId, MigrationName, Reason, RunId, Unlisted};

    const STATE: &str = "local tables";

    fn opening() -> AuditOpening {
        AuditOpening {
            v: AUDIT_VERSION,
            at: UnixMillis::ZERO,
            run: RunId::new("run"),
            instance: InstanceId::number(1),
            migration: MigrationName::new("uploads"),
            scope: "everything".to_owned(),
            state: STATE.to_owned(),
            deep: false,
            resumes: None,
        }
    }

    fn text(line: &AuditLine) -> String {
        format!("{}\n", serde_json::to_string(line).unwrap())
    }

    fn item(space: u32, item: u32, verdict: Verdict) -> String {
        text(&AuditLine::Item(Audited {
            unit: UnitId::new("did:mailto:a:b", format!("space{space}")),
            item: ItemId::new(format!("item{item:05}")),
            verdict,
            findings: Vec::new(),
            failure: None,
        }))
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.ndjson");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn a_last_line_that_is_cut_within_a_letter_says_nothing() {
        let (_dir, path) = file("");
        let mut bytes = text(&AuditLine::Audit(opening())).into_bytes();
        bytes.extend(item(0, 1, Verdict::Missing).into_bytes());
        bytes.extend(b"{\"line\":\"item\",\"why\":\"no answer\xe2\x80");
        std::fs::write(&path, &bytes).unwrap();
        let unit = UnitId::new("did:mailto:a:b", "space0");
        let read = AuditedItems::open(&path, STATE).unwrap();
        assert_eq!(read.items(&unit, 0, 9).unwrap().len(), 1);
        // In the middle of a report it is damage.
        bytes.extend(b"\n");
        std::fs::write(&path, &bytes).unwrap();
        assert!(AuditedItems::open(&path, STATE).is_err());
    }

    #[test]
    fn a_report_goes_by_space_in_pieces_without_what_is_ok() {
        let mut all = text(&AuditLine::Audit(opening()));
        for number in 0..1_200 {
            let verdict = if number % 3 == 0 {
                Verdict::Ok
            } else {
                Verdict::Missing
            };
            all += &item(number % 2, number, verdict);
        }
        all += &text(&AuditLine::Unlisted(Unlisted {
            unit: UnitId::new("did:mailto:a:b", "space7"),
            after: None,
            failure: Failure::transient(Reason::UNREACHABLE, "refused"),
        }));
        all += "{\"line\":\"of a later version\"}\n";
        // Cut by a crash.
        all += item(0, 9_999, Verdict::Wrong).trim_end();
        let (_dir, path) = file(&all);
        let mut items = AuditedItems::open(&path, STATE).unwrap();
        assert_eq!(items.units().len(), 2);
        assert!(!items.is_whole);
        let unit = items.units()[1].clone();
        let (mut found, mut pieces) = (Vec::new(), 0);
        loop {
            let piece = items.items(&unit, found.len(), 150).unwrap();
            if piece.is_empty() {
                break;
            }
            pieces += 1;
            found.extend(piece);
        }
        assert_eq!((found.len(), pieces), (400, 3));
        assert!(found.is_sorted());
        items.keep(|unit| *unit.name == *"space0");
        assert_eq!(items.units().len(), 1);
    }

    #[test]
    fn another_file_is_refused_with_the_line() {
        let head = text(&AuditLine::Audit(opening()));
        let good = item(1, 1, Verdict::Missing);
        for (text, at) in [
            (String::new(), "line 1 "),
            ("{}\n".to_owned(), "line 1 "),
            (good.clone(), "line 1 "),
            (format!("{head}{good}not json\n"), "line 3 "),
            (format!("{head}{good}{{\"v\":1}}\n"), "line 3 "),
            ("\u{0}".repeat(2 << 20), "line 1 "),
        ] {
            let (_dir, path) = file(&text);
            let refused = AuditedItems::open(&path, STATE).unwrap_err();
            assert_eq!(refused.kind, Kind::Mismatch);
            assert!(refused.why.starts_with(at), "{}", refused.why);
        }
        let (dir, _) = file("");
        let missing = AuditedItems::open(&dir.path().join("nothing"), STATE).unwrap_err();
        assert_eq!(missing.kind, Kind::Usage);
        let folder = AuditedItems::open(dir.path(), STATE).unwrap_err();
        assert_eq!(folder.kind, Kind::Usage);
    }

    #[test]
    fn a_report_of_other_tables_or_of_another_version_is_refused_with_both() {
        let later = AuditOpening {
            v: AUDIT_VERSION + 1,
            ..opening()
        };
        for (opening, state, told) in [
            (opening(), "other tables", "other tables: local tables"),
            (later, STATE, "version 2"),
        ] {
            let (_dir, path) = file(&text(&AuditLine::Audit(opening)));
            let refused = AuditedItems::open(&path, state).unwrap_err();
            assert_eq!(refused.kind, Kind::Mismatch);
            assert!(refused.why.contains(told), "{}", refused.why);
        }
    }
}
