//! One line of live progress of a run.

use std::fmt::Write as _;

use super::eta::eta;
use super::table::{grouped, percent};
use crate::model::{Counts, Snapshot, Throttle};

/// Reasons that are named in the line.
const REASONS: usize = 3;

/// Where a run stands at `now` (Unix milliseconds), in one line without colour.
#[must_use]
pub fn line(snapshot: &Snapshot, now: u64) -> String {
    if snapshot.to_undo > 0 {
        return undo(snapshot);
    }
    let counts = &snapshot.counts;
    let rate = snapshot.items_per_minute(now);
    let here = snapshot.this_run.settled();
    let audited = snapshot.verdicts.total();
    let (done, planned) = match snapshot.asked {
        _ if audited > 0 => (audited, counts.planned.max(audited)),
        Some(asked) => (here, asked),
        None => (counts.settled(), counts.planned),
    };
    let mut text = format!("{} of {} uploads", grouped(done), grouped(planned));
    // Writing to a String cannot fail.
    let _ = if done > planned {
        write!(text, " (more than were planned)")
    } else {
        write!(text, " ({})", percent(done, planned))
    };
    if audited == 0 && here != done {
        let _ = write!(text, ", {} in this run", grouped(here));
    }
    let _ = write!(text, ", {rate:.0}/min, {} in flight", snapshot.in_flight);
    if let Some(eta) = eta(planned.saturating_sub(done), rate) {
        let _ = write!(text, ", {eta} left");
    }
    text.push_str(&findings(snapshot));
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
    if let Some(reason) = snapshot.draining.as_ref().or(snapshot.paused.as_ref()) {
        let _ = write!(text, "; {reason}");
    } else if let Some(throttle) = worst(&snapshot.throttles) {
        let _ = write!(text, "; {}", held_back(throttle));
    }
    text
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
    if let Some(reason) = snapshot.draining.as_ref().or(snapshot.paused.as_ref()) {
        let _ = write!(text, "; {reason}");
    }
    text
}

/// What an audit found so far.
fn findings(snapshot: &Snapshot) -> String {
    let verdicts = &snapshot.verdicts;
    let found = [
        (verdicts.wrong, "wrong"),
        (verdicts.missing, "missing"),
        (verdicts.could_not_tell, "could not be told"),
        (snapshot.unlisted, "spaces not listed to their end"),
    ];
    let found = found.iter().filter(|(number, _)| *number > 0);
    let found = found.map(|(number, what)| format!(", {} {what}", grouped(*number)));
    found.collect()
}

/// A service that is down goes before one that is slow.
fn worst(throttles: &[Throttle]) -> Option<&Throttle> {
    throttles.iter().min_by_key(|throttle| throttle.limit)
}

fn held_back(throttle: &Throttle) -> String {
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
    use crate::model::{InstanceId, Level, Reason, VerdictCounts, Warning};

    #[test]
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
            started_at: 0,
            ..Snapshot::default()
        };
        snapshot
            .reasons
            .extend([(Reason::CorruptCar, 2), (Reason::Timeout, 3)]);
        for second in 0..60 {
            snapshot.rate.count(60_000 + second * 1_000);
        }
        let text = line(&snapshot, 120_000);
        assert!(
            text.starts_with(
                "1,205 of 4,000 uploads (30.1 %), 205 in this run, 30/min, 16 in flight, 1 h 14 min to 2 h"
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
        snapshot.reasons.insert(Reason::CouldNotTell, 1);
        let text = line(&snapshot, 120_000);
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
        assert!(line(&snapshot, 120_000).ends_with("; slow: carpark at 2 (429)"));
        snapshot.warnings = vec![Warning {
            level: Level::Warning,
            what: "nothing moved for 300 s: the look of bafy in did:key".into(),
            action: "see".into(),
        }];
        assert!(line(&snapshot, 120_000).contains("; warning: nothing moved for 300 s: the look"));
        snapshot.paused = Some("paused by ann: deploy".into());
        assert!(line(&snapshot, 120_000).ends_with("; paused by ann: deploy"));
        // A retry is of what it was asked for, whatever else its spaces hold.
        snapshot.asked = Some(210);
        assert!(line(&snapshot, 120_000).starts_with("205 of 210 uploads (97.6 %), 30/min"));
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
        let text = line(&snapshot, 1);
        assert!(text.starts_with("100 of 400 uploads (25.0 %)"), "{text}");
        assert!(
            text.ends_with(
                ", 1 wrong, 2 missing, 1 could not be told, 1 spaces not listed to their end; \
                 waiting for indexing-service, next try in 20 s (down: 503)"
            ),
            "{text}"
        );
    }
}
