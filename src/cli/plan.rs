//! Dry runs and runs of one step, in words: what would be done, what was done, by step.

use super::summary;
use crate::app::{self, Ended, RunReport, readable};
use crate::model::{Noun, StepCounts, StepDone, StepGroup, StepInfo};

/// The line that stands before the work of every dry run.
pub(super) const NOTICE: &str = "dry run: nothing will be changed";

/// What a dry run found, and what a run would do; `typed` is its own command.
pub(super) fn of_dry_run(report: &RunReport, typed: &str) -> Vec<String> {
    let verdicts = report.verdicts.unwrap_or_default();
    let found = [
        (verdicts.ok, "complete"),
        (verdicts.missing + verdicts.wrong, "with work"),
        (verdicts.could_not_tell, "could not tell"),
    ];
    let mut lines = Vec::new();
    if report.ended != Ended::Finished {
        lines.push(summary::ending(&report.ended));
    }
    let looked = match verdicts.total() {
        0 => String::new(),
        total => format!(
            "; checked {}: {}",
            summary::count(total, "upload"),
            summary::listed(found, "nothing")
        ),
    };
    lines.push(format!(
        "dry run, nothing was changed{looked}; {}",
        summary::took(report.seconds)
    ));
    lines.push(would(report));
    if report.own.ended_spaces > 0 {
        let spaces = summary::count(report.own.ended_spaces, "ended space");
        lines.push(format!(
            "  {spaces} not checked, because a run skips them: --recheck checks them"
        ));
    }
    if report.own.withheld_spaces > 0 {
        let spaces = summary::count(report.own.withheld_spaces, "space");
        let advice = app::gateway_first();
        lines.push(format!("  {spaces} not checked: {advice}"));
    }
    let files = report.files.iter();
    lines.extend(files.map(|file| format!("  {}", file.display())));
    let is_idle = report.would.values().all(|plan| plan.effects == 0);
    let is_all = report.ended == Ended::Finished && report.own.withheld_spaces == 0;
    let next = if is_idle && is_all && verdicts.could_not_tell == 0 {
        summary::beside("sterna monitor", typed)
    } else {
        summary::for_real(typed)
    };
    lines.push(summary::next(&next));
    lines
}

/// `would: store 52 indexes (8.3 MB of CARs to read), publish 118 claims, authorise 4 spaces`.
fn would(report: &RunReport) -> String {
    let planned = app::uploads_vocabulary().steps.iter().filter_map(|step| {
        let plan = report.would.get(&step.name);
        let plan = plan.filter(|plan| plan.effects > 0)?;
        let what = step.makes.count(plan.effects);
        let reads = match plan.bytes_to_read {
            0 => String::new(),
            bytes => format!(" ({} of CARs to read)", readable(bytes)),
        };
        Some(format!("{} {what}{reads}", step.verb))
    });
    let planned: Vec<String> = planned.collect();
    if planned.is_empty() {
        return "would: change nothing".to_owned();
    }
    format!("would: {}", planned.join(", "))
}

/// The first lines of a run of one group of steps: what these did; none of a run of all steps.
pub(super) fn of_one_step(report: &RunReport) -> Option<Vec<String>> {
    let here = &report.this_run;
    let group = app::uploads_vocabulary().step_group(report.only?)?;
    let line = did(group, report);
    let mut lines = vec![
        summary::ending(&report.ended),
        format!("  this run: {line}; {}", summary::took(report.seconds)),
    ];
    if here.bad() > 0 {
        lines.push(format!("  uploads:  {}", summary::outcomes(here)));
    }
    Some(lines)
}

/// `2 indexes stored, 1 upload already complete`: what steps made, and what became of the items.
fn did(group: &StepGroup, report: &RunReport) -> String {
    let (words, here) = (app::uploads_vocabulary(), &report.this_run);
    let steps = words.steps.iter().filter(|step| group.has(&step.name));
    let steps: Vec<&StepInfo> = steps.collect();
    let (mut parts, mut failed) = (Vec::new(), String::new());
    for step in &steps {
        let counts = report.steps.get(&step.name).cloned().unwrap_or_default();
        parts.extend(part(counts.applied, step.makes, step.past));
        if step.done == StepDone::OncePerUnit {
            let already = format!("already {}", step.past);
            parts.extend(part(counts.found, step.makes, &already));
            failed += &not_made(step, &counts);
        }
    }
    let found = here.found.min(here.done);
    if steps.iter().any(|step| step.done == StepDone::Often) {
        parts.extend(part(here.done - found, words.item, "completed"));
    }
    if steps.iter().any(|step| step.done != StepDone::OncePerUnit) {
        parts.extend(part(found, words.item, "already complete"));
    }
    if parts.is_empty() {
        parts.push("nothing done".to_owned());
    }
    parts.join(", ") + &failed
}

/// `; not authorised: 1 MISSING_DELEGATION (…)`: why a step of units failed.
fn not_made(step: &StepInfo, counts: &StepCounts) -> String {
    let reasons = app::uploads_vocabulary().reasons;
    let failed = counts.failed.iter();
    let failed =
        failed.map(|(reason, count)| format!("{count} {reason} ({})", reasons.advice(*reason)));
    let failed: Vec<String> = failed.collect();
    if failed.is_empty() {
        return String::new();
    }
    format!("; not {}: {}", step.past, failed.join(", "))
}

fn part(number: u64, noun: Noun, past: &str) -> Option<String> {
    (number > 0).then(|| format!("{} {past}", noun.count(number)))
}

/// What to type after a run of one step that was gone through: what must come first, or the run of all steps.
pub(super) fn after_one_step(report: &RunReport, typed: &str) -> Option<String> {
    let only = report.only?;
    let flags = [
        format!(" --test-{only}"),
        format!(" --only {only}"),
        format!(" --only={only}"),
    ];
    let withheld = report.lacks_gateway();
    let is_over = match report.ended {
        Ended::Finished => true,
        // More of the same would be withheld again.
        Ended::Limit => withheld,
        _ => false,
    };
    let first = if withheld { " --test-gateway-auth" } else { "" };
    let flag = flags.iter().find(|flag| typed.contains(*flag))?;
    is_over.then(|| summary::next(&typed.replace(flag, first)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::RunFindings;
    use crate::model::{Counts, Reason, StepName, StepPlan, VerdictCounts};

    #[test]
    fn a_dry_run_says_what_would_be_done_by_step_with_bytes() {
        let plan = |effects, bytes_to_read| StepPlan {
            effects,
            bytes_to_read,
        };
        let mut report = RunReport {
            dry_run: true,
            verdicts: Some(VerdictCounts {
                ok: 8,
                missing: 52,
                ..VerdictCounts::default()
            }),
            ..RunReport::default()
        };
        let typed = "sterna migrate --space x --dry-run";
        let idle = of_dry_run(&report, typed);
        assert_eq!(idle[1..], ["would: change nothing", "next: sterna monitor"]);
        let nothing = RunReport {
            verdicts: None,
            own: RunFindings {
                ended_spaces: 3,
                ..RunFindings::default()
            },
            ..report.clone()
        };
        let lines = of_dry_run(&nothing, typed);
        assert_eq!(lines[0], "dry run, nothing was changed; 0.0 s");
        assert!(lines[2].starts_with("  3 ended spaces not checked"));
        let names = app::uploads_vocabulary()
            .steps
            .iter()
            .map(|step| step.name.clone());
        report.would = names
            .zip([plan(1, 0), plan(52, 8_700_000), plan(52, 0), plan(118, 0)])
            .collect();
        let lines = of_dry_run(&report, typed);
        assert!(lines[0].contains("checked 60 uploads: 8 complete, 52 with work; "));
        assert_eq!(
            lines[1],
            "would: authorise 1 space, store 52 indexes (8.3 MiB of CARs to read), register 52 indexes, publish 118 claims"
        );
        assert_eq!(lines[2], "next: sterna migrate --space x");
    }

    #[test]
    fn a_run_of_one_step_says_what_that_step_did() {
        let steps = |name: &str, applied, found, failed: &[(Reason, u64)]| {
            let counts = StepCounts {
                applied,
                found,
                failed: failed.iter().copied().collect(),
            };
            (StepName::from(name.to_owned()), counts)
        };
        let report = |only, steps: Vec<(StepName, StepCounts)>| RunReport {
            only: Some(only),
            steps: steps.into_iter().collect(),
            this_run: Counts {
                done: 15,
                found: 3,
                ..Counts::planned(15)
            },
            ..RunReport::default()
        };
        let index = vec![
            steps("store-index", 11, 0, &[]),
            steps("register-index", 12, 0, &[]),
        ];
        let line = |report: &RunReport| of_one_step(report).unwrap()[1].clone();
        assert_eq!(
            line(&report("index", index)),
            "  this run: 11 indexes stored, 12 indexes registered, 3 uploads already complete; 0.0 s"
        );
        let claims = vec![steps("location-claims", 20, 0, &[])];
        let mut report_of_claims = report("location-claims", claims);
        assert_eq!(
            line(&report_of_claims),
            "  this run: 20 claims published, 12 uploads completed, 3 uploads already complete; 0.0 s"
        );
        let typed = "sterna migrate --test-location-claims --space x";
        let next = |report: &RunReport| after_one_step(report, typed).unwrap();
        assert_eq!(next(&report_of_claims), "next: sterna migrate --space x");
        let withheld = (Reason::new("GATEWAY_NOT_AUTHORIZED"), 2);
        report_of_claims.failures.extend([withheld]);
        assert_eq!(
            next(&report_of_claims),
            "next: sterna migrate --test-gateway-auth --space x"
        );
        report_of_claims.ended = Ended::Limit;
        assert!(next(&report_of_claims).contains("--test-gateway-auth"));
        let gateway = vec![steps(
            "gateway-auth",
            4,
            2,
            &[(Reason::new("MISSING_DELEGATION"), 1)],
        )];
        let line = line(&report("gateway-auth", gateway));
        let begins = "  this run: 4 spaces authorised, 2 spaces already authorised; not authorised: 1 MISSING_DELEGATION (";
        assert!(line.starts_with(begins), "{line}");
        assert!(of_one_step(&RunReport::default()).is_none());
    }
}
