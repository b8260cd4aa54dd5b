//! Arguments of `blobs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::values;

const CONCURRENCY: &str =
    "Keep this many blobs in flight in this process [env: MAX_CONCURRENCY] [default: 10]";
const PLAN: &str = "Examples:
  sterna blobs plan --job photos --from dir:/data/old --to dir:/data/new
  sterna blobs plan --job cas --from dir:/a --to dir:/b --layout 'digest:{hex:2}/{hex}' --pointer /etc/cas/active.json
  sterna blobs plan --job photos --from dir:/data/old --to dir:/data/new --dry-run

The layout says how keys are made: `plain` takes any key; `digest:` and a template takes keys that are made of the \
SHA-256 or SHA-512 of their bytes, so that each blob is checked against its name before it is published.";
const COPY: &str = "Examples:
  sterna blobs copy --job photos
  sterna blobs copy --job photos --concurrency 32 --max-duration 2h
  sterna blobs copy --job photos --retry

Start it any number of times: processes with the same state share the job. In the local environment the state is \
migration-state/rows.sqlite unless --state names another. Every blob is read back from the target and \
hashed before it counts as done. The first Ctrl-C, SIGTERM or SIGHUP drains; run the same command again to continue.";
const STATUS: &str = "Examples:
  sterna blobs status
  sterna blobs status --job photos --output json";
const VERIFY: &str = "Examples:
  sterna blobs verify --job photos
  sterna blobs verify --job photos --deep

Without --deep, blobs are compared by key and size; with it, every byte of the target is read. Nothing is written there.";
const FLIP: &str = "Examples:
  sterna blobs flip --job photos
  sterna blobs flip --job photos --sample all --yes

Before the flip the source is listed once more: every blob must be on the target with the same size, and a sample is read \
there. Any blob that is not right keeps the gate closed (7), and nothing is changed.";
const ROLLBACK: &str = "Examples:
  sterna blobs rollback --job photos --dry-run
  sterna blobs rollback --job photos --yes
  sterna blobs rollback --job photos --keep-copies

After a flip, blobs that only the target has are copied back to the source first; then readers are sent back; then the \
copies that this job made are removed. Blobs that somebody else wrote stay.";
const GET: &str = "Examples:
  sterna blobs get --job photos 2024/07/cat.jpg > cat.jpg
  sterna blobs get --job cas e3b0c442… --to blob.bin

The backend that readers ask is asked first, then the other one.";

/// The commands of a job.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BlobsCommand {
    /// Count the blobs of the source and write down the job
    Plan(PlanArgs),
    /// Copy what is left, and read every blob back
    Copy(CopyArgs),
    /// Show how far jobs are
    Status(StatusArgs),
    /// Audit the target without writing to it
    Verify(VerifyArgs),
    /// Send readers to the target
    Flip(FlipArgs),
    /// Send readers back and remove the copies
    Rollback(RollbackArgs),
    /// Read one blob, as a reader does
    Get(GetArgs),
}

/// The job that a command is about.
#[derive(Debug, Args)]
pub(super) struct JobArgs {
    /// Name of the job
    #[arg(long, value_name = "NAME", value_parser = values::some_text)]
    pub(super) job: String,
}

/// Arguments of `blobs plan`.
#[derive(Debug, Args)]
#[command(after_help = PLAN)]
pub(in crate::cli) struct PlanArgs {
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Copy from this backend, a folder: `dir:/path`
    #[arg(long, value_name = "URL")]
    pub(super) from: String,
    /// Copy to this backend; a folder is made if it does not exist
    #[arg(long, value_name = "URL")]
    pub(super) to: String,
    /// Expect keys of this layout
    #[arg(long, value_name = "LAYOUT", default_value = "plain")]
    pub(super) layout: String,
    /// Tell readers by this file which backend is active; `flip` replaces it in one step
    #[arg(long, value_name = "FILE")]
    pub(super) pointer: Option<PathBuf>,
    /// Count and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Arguments of `blobs copy`.
#[derive(Debug, Args)]
#[command(after_help = COPY)]
pub(in crate::cli) struct CopyArgs {
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Run as this instance [default: the first number that is free in the state folder]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) instance: Option<u32>,
    #[arg(long, value_name = "N", value_parser = values::concurrency, help = CONCURRENCY)]
    pub(super) concurrency: Option<usize>,
    /// Stop after this many blobs
    #[arg(long, value_name = "N", value_parser = values::from_one::<u64>)]
    pub(super) limit: Option<u64>,
    /// Drain after this time
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    pub(super) max_duration: Option<Duration>,
    /// Try the failed blobs again instead of what is left
    #[arg(long, conflicts_with_all = ["limit", "recheck"])]
    pub(super) retry: bool,
    /// Replace blobs on the target that differ from the source; without it they fail as `TARGET_OCCUPIED`
    #[arg(long)]
    pub(super) replace: bool,
    /// Look at every blob again, also where the copy ended: new blobs are copied
    #[arg(long)]
    pub(super) recheck: bool,
}

/// Arguments of `blobs status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS)]
pub(in crate::cli) struct StatusArgs {
    /// Show only this job
    #[arg(long, value_name = "NAME", value_parser = values::some_text)]
    pub(super) job: Option<String>,
}

/// Arguments of `blobs verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Read every byte
    #[arg(long)]
    pub(super) deep: bool,
    #[arg(long, value_name = "N", value_parser = values::concurrency, help = CONCURRENCY)]
    pub(super) concurrency: Option<usize>,
}

/// Arguments of `blobs flip`.
#[derive(Debug, Args)]
#[command(after_help = FLIP)]
pub(in crate::cli) struct FlipArgs {
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Read this many blobs on the target again, evenly over all of them, or `all`
    #[arg(long, value_name = "N", default_value = "1000", value_parser = values::limit)]
    pub(super) sample: values::Limit,
    /// Change a real network without asking first
    #[arg(long)]
    pub(super) yes: bool,
}

/// Arguments of `blobs rollback`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag; clap keeps them apart"
)]
#[command(after_help = ROLLBACK)]
pub(in crate::cli) struct RollbackArgs {
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Leave the copies on the target
    #[arg(long)]
    pub(super) keep_copies: bool,
    /// Read this journal too: a file, or a folder with journals of other machines
    #[arg(long, value_name = "PATH")]
    pub(super) journal: Vec<PathBuf>,
    /// Remove the copies that are known although journals are missing
    #[arg(long, conflicts_with = "keep_copies")]
    pub(super) allow_missing_journal: bool,
    /// Show what would be undone; change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Change a real network without asking first
    #[arg(long)]
    pub(super) yes: bool,
}

/// Arguments of `blobs get`.
#[derive(Debug, Args)]
#[command(after_help = GET)]
pub(in crate::cli) struct GetArgs {
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Read this blob: its key, or the digest that its key is made of
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Write it to this file, which must not exist yet, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) to: Option<PathBuf>,
}
