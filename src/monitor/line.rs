//! One line of live progress of a run.

use std::fmt::Write as _;

use super::eta::eta;
use super::table::{grouped, of, percent};
use crate::model::{Counts, Snapshot, Throttle, UnixMillis, Vocabulary};

/// Reasons that are named in the line.
const REASONS: usize = 3;

/// Where a run stands at `now`, in one line without colour and in the words of its migration.
#[must_use]
pub fn line(snapshot: &Snapshot, now: UnixMillis, words: &Vocabulary) -> String {
    if snapshot.to_undo > 0 {
        return undo(snapshot);
    }
    let counts = &snapshot.counts;
    let here = snapshot.this_run.settled();
    let audited = snapshot.verdicts.total();
    let (done, planned) = match snapshot.asked {
        _ if audited > 0 => (audited, counts.planned.max(audited)),
        Some(asked) => (here, asked),
        None => (counts.settled(), counts.planned),
    };
    let (of, items) = (grouped(planned), words.item.many);
    let mut text = format!("{} of {of} {items}", grouped(done));
    // Writing to a String cannot fail.
    let _ = if done > planned {
        write!(text, " (more than were planned)")
    } else {
        write!(text, " ({})", percent(done, planned))
    };
    if audited == 0 && here != done {
        let _ = write!(text, ", {} in this run", grouped(here));
    }
    text.push_str(&speed(snapshot, planned.saturating_sub(done), now));
    text.push_str(&findings(snapshot, words));
    // Reasons are of all that was done here, for others too.
    let for_others: u64 = snapshot.helped.values().map(Counts::bad).sum();
    let bad = counts.bad() + for_others;
    if bad > 0 {
        let mut reasons: Vec<_> = snapshot.reasons.iter().collect();
        reasons.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        let named = reasons
            .iter()
            .take(REASONS)
            .map(|(reason, number)| format!("{reason} {number}"));
        let named: Vec<String> = named.collect();
        let _ = write!(text, ", {} failed or quarantined", grouped(bad));
        if for_others > 0 {
            let _ = write!(text, ", {} of them for others", grouped(for_others));
        }
        if !named.is_empty() {
            let more = if reasons.len() > REASONS { ", …" } else { "" };
            let _ = write!(text, " ({}{more})", named.join(", "));
        }
    }
    if let Some(warning) = snapshot.warnings.first() {
        let _ = write!(text, "; {}: {}", warning.level, warning.what);
    }
    for why in held_back(snapshot) {
        let _ = write!(text, "; {why}");
    }
    text
}

/// How fast it goes, what is in flight, and how long it will take: no rate where nothing may begin, no estimate where the
/// rate says nothing of what is left.
fn speed(snapshot: &Snapshot, left: u64, now: UnixMillis) -> String {
    let rate = snapshot.items_per_minute(now);
    let mut text = if snapshot.paused.is_some() {
        String::new()
    } else {
        format!(", {rate:.0}/min")
    };
    let _ = write!(text, ", {} in flight", snapshot.in_flight);
    let retrying = snapshot.retrying.len();
    if retrying > 0 {
        let _ = write!(text, ", {retrying} waiting for a retry");
    }
    let goes_on = snapshot.paused.is_none() && snapshot.draining.is_none() && !snapshot.waits();
    let most = snapshot.limits.rate.map_or(f64::INFINITY, f64::from);
    if let Some(eta) = eta(left, rate.min(most)).filter(|_| goes_on) {
        let _ = write!(text, ", {eta} left");
    }
    text
}

/// What keeps it from going as fast as it could.
fn held_back(snapshot: &Snapshot) -> Vec<String> {
    let draining = snapshot.draining.as_ref();
    let draining = draining.map(|reason| format!("draining: {reason}"));
    let stopped = draining.or_else(|| snapshot.paused.clone());
    let stops = stopped.is_some();
    let throttle = worst(&snapshot.throttles).filter(|one| !stops || one.limit == 0);
    let limits = snapshot.limits.words.iter();
    let limits = limits.filter(|_| !stops).cloned();
    let throttle = throttle.map(throttled);
    stopped.into_iter().chain(throttle).chain(limits).collect()
}

/// Where a rollback stands.
fn undo(snapshot: &Snapshot) -> String {
    let (done, all) = (snapshot.undo_settled, snapshot.to_undo);
    let all = all.max(done);
    let mut text = format!(
        "{} of {} effects ({})",
        grouped(done),
        grouped(all),
        percent(done, all)
    );
    for why in held_back(snapshot) {
        let _ = write!(text, "; {why}");
    }
    text
}

/// What an audit found so far.
fn findings(snapshot: &Snapshot, words: &Vocabulary) -> String {
    let verdicts = &snapshot.verdicts;
    let found = [
        (verdicts.wrong, "wrong"),
        (verdicts.missing, "missing"),
        (verdicts.could_not_tell, "could not tell"),
    ];
    let mut text = String::new();
    for (number, what) in found.iter().filter(|(number, _)| *number > 0) {
        let _ = write!(text, ", {} {what}", grouped(*number));
    }
    if snapshot.unlisted > 0 {
        let units = of(snapshot.unlisted, words.unit);
        let _ = write!(text, ", {units} not listed to the end");
    }
    text
}

/// A service that is down goes before one that is slow.
fn worst(throttles: &[Throttle]) -> Option<&Throttle> {
    throttles.iter().min_by_key(|throttle| throttle.limit)
}

fn throttled(throttle: &Throttle) -> String {
    let Throttle {
        dependency,
        limit,
        reason,
        retry_seconds,
    } = throttle;
    match (limit, retry_seconds) {
        (0, Some(seconds)) => {
            format!("waiting for {dependency}, next try in {seconds} s ({reason})")
        }
        (0, None) => format!("waiting for {dependency} ({reason})"),
        _ => format!("slow: {dependency} at {limit} ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{InstanceId, Level, Limits, Noun, Reason, Reasons, VerdictCounts, Warning};

    const WORDS: Vocabulary = Vocabulary {
        item: Noun::new("letter", "letters"),
        unit: Noun::new("box", "boxes"),
        owner: Noun::new("sender", "senders"),
        reasons: Reasons::COMMON,
        steps: &[],
        step_groups: &[],
    };

    #[test]
    #[expect(clippy::too_many_lines, reason = "one run, seen again and again")]
    fn the_line_says_how_far_how_fast_and_what_is_wrong() {
        let mut snapshot = Snapshot {
            counts: Counts {
                done: 1_200,
                failed: 3,
                quarantined: 2,
                ..Counts::planned(4_000)
            },
            this_run: Counts {
                done: 205,
                ..Counts::default()
            },
            in_flight: 16,
            started_at: UnixMillis(0),
            ..Snapshot::default()
        };
        snapshot
            .reasons
            .extend([(Reason::new("CORRUPT_CAR"), 2), (Reason::TIMEOUT, 3)]);
        for second in 0..60 {
            snapshot.rate.count(UnixMillis(60_000 + second * 1_000));
        }
        let text = line(&snapshot, UnixMillis(120_000), &WORDS);
        assert!(
            text.starts_with(
                "1,205 of 4,000 letters (30.1 %), 205 in this run, 30/min, 16 in flight, 1 h 14 min to 2 h"
            ),
            "{text}"
        );
        assert!(
            text.ends_with("5 failed or quarantined (TIMEOUT 3, CORRUPT_CAR 2)"),
            "{text}"
        );
        let other = Counts {
            unknown: 1,
            ..Counts::planned(1)
        };
        snapshot.helped.insert(InstanceId::number(2), other);
        snapshot.reasons.insert(Reason::COULD_NOT_TELL, 1);
        let text = line(&snapshot, UnixMillis(120_000), &WORDS);
        assert!(
            text.contains("6 failed or quarantined, 1 of them for others (TIMEOUT 3, "),
            "{text}"
        );
        snapshot.throttles = vec![Throttle {
            dependency: "carpark".into(),
            limit: 2,
            reason: "429".into(),
            retry_seconds: None,
        }];
        assert!(
            line(&snapshot, UnixMillis(120_000), &WORDS).ends_with("; slow: carpark at 2 (429)")
        );
        snapshot.warnings = vec![Warning {
            level: Level::Warning,
            what: "nothing moved for 300 s: the probe of bafy in did:key".into(),
            action: "see".into(),
        }];
        assert!(
            line(&snapshot, UnixMillis(120_000), &WORDS)
                .contains("; warning: nothing moved for 300 s: the probe")
        );
        snapshot.paused = Some("paused by ann: deploy".into());
        let text = line(&snapshot, UnixMillis(120_000), &WORDS);
        assert!(text.ends_with("; paused by ann: deploy"), "{text}");
        assert!(
            text.contains("in this run, 16 in flight, 6 failed"),
            "{text}"
        );
        snapshot.paused = None;
        // A retry is of what it was asked for, whatever else its spaces hold.
        snapshot.asked = Some(210);
        assert!(
            line(&snapshot, UnixMillis(120_000), &WORDS)
                .starts_with("205 of 210 letters (97.6 %), 30/min")
        );
    }

    /// 30 a minute, 3,000 left.
    fn steady() -> Snapshot {
        let mut snapshot = Snapshot {
            counts: Counts {
                done: 1_000,
                ..Counts::planned(4_000)
            },
            this_run: Counts {
                done: 1_000,
                ..Counts::default()
            },
            in_flight: 8,
            ..Snapshot::default()
        };
        for second in 0..60 {
            snapshot.rate.count(UnixMillis(60_000 + second * 1_000));
        }
        snapshot
    }

    fn after_counts(snapshot: &Snapshot) -> String {
        let text = line(snapshot, UnixMillis(120_000), &WORDS);
        let (_, rest) = text.split_once(" (25.0 %)").unwrap();
        rest.to_owned()
    }

    #[test]
    fn an_estimate_is_given_only_while_the_rate_says_something_of_what_is_left() {
        let mut snapshot = steady();
        let usual = ", 30/min, 8 in flight, 1 h 20 min to 2 h 30 min left";
        assert_eq!(after_counts(&snapshot), usual);
        snapshot.draining = Some("SIGTERM".into());
        assert_eq!(
            after_counts(&snapshot),
            ", 30/min, 8 in flight; draining: SIGTERM"
        );
        snapshot.throttles = vec![Throttle {
            dependency: "carpark".into(),
            limit: 0,
            reason: "down: 503".into(),
            retry_seconds: Some(4),
        }];
        let waiting = "waiting for carpark, next try in 4 s (down: 503)";
        assert_eq!(
            after_counts(&snapshot),
            format!(", 30/min, 8 in flight; draining: SIGTERM; {waiting}")
        );
        snapshot.draining = None;
        assert_eq!(
            after_counts(&snapshot),
            format!(", 30/min, 8 in flight; {waiting}")
        );
    }

    #[test]
    fn a_limit_of_the_operator_bounds_the_estimate_and_is_named() {
        let mut snapshot = steady();
        snapshot.limits = Limits {
            rate: Some(10),
            words: vec!["at most 10 started a minute, set by ann@host".into()],
        };
        assert_eq!(
            after_counts(&snapshot),
            ", 30/min, 8 in flight, 4 h to 7 h 30 min left; at most 10 started a minute, set by ann@host"
        );
    }

    #[test]
    fn the_line_of_an_audit_says_what_was_found_and_what_it_waits_for() {
        let snapshot = Snapshot {
            counts: Counts::planned(400),
            verdicts: VerdictCounts {
                ok: 96,
                wrong: 1,
                missing: 2,
                could_not_tell: 1,
            },
            unlisted: 1,
            throttles: vec![Throttle {
                dependency: "indexing-service".into(),
                limit: 0,
                reason: "down: 503".into(),
                retry_seconds: Some(20),
            }],
            ..Snapshot::default()
        };
        let text = line(&snapshot, UnixMillis(1), &WORDS);
        assert!(text.starts_with("100 of 400 letters (25.0 %)"), "{text}");
        assert!(
            text.ends_with(
                ", 1 wrong, 2 missing, 1 could not tell, 1 box not listed to the end; \
                 waiting for indexing-service, next try in 20 s (down: 503)"
            ),
            "{text}"
        );
    }
}
