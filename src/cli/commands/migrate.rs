//! `migrate`: the run.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::verify;
use crate::app::{self, LegacyFinding, Reliance, RunReport};
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::UsageError;
use crate::cli::output::{Schema, joined, talk};
use crate::cli::plan;
use crate::cli::progress::Progress;
use crate::cli::scope::{Preparing, ScopeArgs};
use crate::cli::summary;
use crate::cli::values::{self, UnverifiedHashes};
use crate::config::Need;
use crate::config::options::{Migrate, Verify};
use crate::model::{Reason, StepGroup};
use crate::monitor::in_words;

const EXAMPLES: &str = "Examples:
  sterna migrate --customers-file migration-state/instance-1-customers.json --concurrency 16
  sterna migrate --customers-file migration-state/instance-1-customers.json --steal
  sterna migrate --space did:key:z6Mk… --limit 50 --dry-run
  sterna migrate --cid bafy… --test-index
  cut -f1 roots.tsv | sterna migrate --roots-file -
  sterna migrate --customers-file migration-state/instance-1-customers.json --recheck
  sterna migrate --customer alice@example.com --verify-only

The first Ctrl-C, SIGTERM or SIGHUP drains: the run starts nothing new, settles what is in flight and exits \
with 6. It waits at most two minutes, and ten seconds for a service that is down. The second signal aborts, \
the third exits at once. Before the work starts, the first signal ends the command, and nothing has changed.";

/// Share of unexpected failures that stops a run when no flag says.
pub(super) const FAILURE_RATE: f64 = 0.05;
/// Places in which the existing tool left something that are named in text.
const NAMED: usize = 20;
/// Settled uploads between two checkpoints when no flag says.
const CHECKPOINT_EVERY: u64 = 100;
/// Uploads left above which a space is split.
const SPLIT_ABOVE: u64 = 200_000;

/// Arguments of `migrate`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag; clap keeps them apart"
)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct MigrateArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[arg(long, value_name = "N", value_parser = values::concurrency, help = values::CONCURRENCY_HELP)]
    concurrency: Option<usize>,
    #[arg(long, value_name = "STEPS", group = "mode", value_parser = values::step_group, help = values::only_help())]
    only: Option<&'static StepGroup>,
    /// Only build, store and register indexes; like the other test modes, record no progress of uploads
    #[arg(long, group = "mode")]
    test_index: bool,
    /// Only republish location claims, in spaces whose gateway is authorised (run --test-gateway-auth first, otherwise 8)
    #[arg(long, group = "mode")]
    test_location_claims: bool,
    /// Only authorise the gateway, once per space; --limit then counts spaces
    #[arg(long, group = "mode")]
    test_gateway_auth: bool,
    /// Only audit, the whole scope unless --limit is given; same as `verify`
    #[arg(long, group = "mode", conflicts_with_all = ["dry_run", "checkpoint_every", "max_failure_rate"])]
    verify_only: bool,
    /// Process again the spaces that the existing tool completed: advertise their claims again and fix what is wrong
    #[arg(long, conflicts_with_all = ["mode", "dry_run", "roots"])]
    repair: bool,
    /// Check every upload in scope again, also in completed spaces: make sure that indexes, shards and delegations still
    /// exist, and fix what is wrong. Run the same command again to continue after a stop
    #[arg(long, conflicts_with_all = ["mode", "repair", "roots"])]
    recheck: bool,
    #[arg(long, help = "Show what would change; write nothing [env: DRY_RUN]", conflicts_with_all = ["checkpoint_every", "max_failure_rate"])]
    dry_run: bool,
    /// After finishing its own share, help others: take spaces that nobody has started or whose holder is dead, and parts
    /// of very large spaces
    #[arg(long, conflicts_with_all = ["mode", "dry_run", "roots"])]
    steal: bool,
    /// Split a space with more than N uploads left into parts of N/4 uploads (at most 256 parts), which instances with
    /// --steal share [default: 200000]
    #[arg(long, value_name = "N", value_parser = values::from_one::<u64>, conflicts_with_all = ["mode", "dry_run", "roots"])]
    split_above: Option<u64>,
    /// Write a checkpoint after this many settled uploads [default: 100]
    #[arg(long, value_name = "N", value_parser = values::from_one::<u64>, conflicts_with = "roots")]
    checkpoint_every: Option<u64>,
    /// Drain after this time
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    max_duration: Option<Duration>,
    /// Stop if more than this percentage of uploads fails unexpectedly [default: 5%]
    #[arg(long, value_name = "PCT", value_parser = values::percent)]
    max_failure_rate: Option<f64>,
    /// Accept that this percentage of uploads fails for a reason that lies in the data (`MISSING_BLOB=30%`). Any other
    /// such reason stops the run at 20% of the last 200 uploads in three or more spaces: a wrong setting looks like that
    #[arg(long, value_name = "REASON=PCT", value_parser = values::expected, conflicts_with_all = ["verify_only", "dry_run"])]
    expect: Vec<(Reason, f64)>,
    /// Handle blocks whose hash function Sterna cannot compute: quarantine the upload as `UNVERIFIABLE_HASH`, or index the
    /// blocks unchecked and count them
    #[arg(long, value_name = "WHAT", default_value = "quarantine", conflicts_with_all = ["verify_only", "dry_run", "test_location_claims", "test_gateway_auth"])]
    unverified_hashes: UnverifiedHashes,
    /// Change a real network without asking first
    #[arg(long)]
    yes: bool,
}

impl MigrateArgs {
    /// The steps to make; none for all of them. The existing tool has a flag for each group.
    fn only(&self) -> Option<&'static StepGroup> {
        let flags = [
            (self.test_index, "index"),
            (self.test_location_claims, "location-claims"),
            (self.test_gateway_auth, "gateway-auth"),
        ];
        let given = flags.into_iter().find(|(is_given, _)| *is_given);
        let named = given.and_then(|(_, name)| app::uploads_vocabulary().step_group(name));
        self.only.or(named)
    }
}

/// Migrates, or audits with `--verify-only`.
pub(in crate::cli) async fn run(args: MigrateArgs, context: &Context) -> Result<Exit> {
    if args.verify_only {
        return verify_only(args, context).await;
    }
    let progress = Progress::of_run();
    let preparing = Preparing::new("migrate uploads", &progress, &context.stop);
    let (scope, instance) = args.scope.read(preparing).await?;
    let settings = context.settings(Need::Secrets)?;
    refuse_dry_repair(args.repair, settings.dry_run)?;
    let concurrency = values::in_flight(args.concurrency, &settings);
    let options = Migrate {
        only: args.only(),
        scope,
        repair: args.repair,
        recheck: args.recheck,
        dry_run: args.dry_run || settings.dry_run,
        instance,
        steal: args.steal,
        split_above: args.split_above.unwrap_or(SPLIT_ABOVE),
        concurrency,
        checkpoint_every: args.checkpoint_every.unwrap_or(CHECKPOINT_EVERY),
        max_duration: args.max_duration,
        max_failure_rate: args.max_failure_rate.unwrap_or(FAILURE_RATE),
        expected: args.expect.into_iter().collect(),
        index_unverified: args.unverified_hashes == UnverifiedHashes::Index,
    };
    let reliance = if options.dry_run {
        talk(plan::NOTICE);
        progress.name_no_run();
        Reliance::Auditing
    } else {
        let asked = (args.yes, "migrate uploads");
        confirm(settings.environment, asked, &context.stop)?;
        Reliance::Migrating
    };
    preparing.preflight(&settings, reliance).await?;
    let ran = app::migrate(&settings, options, context.stop.clone(), progress.sink()).await;
    progress.finish();
    report(&ran?, context)
}

/// `--dry-run` and `--repair` exclude each other, and so do `DRY_RUN` and `--repair`: a repair advertises claims again
/// that are there already, which no look can tell beforehand.
fn refuse_dry_repair(repair: bool, dry_run: bool) -> Result<(), UsageError> {
    if repair && dry_run {
        return Err(UsageError::new(
            "--repair has no dry run (DRY_RUN is set): it advertises claims again that are there already",
            "leave DRY_RUN out; `sterna verify` says what is missing or wrong",
        ));
    }
    Ok(())
}

/// The same as `verify` of the whole scope.
async fn verify_only(args: MigrateArgs, context: &Context) -> Result<Exit> {
    let progress = Progress::new();
    let preparing = Preparing::new("audit uploads", &progress, &context.stop);
    let (scope, instance) = args.scope.read_whole(preparing).await?;
    let settings = context.settings(Need::Secrets)?;
    let options = Verify {
        scope,
        instance,
        concurrency: values::in_flight(args.concurrency, &settings),
        max_duration: args.max_duration,
        resume: false,
        deep: false,
    };
    verify::audit(&settings, options, preparing, context).await
}

/// Prints what a run did.
pub(super) fn report(report: &RunReport, context: &Context) -> Result<Exit> {
    let schema = Schema("sterna.run", 1);
    let text = || lines(report, &context.typed);
    let value = in_words(report, app::uploads_vocabulary())?;
    context.output.result(schema, &value, text)?;
    Ok(Exit::from(report))
}

pub(in crate::cli) fn lines(report: &RunReport, typed: &str) -> String {
    if report.dry_run {
        let mut lines = plan::of_dry_run(report, typed);
        lines.extend(summary::unknown_roots(&report.unknown_items));
        return joined(&lines);
    }
    let mut lines = plan::of_one_step(report).unwrap_or_else(|| summary::of_run(report));
    if let Some(run) = &report.run {
        let plan = report.plan.as_ref();
        let plan = plan.map_or_else(String::new, |plan| format!(", plan {}", plan.short()));
        lines.push(format!("  run {run}{plan}"));
    }
    for (owner, counts) in &report.helped {
        let outcomes = summary::outcomes(counts);
        lines.push(format!("  helped instance {owner}: {outcomes}"));
    }
    if report.unfinished > 0 {
        lines.push(unfinished(report));
    }
    if report.own.unverified_blocks > 0 {
        let blocks = summary::count(report.own.unverified_blocks, "block");
        lines.push(format!(
            "  {blocks} indexed without a check: their hash functions are not computed here"
        ));
    }
    let reasons = app::uploads_vocabulary().reasons;
    for (reason, count) in &report.failures {
        let uploads = summary::count(*count, "upload");
        lines.push(format!(
            "  {uploads} with {reason}: {}",
            reasons.advice(*reason)
        ));
    }
    lines.extend(differences(&report.own.differences));
    for file in &report.files {
        lines.push(format!("  {}", file.display()));
    }
    lines.extend(summary::unknown_roots(&report.unknown_items));
    let next = plan::after_one_step(report, typed);
    lines.push(next.unwrap_or_else(|| summary::after_run(report, typed)));
    joined(&lines)
}

/// `4 spaces still have work`; a run of one step says nothing of what it did not look at.
fn unfinished(report: &RunReport) -> String {
    let spaces = summary::count(report.unfinished, "space");
    let (has, was) = match report.unfinished {
        1 => ("has", "was"),
        _ => ("have", "were"),
    };
    if report.only.is_some() {
        format!("  {spaces} {was} not gone through to the end")
    } else {
        format!("  {spaces} still {has} work")
    }
}

/// The first things that the existing tool had left, one line each.
pub(super) fn differences(all: &[LegacyFinding]) -> Vec<String> {
    let mut lines = Vec::new();
    if !all.is_empty() {
        lines.push(format!(
            "left by the existing tool, in {}:",
            summary::count(all.len() as u64, "place")
        ));
    }
    lines.extend(all.iter().take(NAMED).map(|one| {
        let space = one.space.as_ref();
        let space = space.map_or_else(String::new, |space| format!(" {space}"));
        let mark = if one.needs_a_look {
            "needs attention: "
        } else {
            ""
        };
        format!(
            "  {mark}{}{space}: {}; {}",
            one.customer, one.found, one.done
        )
    }));
    if all.len() > NAMED {
        let more = all.len() - NAMED;
        lines.push(format!("  and {more} more: --output json names them"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_has_no_dry_run_whoever_asks_for_one() {
        assert!(refuse_dry_repair(true, true).is_err());
        assert!(refuse_dry_repair(true, false).is_ok());
        assert!(refuse_dry_repair(false, true).is_ok());
    }

    #[test]
    fn a_run_of_one_step_claims_no_work_in_spaces_that_it_did_not_probe() {
        let mut report = RunReport {
            unfinished: 1,
            ..RunReport::default()
        };
        assert_eq!(unfinished(&report), "  1 space still has work");
        report.only = Some("index");
        report.unfinished = 4;
        assert_eq!(
            unfinished(&report),
            "  4 spaces were not gone through to the end"
        );
    }
}
