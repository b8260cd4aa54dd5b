//! Verdicts of an audit, and the lines of its report.

use serde::{Deserialize, Serialize};

use super::{Failure, InstanceId, ItemId, MigrationName, RunId, StepName, UnitId, UnixMillis};

/// Version of the lines of a report.
pub const AUDIT_VERSION: u32 = 1;

/// The verdict of an audit on an item, from best to worst. A whole is as bad as its worst part. "Could not tell" never
/// counts as another verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything exists and is right.
    Ok,
    /// The world could not be probed.
    CouldNotTell,
    /// Something is missing.
    Missing,
    /// Something exists and is wrong.
    Wrong,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::Missing => "missing",
            Self::CouldNotTell => "could-not-tell",
        }
    }

    /// The worst of these verdicts; ok if there is none.
    #[must_use]
    pub fn worst(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().max().unwrap_or(Self::Ok)
    }
}

/// One gap that an audit found and a run would close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The step that would close it.
    pub step: StepName,
    /// What it is about.
    pub subject: String,
    /// Missing or wrong.
    pub verdict: Verdict,
    /// In words.
    pub why: String,
    /// Bytes that closing it would read, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What a run would do with one step: gaps of items, or units if it is a step of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepPlan {
    /// Effects that the run would make.
    pub effects: u64,
    /// Bytes that the run would read for them, as far as sizes are recorded.
    pub bytes_to_read: u64,
}

impl StepPlan {
    /// Counts one more effect.
    pub fn count(&mut self, finding: &Finding) {
        self.effects += 1;
        self.bytes_to_read += finding.bytes.unwrap_or(0);
    }
}

/// Verdicts counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// Items with verdict ok.
    pub ok: u64,
    /// Items with something wrong.
    pub wrong: u64,
    /// Items with something missing.
    pub missing: u64,
    /// Items that could not be judged.
    pub could_not_tell: u64,
}

impl VerdictCounts {
    /// Counts one more item.
    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Ok => self.ok += 1,
            Verdict::Wrong => self.wrong += 1,
            Verdict::Missing => self.missing += 1,
            Verdict::CouldNotTell => self.could_not_tell += 1,
        }
    }

    /// The verdicts of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            ok: self.ok + other.ok,
            wrong: self.wrong + other.wrong,
            missing: self.missing + other.missing,
            could_not_tell: self.could_not_tell + other.could_not_tell,
        }
    }

    /// All items with a verdict.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ok + self.wrong + self.missing + self.could_not_tell
    }
}

/// A line of an audit's report: one JSON object, whose kind is in `line`. A reader skips unknown kinds and everything
/// after the last progress line, which an audit that died left incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum AuditLine {
    /// The first line: what the report is about.
    Audit(AuditOpening),
    /// An item that is not ok.
    Item(Audited),
    /// A unit that could not be listed completely. The items after the break have no verdict.
    Unlisted(Unlisted),
    /// The progress of units since the last such line.
    Progress {
        /// The units.
        units: Vec<UnitAudited>,
    },
    /// The last line of a complete audit.
    End {
        /// All verdicts.
        verdicts: VerdictCounts,
        /// Items that were listed.
        listed: u64,
        /// Units that could not be listed completely.
        unlisted: u64,
        /// When.
        at: UnixMillis,
    },
}

/// See [`AuditLine::Audit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditOpening {
    /// Version of the lines.
    pub v: u32,
    /// When the audit started.
    pub at: UnixMillis,
    /// The audit.
    pub run: RunId,
    /// The instance that made it.
    pub instance: InstanceId,
    /// The migration.
    pub migration: MigrationName,
    /// The scope in words. An audit of the same scope can be resumed.
    pub scope: String,
    /// Environment and tables.
    pub state: String,
    /// Whether every byte was read, not only looked for.
    #[serde(default)]
    pub deep: bool,
    /// The audit that it resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<RunId>,
}

/// See [`AuditLine::Item`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// The unit.
    pub unit: UnitId,
    /// The item.
    pub item: ItemId,
    /// The verdict: the worst of the findings and the failure.
    pub verdict: Verdict,
    /// What is missing or wrong, and which step would close it.
    pub findings: Vec<Finding>,
    /// Why it could not be judged, or cannot be migrated.
    pub failure: Option<Failure>,
}

/// See [`AuditLine::Unlisted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlisted {
    /// The unit.
    pub unit: UnitId,
    /// The last item that was listed. Nothing after it was probed.
    pub after: Option<ItemId>,
    /// Why.
    pub failure: Failure,
}

/// The progress of an audit in one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitAudited {
    /// The unit.
    pub unit: UnitId,
    /// The cursor: every item up to it is judged.
    pub cursor: Option<ItemId>,
    /// Verdicts on the items up to the cursor.
    pub verdicts: VerdictCounts,
    /// Whether it was listed completely and every item is judged.
    pub ended: bool,
    /// Whether it could not be listed completely.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_is_worse_than_missing_that_than_could_not_tell_and_that_than_ok() {
        let order = [
            Verdict::Wrong,
            Verdict::Missing,
            Verdict::CouldNotTell,
            Verdict::Ok,
        ];
        for (place, worse) in order.iter().enumerate() {
            let rest = &order[place..];
            assert_eq!(Verdict::worst(rest.iter().copied()), *worse);
            let reversed = rest.iter().rev().copied();
            assert_eq!(Verdict::worst(reversed), *worse);
        }
        assert_eq!(Verdict::worst([]), Verdict::Ok);
    }

    #[test]
    fn the_line_of_an_item_is_an_object_that_names_unit_item_verdict_and_findings() {
        let line = AuditLine::Item(Audited {
            unit: UnitId::new("did:mailto:example.org:a", "did:key:s"),
            item: ItemId::new("bafy"),
            verdict: Verdict::Missing,
            findings: vec![Finding {
                step: StepName::new("location"),
                subject: "bagb".to_owned(),
                verdict: Verdict::Missing,
                why: "no location claim names the space".to_owned(),
                bytes: None,
            }],
            failure: None,
        });
        let wanted = serde_json::json!({
            "line": "item",
            "unit": { "owner": "did:mailto:example.org:a", "name": "did:key:s" },
            "item": "bafy",
            "verdict": "missing",
            "findings": [{
                "step": "location", "subject": "bagb", "verdict": "missing",
                "why": "no location claim names the space",
            }],
            "failure": null,
        });
        assert_eq!(serde_json::to_value(&line).unwrap(), wanted);
        assert_eq!(serde_json::from_value::<AuditLine>(wanted).unwrap(), line);
    }
}
