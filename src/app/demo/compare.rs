//! What a world was made to end in, against what was found; pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::model::{Counts, Reason, Settled, Verdict, VerdictCounts};
use crate::sandbox::world::manifest::{Manifest, Record};
use crate::sandbox::world::plan::Expected;

/// An upload by space and root, as their rows spell them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Upload {
    space: String,
    root: String,
}

impl Upload {
    pub(super) fn new(space: &str, root: &str) -> Self {
        Self {
            space: space.to_owned(),
            root: root.to_owned(),
        }
    }

    fn of(record: &Record) -> Self {
        Self::new(&record.space, &record.root)
    }
}

impl fmt::Display for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.root, self.space)
    }
}

/// What processes left and answered.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Counters of all runs.
    pub(super) counts: Counts,
    /// The final outcome of the runs for each upload.
    pub(super) settled: BTreeMap<Upload, (Settled, Option<Reason>)>,
    /// Rows of failed uploads.
    pub(super) failed: BTreeMap<Upload, Reason>,
    /// Spaces of which one cause keeps all uploads back that have no row of their own.
    pub(super) kept_back: BTreeMap<String, Reason>,
    /// Uploads that an audit did not find right.
    pub(super) not_right: BTreeMap<Upload, Verdict>,
    /// Uploads audited, by verdict.
    pub(super) verdicts: VerdictCounts,
}

/// One thing that is not as it was promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// What it is about.
    pub(super) subject: String,
    /// What should have been.
    pub(super) expected: String,
    /// What is.
    pub(super) found: String,
}

impl Difference {
    pub(super) fn new(subject: impl fmt::Display, expected: &str, found: &str) -> Self {
        Self {
            subject: subject.to_string(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            expected,
            found,
        } = self;
        write!(f, "{subject}: expected {expected}, found {found}")
    }
}

/// Everything in which runs, failure rows and audits differ from the world's own word.
pub(super) fn differences(world: &Manifest, found: &Found) -> Vec<Difference> {
    let mut all = Vec::new();
    for record in &world.uploads {
        let upload = Upload::of(record);
        let mut check = |what: &str, expected: &str, found: &str| {
            if expected != found {
                all.push(Difference::new(
                    format!("{upload}, {what}"),
                    expected,
                    found,
                ));
            }
        };
        let reason = match &record.expected {
            Expected::Failed(reason) => Some(reason.as_str()),
            Expected::Migrated | Expected::AlreadyComplete => None,
        };
        check(
            "run",
            &run_word(&record.expected),
            &settled_word(found.settled.get(&upload)),
        );
        let row = found.failed.get(&upload);
        let row = row.or_else(|| found.kept_back.get(&upload.space));
        let row = row.map(Reason::as_str);
        check(
            "failure row",
            reason.unwrap_or("none"),
            row.unwrap_or("none"),
        );
        let expected = if reason.is_some() {
            "not right"
        } else {
            "right"
        };
        check("audit", expected, audit_word(found.not_right.get(&upload)));
    }
    all.extend(strangers(world, found));
    let (planned, audited) = (world.uploads.len() as u64, found.verdicts.total());
    for (what, number) in [("runs", found.counts.planned), ("audits", audited)] {
        if number != planned {
            let text = |number: u64| format!("{number} uploads");
            all.push(Difference::new(what, &text(planned), &text(number)));
        }
    }
    all
}

/// The word that a run must end an upload with.
fn run_word(expected: &Expected) -> String {
    match expected {
        Expected::Migrated => Settled::Migrated.as_str().to_owned(),
        Expected::AlreadyComplete => Settled::Found.as_str().to_owned(),
        Expected::Failed(reason) => format!("quarantined, {reason}"),
    }
}

fn settled_word(settled: Option<&(Settled, Option<Reason>)>) -> String {
    match settled {
        None => "not checked".to_owned(),
        Some((Settled::Quarantined, Some(reason))) => format!("quarantined, {reason}"),
        Some((settled, Some(reason))) => format!("{}, {reason}", settled.as_str()),
        Some((settled, None)) => settled.as_str().to_owned(),
    }
}

fn audit_word(verdict: Option<&Verdict>) -> &'static str {
    match verdict {
        None | Some(Verdict::Ok) => "right",
        Some(Verdict::Wrong | Verdict::Missing) => "not right",
        Some(Verdict::CouldNotTell) => "could not tell",
    }
}

/// Uploads that were found and are not of the world.
fn strangers(world: &Manifest, found: &Found) -> Vec<Difference> {
    let known: BTreeSet<Upload> = world.uploads.iter().map(Upload::of).collect();
    let named = found
        .settled
        .keys()
        .chain(found.failed.keys())
        .chain(found.not_right.keys());
    let strange: BTreeSet<&Upload> = named.filter(|upload| !known.contains(*upload)).collect();
    strange
        .into_iter()
        .map(|upload| Difference::new(upload, "no such upload", "a result"))
        .collect()
}

/// What is wrong with the gateway's answer for one file; `None` if it is as it must be.
///
/// Content that can be served must come whole and equal. Content that cannot must be refused:
/// other bytes under its name would be a lie.
pub(super) fn served(
    retrievable: bool,
    expected: &[u8],
    status: u16,
    body: &[u8],
) -> Option<(String, String)> {
    let is_content = matches!(status, 200 | 204);
    let bytes = |bytes: &[u8]| format!("{} bytes", bytes.len());
    match (retrievable, is_content) {
        (true, true) if expected == body => None,
        (true, true) if expected.len() == body.len() => {
            Some((bytes(expected), "as many other bytes".to_owned()))
        }
        (true, true) => Some((bytes(expected), bytes(body))),
        (true, false) => {
            let said = String::from_utf8_lossy(body);
            let said: String = said.chars().take(120).collect();
            Some((bytes(expected), format!("answer {status}: {said}")))
        }
        (false, false) => None,
        (false, true) => Some((
            "a refusal".to_owned(),
            format!("answer {status} with {}", bytes(body)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::uploads::reasons;
    use crate::sandbox::world::plan::{Condition, Protocol, Sizes};

    fn record(number: usize, condition: Condition, expected: Expected) -> Record {
        Record {
            number,
            customer: "did:mailto:example.org:a".to_owned(),
            space: "did:key:s".to_owned(),
            root: format!("root{number}"),
            shards: Vec::new(),
            protocol: Protocol::Blob,
            condition,
            expected,
            retrievable: true,
        }
    }

    fn world() -> Manifest {
        let corrupt = Expected::Failed("CORRUPT_CAR".to_owned());
        Manifest {
            schema: String::new(),
            seed: 1,
            sizes: Sizes {
                customers: 1,
                spaces: 1,
                uploads: 3,
            },
            bytes: 0,
            uploads: vec![
                record(0, Condition::Fresh, Expected::Migrated),
                record(1, Condition::Complete, Expected::AlreadyComplete),
                record(2, Condition::CorruptCar, corrupt),
            ],
        }
    }

    fn upload(number: usize) -> Upload {
        Upload::of(&world().uploads[number])
    }

    fn as_promised() -> Found {
        let corrupt = Some(reasons::CORRUPT_CAR);
        Found {
            counts: Counts::planned(3),
            settled: BTreeMap::from([
                (upload(0), (Settled::Migrated, None)),
                (upload(1), (Settled::Found, None)),
                (upload(2), (Settled::Quarantined, corrupt)),
            ]),
            kept_back: BTreeMap::new(),
            failed: BTreeMap::from([(upload(2), reasons::CORRUPT_CAR)]),
            not_right: BTreeMap::from([(upload(2), Verdict::Wrong)]),
            verdicts: VerdictCounts {
                ok: 2,
                wrong: 1,
                ..VerdictCounts::default()
            },
        }
    }

    /// The subjects of what differs after a change.
    fn after(change: impl FnOnce(&mut Found)) -> Vec<String> {
        let mut found = as_promised();
        change(&mut found);
        let all = differences(&world(), &found);
        all.into_iter().map(|one| one.to_string()).collect()
    }

    #[test]
    fn a_world_that_ended_as_promised_shows_no_difference() {
        assert_eq!(after(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn an_upload_that_was_migrated_again_or_never_is_reported() {
        let told = after(|found| {
            found.settled.insert(upload(1), (Settled::Migrated, None));
            found.settled.remove(&upload(0));
        });
        assert_eq!(
            told,
            [
                "root0 in did:key:s, run: expected migrated, found not checked",
                "root1 in did:key:s, run: expected found, found migrated",
            ]
        );
    }

    #[test]
    fn a_failure_counts_only_under_its_name() {
        let told = after(|found| {
            found.failed.insert(upload(2), reasons::MISSING_BLOB);
        });
        assert_eq!(
            told,
            ["root2 in did:key:s, failure row: expected CORRUPT_CAR, found MISSING_BLOB"]
        );
        let told = after(|found| {
            found.failed.insert(upload(0), Reason::TIMEOUT);
        });
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn an_audit_that_could_not_tell_or_saw_too_little_is_reported() {
        let told = after(|found| {
            found.not_right.insert(upload(0), Verdict::CouldNotTell);
            found.not_right.remove(&upload(2));
            found.verdicts.ok = 1;
        });
        assert_eq!(
            told,
            [
                "root0 in did:key:s, audit: expected right, found could not tell",
                "root2 in did:key:s, audit: expected not right, found right",
                "audits: expected 3 uploads, found 2 uploads",
            ]
        );
    }

    #[test]
    fn a_result_for_an_upload_that_nobody_seeded_is_reported() {
        let told = after(|found| {
            let stranger = Upload::new("did:key:s", "root9");
            found.settled.insert(stranger, (Settled::Migrated, None));
        });
        assert_eq!(
            told,
            ["root9 in did:key:s: expected no such upload, found a result"]
        );
    }

    #[test]
    fn content_is_equal_or_it_is_a_lie_and_what_is_damaged_is_refused() {
        assert_eq!(served(true, b"abc", 200, b"abc"), None);
        assert_eq!(served(true, b"", 204, b""), None);
        assert_eq!(served(false, b"abc", 404, b"not found"), None);
        assert!(served(true, b"abc", 200, b"abd").is_some());
        assert!(served(true, b"abc", 200, b"ab").is_some());
        assert!(served(true, b"abc", 404, b"abc").is_some());
        assert!(served(false, b"abc", 200, b"abc").is_some());
    }
}
