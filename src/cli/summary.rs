//! The last words of a command that worked: why it ended, what it did, how far all is, what to type next.
//!
//! Zeros are left out, one word stands for one thing, and the last line is the command to type.

use crate::app::{Ended, RunReport};
use crate::model::{Counts, Noun, VerdictCounts};
pub(super) use crate::monitor::count;
use crate::monitor::{Totals, grouped, span};

/// What the uploads migration counts.
const UPLOAD: Noun = Noun::new("upload", "uploads");

/// `3 ok, 1 wrong`: numbers with their words, without zeros; `none` when all are zero.
pub(super) fn listed<'a>(parts: impl IntoIterator<Item = (u64, &'a str)>, none: &str) -> String {
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", grouped(number)))
        .collect();
    if parts.is_empty() {
        none.to_owned()
    } else {
        parts.join(", ")
    }
}

/// `12 migrated, 3 already complete, 1 quarantined`.
pub(super) fn outcomes(counts: &Counts) -> String {
    let found = counts.found.min(counts.done);
    let parts = [
        (counts.done - found, "migrated"),
        (found, "already complete"),
        (counts.skipped, "gone from the source"),
        (counts.failed, "failed"),
        (counts.quarantined, "quarantined"),
        (counts.unknown, "unknown"),
    ];
    listed(parts, "nothing settled")
}

/// `97 of 160 uploads settled, 63 left`, or that it does not add up.
pub(super) fn of_all(counts: &Counts, item: Noun) -> String {
    let (settled, planned) = (counts.settled(), counts.planned);
    if !counts.add_up() {
        return format!(
            "does not add up: {} settled of {} {}",
            grouped(settled),
            grouped(planned),
            item.of(planned)
        );
    }
    let left = match counts.left() {
        0 => String::new(),
        left => format!(", {} left", grouped(left)),
    };
    format!(
        "{} of {} {} settled{left}",
        grouped(settled),
        grouped(planned),
        item.of(planned)
    )
}

/// `3 ok, 1 wrong`.
pub(super) fn verdicts(verdicts: &VerdictCounts) -> String {
    let parts = [
        (verdicts.ok, "ok"),
        (verdicts.wrong, "wrong"),
        (verdicts.missing, "missing"),
        (verdicts.could_not_tell, "could not tell"),
    ];
    listed(parts, "nothing checked")
}

/// `41.3 s`, `12 min`, `3 h 20 min`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time; the conversion saturates"
)]
pub(super) fn took(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.1} s")
    } else {
        span(seconds as u64)
    }
}

/// Why a run ended, in words.
pub(super) fn ending(ended: &Ended) -> String {
    match ended {
        Ended::Finished => "finished".into(),
        Ended::Limit => "stopped: the limit is reached (--limit)".into(),
        Ended::Stopped { reason, .. } => match &**reason {
            "SIGINT" => "stopped by Ctrl-C (SIGINT)".into(),
            "SIGTERM" => "stopped by SIGTERM".into(),
            "SIGHUP" => "stopped by SIGHUP: the terminal went away".into(),
            _ => format!("stopped: {reason}"),
        },
        Ended::Safety { reason } => format!("stopped by a safety rule: {reason}"),
        Ended::Trouble { reason } => format!("stopped for now: {reason}; safe to run again"),
        Ended::Held { reason } => format!("others hold the rest: {reason}"),
    }
}

/// The last line: the command to type.
pub(super) fn next(command: &str) -> String {
    format!("next: {command}")
}

/// Flags that say where a command works: what is typed next has them too.
const SURROUNDINGS: [&str; 4] = ["--env", "--env-file", "--state-dir", "--state"];

/// Another command of the program in the surroundings of the one that was typed: `sterna monitor` after
/// `sterna --env staging migrate` is `sterna --env staging monitor`.
pub(super) fn beside(command: &str, typed: &str) -> String {
    let mut flags: Vec<String> = Vec::new();
    let mut words = typed.split(' ');
    while let Some(word) = words.next() {
        if SURROUNDINGS.contains(&word) {
            flags.push(format!("{word} {}", words.next().unwrap_or_default()));
        } else if SURROUNDINGS.iter().any(|flag| is_of(word, flag)) {
            flags.push(word.to_owned());
        }
    }
    match command.strip_prefix("sterna ") {
        Some(rest) if !flags.is_empty() => format!("sterna {} {rest}", flags.join(" ")),
        _ => command.to_owned(),
    }
}

/// Whether a word is `flag=value`.
fn is_of(word: &str, flag: &str) -> bool {
    word.strip_prefix(flag)
        .is_some_and(|rest| rest.starts_with('='))
}

/// The same command as a real run: without the flag of its dry run, or, where the environment asked for one, against it.
pub(super) fn for_real(typed: &str) -> String {
    let flags = ["--dry-run", "--analyze"];
    let words: Vec<&str> = typed.split(' ').collect();
    let kept = words.iter().filter(|word| !flags.contains(word));
    let kept: Vec<&str> = kept.copied().collect();
    let text = kept.join(" ");
    if kept.len() == words.len() {
        format!("DRY_RUN=false {text}")
    } else {
        text
    }
}

/// The first lines of every run: why it ended, what it did itself, what it was asked for and how far that is.
pub(super) fn of_run(report: &RunReport) -> Vec<String> {
    let (here, counts) = (&report.this_run, &report.counts);
    let mut lines = vec![
        ending(&report.ended),
        format!("  this run: {}, {}", outcomes(here), took(report.seconds)),
    ];
    if counts != here {
        let outcomes = match counts.settled() {
            0 => String::new(),
            _ => format!(": {}", outcomes(counts)),
        };
        let all = if report.unfinished > 0 && counts.left() == 0 && counts.add_up() {
            // Spaces that nobody counted.
            format!("{} settled so far", count(counts.settled(), "upload"))
        } else {
            of_all(counts, UPLOAD)
        };
        lines.push(format!("  asked:    {all}{outcomes}"));
    }
    lines.extend(report.totals.as_ref().map(of_totals));
    if report.units_without_row > 0 {
        lines.push(format!(
            "  {} of the plan without a row, in no total (was a table recreated?): run `sterna setup`",
            count(report.units_without_row, "space")
        ));
    }
    lines
}

/// `plan: 97 of 160 uploads settled, 63 left, 3 failed or quarantined; 4 of 6 spaces ended`.
pub(super) fn of_totals(totals: &Totals) -> String {
    let bad = match totals.counts.bad() {
        0 => String::new(),
        bad => format!(", {} failed, quarantined or unknown", grouped(bad)),
    };
    let (ended, spaces) = (
        grouped(totals.units.ended()),
        count(totals.units.all(), "space"),
    );
    let age = if totals.live {
        String::new()
    } else {
        format!(" (as of {} ago)", span(totals.age_seconds))
    };
    let uneven = match totals.uneven {
        0 => String::new(),
        uneven => format!("; does not add up in {}", count(uneven, "space")),
    };
    let uploads = of_all(&totals.counts, UPLOAD);
    format!("  plan:     {uploads}{bad}; {ended} of {spaces} ended{age}{uneven}")
}

/// Unknown roots that are named one by one.
const NAMED: usize = 20;

/// The roots that were asked for and that nobody has, in one line.
pub(super) fn unknown_roots(roots: &[String]) -> Option<String> {
    if roots.is_empty() {
        return None;
    }
    let named = roots.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = match roots.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(
            " and {} more: --output json names them",
            grouped(more as u64)
        ),
    };
    let number = count(roots.len() as u64, "unknown root");
    Some(format!("  {number}: {}{more}", named.join(", ")))
}

/// What to type after a run; `typed` is its own command.
pub(super) fn after_run(report: &RunReport, typed: &str) -> String {
    let counts = &report.counts;
    let sterna = |command: &str| beside(command, typed);
    let again = match &report.ended {
        Ended::Stopped { reason, .. } if reason.contains("sterna ctl resume") => {
            format!("{}; then {typed}", sterna("sterna ctl resume"))
        }
        Ended::Limit | Ended::Trouble { .. } | Ended::Stopped { .. } => typed.to_owned(),
        Ended::Safety { .. } => sterna("sterna monitor --failed"),
        Ended::Held { .. } => format!("{}; then {typed}", sterna("sterna monitor")),
        Ended::Finished if counts.failed + counts.unknown > 0 => sterna("sterna retry --failed"),
        Ended::Finished if counts.bad() > 0 => sterna("sterna monitor --failed"),
        Ended::Finished => sterna("sterna monitor"),
    };
    next(&again)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(done: u64, found: u64, quarantined: u64, planned: u64) -> Counts {
        Counts {
            done,
            found,
            quarantined,
            ..Counts::planned(planned)
        }
    }

    #[test]
    fn numbers_are_singular_or_plural_and_zeros_are_left_out() {
        assert_eq!(count(1, "upload"), "1 upload");
        assert_eq!(count(0, "space"), "0 spaces");
        assert_eq!(count(2_000, "space"), "2,000 spaces");
        let text = outcomes(&counts(15, 3, 1, 20));
        assert_eq!(text, "12 migrated, 3 already complete, 1 quarantined");
        assert_eq!(outcomes(&Counts::planned(9)), "nothing settled");
        assert_eq!(
            (took(41.26), took(700.0)),
            ("41.3 s".into(), "12 min".into())
        );
    }

    #[test]
    fn a_run_is_told_apart_from_what_was_before_it() {
        let report = RunReport {
            ended: Ended::Limit,
            this_run: counts(12, 0, 0, 12),
            counts: counts(96, 3, 1, 160),
            seconds: 41.0,
            ..RunReport::default()
        };
        let wanted = [
            "stopped: the limit is reached (--limit)",
            "  this run: 12 migrated, 41.0 s",
            "  asked:    97 of 160 uploads settled, 63 left: 93 migrated, 3 already complete, 1 quarantined",
        ];
        assert_eq!(of_run(&report), wanted);
        assert_eq!(after_run(&report, "sterna migrate"), "next: sterna migrate");
        let all_here = RunReport {
            counts: report.this_run,
            ..report
        };
        assert_eq!(of_run(&all_here).len(), 2);
    }

    #[test]
    fn spaces_that_no_row_counts_are_named() {
        let report = RunReport {
            units_without_row: 4,
            ..RunReport::default()
        };
        let lines = of_run(&report);
        let last = lines.last().map_or("", String::as_str);
        assert!(
            last.starts_with("  4 spaces of the plan without a row"),
            "{last}"
        );
    }

    #[test]
    fn what_does_not_add_up_is_said() {
        assert_eq!(
            of_all(&counts(52, 0, 0, 50), UPLOAD),
            "does not add up: 52 settled of 50 uploads"
        );
        assert_eq!(of_all(&counts(1, 0, 0, 1), UPLOAD), "1 of 1 upload settled");
    }

    #[test]
    fn the_state_of_the_plan_has_its_age_and_says_what_does_not_add_up() {
        let mut totals = Totals {
            live: true,
            counts: counts(94, 0, 3, 160),
            ..Totals::default()
        };
        (totals.units.completed, totals.units.pending) = (4, 2);
        let wanted = "  plan:     97 of 160 uploads settled, 63 left, 3 failed, quarantined or unknown; \
                      4 of 6 spaces ended";
        assert_eq!(of_totals(&totals), wanted);
        (totals.live, totals.age_seconds, totals.uneven) = (false, 40, 1);
        let more = " (as of 40 s ago); does not add up in 1 space";
        assert_eq!(of_totals(&totals), format!("{wanted}{more}"));
    }

    #[test]
    fn unknown_roots_are_named_as_far_as_they_fit() {
        let roots: Vec<String> = (1..=22).map(|number| format!("bafy{number}")).collect();
        let told = |number| unknown_roots(&roots[..number]).unwrap_or_default();
        assert_eq!(told(0), "");
        assert_eq!(told(1), "  1 unknown root: bafy1");
        assert_eq!(told(2), "  2 unknown roots: bafy1, bafy2");
        let all = told(22);
        assert!(all.starts_with("  22 unknown roots: bafy1, "), "{all}");
        assert!(
            all.ends_with(", bafy20 and 2 more: --output json names them"),
            "{all}"
        );
    }

    #[test]
    fn a_dry_run_is_followed_by_the_same_command_for_real() {
        assert_eq!(
            for_real("sterna setup --analyze --instances 2"),
            "sterna setup --instances 2"
        );
        assert_eq!(for_real("sterna init"), "DRY_RUN=false sterna init");
    }

    #[test]
    fn the_next_command_fits_the_end() {
        let stopped = |reason: &str| RunReport {
            ended: Ended::Stopped {
                reason: reason.into(),
                aborted: false,
            },
            ..RunReport::default()
        };
        let next = |report: &RunReport| after_run(report, "sterna migrate --limit all");
        assert_eq!(next(&stopped("SIGINT")), "next: sterna migrate --limit all");
        assert_eq!(
            next(&stopped("drained by ann@host (until `sterna ctl resume`)")),
            "next: sterna ctl resume; then sterna migrate --limit all"
        );
        let bad = |failed, quarantined| RunReport {
            counts: Counts {
                failed,
                quarantined,
                ..Counts::planned(9)
            },
            ..RunReport::default()
        };
        assert_eq!(next(&bad(1, 1)), "next: sterna retry --failed");
        let elsewhere = "sterna --state-dir=/s migrate --env staging --limit 5";
        assert_eq!(
            after_run(&bad(1, 1), elsewhere),
            "next: sterna --state-dir=/s --env staging retry --failed"
        );
        assert_eq!(next(&bad(0, 1)), "next: sterna monitor --failed");
    }
}
