//! `retry`: only what failed before, or what an audit found.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::migrate::{FAILURE_RATE, report};
use crate::app::{self, Reliance};
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::talk;
use crate::cli::plan;
use crate::cli::progress::Progress;
use crate::cli::scope::{CID_HELP, CUSTOMER_HELP, Preparing, ROOTS_HELP, roots_of};
use crate::cli::values::{self, Limit, UnverifiedHashes};
use crate::config::options::{Retry, Scope};
use crate::config::{Need, Root};
use crate::model::{Class, Reason};
use crate::proto::{CustomerDid, SpaceDid};

const EXAMPLES: &str = "Examples:
  sterna retry --failed
  sterna retry --failed --class transient --since 2h
  sterna retry --failed --step location-claims --dry-run
  sterna retry --failed --reason MISSING_DELEGATION --space did:key:z6Mk…
  sterna retry --audit migration-state/instance-1-audit-6c1f….ndjson

A retry takes the lease of each space, and updates rows and counters. --audit checks every upload in a \
report of `sterna verify`, also in completed spaces, and fixes what it can; what it cannot fix is recorded \
as failed. A cause that blocks a whole space (such as a missing delegation) is one failure: once it is gone, \
all uploads of the space are checked again.";

/// Arguments of `retry`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct RetryArgs {
    /// Retry failed uploads; the other flags narrow the set
    #[arg(long, required_unless_present = "audit")]
    failed: bool,
    /// Retry the uploads in the report of an audit
    #[arg(long, value_name = "FILE", conflicts_with_all = ["failed", "reason", "class", "step", "since", "roots"])]
    audit: Option<PathBuf>,
    /// Select uploads that failed for this reason (repeatable)
    #[arg(long, value_name = "CODE", value_parser = values::reason)]
    reason: Vec<Reason>,
    /// Select uploads that failed with this class (repeatable)
    #[arg(long, value_name = "CLASS", value_parser = values::class)]
    class: Vec<Class>,
    /// Select uploads that failed in this step (repeatable)
    #[arg(long, value_name = "STEP", value_parser = values::step)]
    step: Vec<String>,
    /// Select uploads that failed within this time
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    since: Option<Duration>,
    #[arg(long, value_name = "CUSTOMER", value_parser = values::customer, help = CUSTOMER_HELP)]
    customer: Vec<CustomerDid>,
    /// Select uploads of this space (repeatable)
    #[arg(long, value_name = "DID", value_parser = values::space)]
    space: Vec<SpaceDid>,
    #[arg(long, value_name = "CID", value_parser = values::root, group = "roots", help = CID_HELP)]
    cid: Option<Root>,
    #[arg(long, value_name = "FILE", group = "roots", help = ROOTS_HELP)]
    roots_file: Option<PathBuf>,
    /// Select failures of this instance, and act as it [default: act as 1, select all]
    #[arg(long, value_name = "N", value_parser = values::from_one::<u32>)]
    instance: Option<u32>,
    /// Stop after this many uploads, or `all`
    #[arg(long, value_name = "N", value_parser = values::limit, default_value = "all")]
    limit: Limit,
    #[arg(long, value_name = "N", value_parser = values::concurrency, help = values::CONCURRENCY_HELP)]
    concurrency: Option<usize>,
    /// Stop if more than this percentage of uploads fails unexpectedly [default: 5%]
    #[arg(long, value_name = "PCT", value_parser = values::percent)]
    max_failure_rate: Option<f64>,
    /// Handle blocks whose hash function Sterna cannot compute: quarantine the upload as `UNVERIFIABLE_HASH`, or index the
    /// blocks unchecked and count them
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "quarantine",
        conflicts_with = "dry_run"
    )]
    unverified_hashes: UnverifiedHashes,
    #[arg(long, help = "Show what would change; write nothing [env: DRY_RUN]", conflicts_with_all = ["max_failure_rate", "yes"])]
    dry_run: bool,
    /// Change a real network without asking first
    #[arg(long)]
    yes: bool,
}

/// Takes failed uploads up again.
pub(in crate::cli) async fn run(args: RetryArgs, context: &Context) -> Result<Exit> {
    let roots = roots_of(args.cid.as_ref(), args.roots_file.as_deref())?;
    let settings = context.settings(Need::Secrets)?;
    let dry_run = args.dry_run || settings.dry_run;
    let progress = Progress::of_run();
    let reliance = if dry_run {
        talk(plan::NOTICE);
        progress.name_no_run();
        Reliance::Auditing
    } else {
        let what = if args.audit.is_some() {
            "migrate uploads that an audit found"
        } else {
            "migrate failed uploads"
        };
        confirm(settings.environment, (args.yes, what), &context.stop)?;
        Reliance::Migrating
    };
    let preparing = Preparing::new("migrate failed uploads", &progress, &context.stop);
    preparing.preflight(&settings, reliance).await?;
    let limit = match args.limit {
        Limit::All => None,
        Limit::AtMost(limit) => Some(limit),
    };
    let nothing = if args.audit.is_some() {
        "no upload in the report is selected: nothing to retry"
    } else {
        "no failed upload fits: nothing to retry; see `sterna monitor --failed`"
    };
    let options = Retry {
        scope: Scope {
            only_customers: args.customer,
            only_spaces: args.space,
            roots,
            limit,
            ..Scope::default()
        },
        audit: args.audit,
        reasons: args.reason,
        classes: args.class,
        steps: args.step,
        dry_run,
        since: args.since,
        only_instance: args.instance,
        instance: args.instance.unwrap_or(1),
        concurrency: values::in_flight(args.concurrency, &settings),
        max_failure_rate: args.max_failure_rate.unwrap_or(FAILURE_RATE),
        index_unverified: args.unverified_hashes == UnverifiedHashes::Index,
    };
    let ran = app::retry(&settings, options, context.stop.clone(), progress.sink()).await;
    progress.finish();
    let ran = ran?;
    if ran.counts.planned == 0 {
        talk(nothing);
    }
    report(&ran, context)
}
