//! `verify`: the audit.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::app::{self, AuditReport, Ended, Reliance};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, joined};
use crate::cli::progress::Progress;
use crate::cli::scope::{Preparing, ScopeArgs};
use crate::cli::summary::{self, beside, count, ending, next, took, unknown_roots};
use crate::cli::values;
use crate::config::options::Verify;
use crate::config::{Need, Settings};
use crate::model::Finding;
use crate::monitor::grouped;

const EXAMPLES: &str =
    "The audit checks every upload in scope and writes nothing to any service or table. Each upload gets the \
worst verdict that applies: wrong, missing, could not tell, ok. It exits with 4 if something is wrong or \
missing, with 14 if some uploads could not be checked or listed, with 3 if roots of --roots-file are \
unknown, and with 6 if it was stopped before the end.

Examples:
  sterna verify --customers-file migration-state/instance-1-customers.json
  sterna verify --customers-file migration-state/instance-1-customers.json --resume
  sterna verify --limit 100
  sterna verify --roots-file roots.txt
  sterna verify --space did:key:z6Mk… --deep
  sterna verify --output json > audit.json";

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("limit", |limit| limit.help(
    "Stop after this many uploads, or `all` [default: all]"
)))]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[arg(long, value_name = "N", value_parser = values::concurrency, help = values::CONCURRENCY_HELP)]
    concurrency: Option<usize>,
    /// Drain after this time
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    max_duration: Option<Duration>,
    /// Read every byte: indexes and each block of the shards
    #[arg(long)]
    deep: bool,
    /// Continue the last audit of the same scope, which was stopped or killed
    #[arg(long)]
    resume: bool,
}

/// Audits.
pub(in crate::cli) async fn run(args: VerifyArgs, context: &Context) -> Result<Exit> {
    let progress = Progress::new();
    let preparing = Preparing::new("audit uploads", &progress, &context.stop);
    let (scope, instance) = args.scope.read_whole(preparing).await?;
    let settings = context.settings(Need::Secrets)?;
    let options = Verify {
        scope,
        instance,
        concurrency: values::in_flight(args.concurrency, &settings),
        max_duration: args.max_duration,
        resume: args.resume,
        deep: args.deep,
    };
    audit(&settings, options, preparing, context).await
}

/// Audits and prints what was found.
pub(super) async fn audit(
    settings: &Settings,
    options: Verify,
    preparing: Preparing<'_>,
    context: &Context,
) -> Result<Exit> {
    let checks = preparing.preflight(settings, Reliance::Auditing);
    Box::pin(checks).await?;
    let progress = preparing.progress;
    let ran = app::verify(settings, options, context.stop.clone(), progress.sink()).await;
    progress.finish();
    let report = ran?;
    let schema = Schema("sterna.audit", 2);
    let text = || lines(&report, &context.typed);
    context.output.result(schema, &report, text)?;
    Ok(Exit::from(&report))
}

pub(in crate::cli) fn lines(report: &AuditReport, typed: &str) -> String {
    let verdicts = &report.verdicts;
    let verdict = summary::verdicts(verdicts);
    let mut lines = vec![
        ending(&report.ended),
        format!(
            "{}: {verdict}; {}",
            count(verdicts.total(), "upload"),
            took(report.seconds)
        ),
    ];
    lines.extend(covered(report));
    for unit in &report.unlisted_units {
        let after = unit.after.as_deref();
        let after = after.map_or_else(|| "nothing".to_owned(), |last| format!("up to {last}"));
        lines.push(format!(
            "  could-not-tell {}: listed {after}: {}",
            unit.unit, unit.failure
        ));
    }
    for item in &report.items {
        let mut whys = whys(&item.findings);
        whys.extend(item.failure.clone());
        lines.push(format!(
            "  {} {} {}: {}",
            item.verdict.as_str(),
            item.unit,
            item.item,
            whys.join("; ")
        ));
    }
    lines.extend(unknown_roots(&report.unknown_items));
    lines.push(format!("not checked: {}", report.not_checked.join("; ")));
    if let Some(file) = &report.file {
        lines.push(format!("whole report: {}", file.display()));
    }
    lines.push(next(&after(report, typed)));
    joined(&lines)
}

/// What is wrong, each thing once: with the steps that find it so, and how often.
fn whys(findings: &[Finding]) -> Vec<String> {
    let mut whys: Vec<(&str, Vec<&str>, BTreeSet<&str>)> = Vec::new();
    for finding in findings {
        let (why, step) = (finding.why.as_str(), finding.step.as_str());
        let Some((_, steps, subjects)) = whys.iter_mut().find(|(said, ..)| *said == why) else {
            whys.push((why, vec![step], BTreeSet::from([&*finding.subject])));
            continue;
        };
        if !steps.contains(&step) {
            steps.push(step);
        }
        subjects.insert(&finding.subject);
    }
    let words = |(why, steps, subjects): (&str, Vec<&str>, BTreeSet<&str>)| {
        let steps = steps.join(", ");
        match subjects.len() {
            0 | 1 => format!("{steps}: {why}"),
            times => format!("{steps}: {why} ({times} times)"),
        }
    };
    whys.into_iter().map(words).collect()
}

/// What to type after an audit; `typed` is its own command.
fn after(report: &AuditReport, typed: &str) -> String {
    let verdicts = &report.verdicts;
    match &report.file {
        _ if matches!(report.ended, Ended::Stopped { .. } | Ended::Trouble { .. }) => {
            if typed.contains("--verify-only") {
                let verify = typed
                    .replace(" migrate", " verify")
                    .replace(" --verify-only", "");
                format!("{verify} --resume")
            } else if typed.contains("--resume") {
                typed.to_owned()
            } else {
                format!("{typed} --resume")
            }
        }
        Some(file) if verdicts.wrong + verdicts.missing > 0 => {
            beside(&format!("sterna retry --audit {}", file.display()), typed)
        }
        _ if verdicts.could_not_tell + report.unlisted > 0 => typed.to_owned(),
        _ => beside("sterna monitor", typed),
    }
}

/// What the verdicts are about, where that is not everything.
fn covered(report: &AuditReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(run) = &report.resumes {
        lines.push(format!(
            "this includes the verdicts of audit {run}, which was stopped"
        ));
    }
    if report.units_whole < report.units {
        let uploads = match report.expected {
            Some(all) => format!(
                "{} of {}",
                grouped(report.verdicts.total()),
                count(all, "upload")
            ),
            None => count(report.verdicts.total(), "upload"),
        };
        lines.push(format!(
            "this covers {uploads}, with {} of {} complete; --resume continues it",
            grouped(report.units_whole),
            count(report.units, "space")
        ));
    }
    if report.unlisted > 0 {
        lines.push(format!(
            "{} could not be listed to the end: what was not listed has no verdict",
            count(report.unlisted, "space")
        ));
    }
    let finished = report.ended == Ended::Finished;
    if finished && !report.adds_up() {
        lines.push(format!(
            "this does not add up: {} listed, {} have a verdict",
            count(report.listed, "upload"),
            grouped(report.verdicts.total())
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{StepName, Verdict};

    #[test]
    fn what_is_wrong_is_said_once_with_the_steps_and_how_often() {
        let finding = |step: &str, subject: &str, why: &str| Finding {
            subject: subject.to_owned(),
            verdict: Verdict::Missing,
            why: why.to_owned(),
            step: StepName::from(step.to_owned()),
            bytes: None,
        };
        let (index, claim) = (
            "no index is registered",
            "no location claim names the space",
        );
        let found = [
            finding("store-index", "bafy", index),
            finding("location-claims", "z1", claim),
            finding("register-index", "bafy", index),
            finding("location-claims", "z2", claim),
        ];
        assert_eq!(
            whys(&found),
            [
                "store-index, register-index: no index is registered",
                "location-claims: no location claim names the space (2 times)"
            ]
        );
    }
}
