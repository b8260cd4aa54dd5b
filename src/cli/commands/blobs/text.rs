//! What the commands of `blobs` print for people.

use std::path::Path;

use crate::app::blobs::{
    self, CopyReport, FlipReport, Got, JobStatus, Left, PlanReport, RollbackReport,
};
use crate::app::{AuditReport, readable};
use crate::cli::output::joined;
use crate::cli::summary::{self, beside, count, ending, listed, next, of_all, took};
use crate::model::Noun;

/// What is counted.
const BLOB: Noun = Noun::new("blob", "blobs");

/// The next command, about the same job in the same surroundings.
fn then(command: &str, job: &str, typed: &str) -> String {
    let (command, flags) = command.split_once(' ').unwrap_or((command, ""));
    let whole = format!("sterna blobs {command} --job {job} {flags}");
    next(&beside(whole.trim_end(), typed))
}

/// What `plan` found.
pub(super) fn of_plan(report: &PlanReport, typed: &str) -> String {
    let job = &report.job;
    if report.same_place {
        return format!(
            "job {job}: {} and {} are one place; there is nothing to do",
            report.from, report.to
        );
    }
    let mut lines = vec![format!(
        "job {job}: {}, {}, from {} to {}",
        count(report.blobs, "blob"),
        readable(report.bytes),
        report.from,
        report.to
    )];
    lines.extend(left(&report.left));
    if report.was_planned {
        lines.push("  it was planned before; its progress is kept".to_owned());
    }
    lines.push(if report.dry_run {
        "dry run: nothing was written".to_owned()
    } else {
        then("copy", job, typed)
    });
    joined(&lines)
}

fn left(left: &Left) -> Vec<String> {
    let said = |number: u64, one, many| (number, if number == 1 { one } else { many });
    let parts = [
        said(left.not_blobs, "is not a file", "are not files"),
        said(
            left.unrepresentable,
            "has a name that the target cannot hold",
            "have names that the target cannot hold",
        ),
        said(
            left.not_of_layout,
            "is not of the layout",
            "are not of the layout",
        ),
    ];
    let total: u64 = parts.iter().map(|(number, _)| number).sum();
    if total == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("  left alone: {}", listed(parts, ""))];
    lines.extend(left.named.iter().map(|name| format!("    {name}")));
    let more = total - left.named.len() as u64;
    if more > 0 {
        lines.push(format!("    and {more} more"));
    }
    lines
}

/// What `copy` came to.
pub(super) fn of_copy(report: &CopyReport, typed: &str) -> String {
    let job = &report.job;
    if report.run.is_none() {
        return joined([
            format!("job {job} is {}: there is nothing to copy", report.phase),
            then("status", job, typed),
        ]);
    }
    let mut lines = vec![
        format!("{}; {}", ending(&report.ended), took(report.seconds)),
        format!("job {job}: {}", of_all(&report.counts, BLOB)),
    ];
    for (step, counts) in &report.steps {
        lines.push(format!("  {step}: {} done", counts.applied));
    }
    for (reason, number) in &report.failures {
        let advice = blobs::reasons().advice(*reason);
        lines.push(format!(
            "  {} with {reason}: {advice}",
            count(*number, "blob")
        ));
    }
    for file in &report.files {
        lines.push(format!("  {}", file.display()));
    }
    let bad = report.counts.bad();
    lines.push(match report.phase {
        "copied" => then("flip", job, typed),
        _ if bad > 0 && report.unfinished == 0 => then("copy --retry", job, typed),
        _ => then("copy", job, typed),
    });
    joined(&lines)
}

/// How far jobs are.
pub(super) fn of_status(jobs: &[JobStatus], typed: &str) -> String {
    let lines = jobs.iter().flat_map(|job| {
        let mut lines = vec![
            format!(
                "{}  {}  {} -> {}  {}",
                job.job,
                job.phase,
                job.from,
                job.to,
                readable(job.bytes)
            ),
            format!("  {}", of_all(&job.counts, BLOB)),
        ];
        for (reason, number) in &job.failures {
            lines.push(format!("  {} with {reason}", count(*number, "blob")));
        }
        if !job.held_by.is_empty() {
            lines.push(format!("  held by instance {}", job.held_by.join(", ")));
        }
        lines.extend(
            job.next
                .map(|command| format!("  {}", then(command, &job.job, typed))),
        );
        lines
    });
    joined(lines.collect::<Vec<_>>())
}

/// What `verify` found.
pub(super) fn of_verify(report: &AuditReport, job: &str, typed: &str) -> String {
    let verdicts = &report.verdicts;
    let mut lines = vec![
        format!("{}; {}", ending(&report.ended), took(report.seconds)),
        format!(
            "{}: {}",
            count(verdicts.total(), "blob"),
            summary::verdicts(verdicts)
        ),
    ];
    for blob in &report.items {
        let whys = blob.findings.iter().map(|finding| finding.why.clone());
        let whys: Vec<String> = whys.chain(blob.failure.clone()).collect();
        lines.push(format!(
            "  {} {}: {}",
            blob.verdict.as_str(),
            blob.item,
            whys.join("; ")
        ));
    }
    lines.push(format!("not checked: {}", report.not_checked.join("; ")));
    if let Some(file) = &report.file {
        lines.push(format!("whole report: {}", file.display()));
    }
    let is_bad = verdicts.wrong + verdicts.missing > 0;
    lines.push(then(
        if is_bad { "copy --recheck" } else { "status" },
        job,
        typed,
    ));
    joined(&lines)
}

/// What `flip` came to.
pub(super) fn of_flip(report: &FlipReport, typed: &str) -> String {
    let mut lines = vec![if report.was_done {
        format!(
            "job {} was flipped before: readers ask {}",
            report.job, report.active
        )
    } else {
        format!(
            "job {} is flipped: readers ask {}",
            report.job, report.active
        )
    }];
    if !report.was_done {
        lines.push(format!(
            "  {} found on the target, {} of them read there again",
            count(report.listed, "blob"),
            report.read
        ));
    }
    match &report.pointer {
        Some(pointer) => lines.push(format!("  the pointer {pointer} says so")),
        None => lines.push("  the job has no pointer: tell the readers".to_owned()),
    }
    lines.push(then("verify", &report.job, typed));
    joined(&lines)
}

/// What `rollback` came to.
pub(super) fn of_rollback(report: &RollbackReport, typed: &str) -> String {
    let mut lines = vec![format!(
        "job {} is {}: readers ask {}",
        report.job, report.phase, report.active
    )];
    let dry_run = report.copies.as_ref().is_some_and(|copies| copies.dry_run);
    if report.carried_back > 0 {
        let would = if dry_run { "would be " } else { "" };
        let blobs = count(report.carried_back, "blob");
        lines.push(format!("  {blobs} {would}copied back to the source first"));
    }
    match &report.copies {
        None => lines.push("  copies on the target were left as they are".to_owned()),
        Some(copies) if dry_run => {
            let effects = copies.plan.undone.iter().map(|one| one.effects).sum();
            let copies = BLOB.count(effects);
            lines.push(format!("  {copies} would be removed from the target"));
            lines.push("dry run: nothing was changed".to_owned());
        }
        Some(copies) => {
            let parts = [
                (copies.undone.values().sum(), "removed from the target"),
                (copies.gone, "were gone or written by others"),
                (copies.failed, "could not be removed"),
            ];
            lines.push(format!("  copies: {}", listed(parts, "none were left")));
        }
    }
    lines.push(then("status", &report.job, typed));
    joined(&lines)
}

/// What `get` wrote to a file.
pub(super) fn of_get(got: &Got, path: &Path) -> String {
    format!(
        "{} from {}: {} in {}",
        got.key,
        got.from,
        readable(got.bytes),
        path.display()
    )
}
