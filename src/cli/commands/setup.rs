//! `setup`: count uploads, distribute customers over instances.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::migrate;
use crate::app::{self, PlanReport, Reliance, SetupReport};
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, table, talk};
use crate::cli::plan;
use crate::cli::progress::Progress;
use crate::cli::scope::Preparing;
use crate::cli::summary::{self, count};
use crate::cli::values;
use crate::config::Need;
use crate::config::options::Setup;
use crate::monitor::{in_words, printable};

const EXAMPLES: &str = "Examples:
  sterna setup --instances 3 --analyze
  sterna setup --instances 5 --split-over 100% --skip-file skip.txt

The result is a plan: it assigns each space to one instance. If no space moves, a second run gives the same \
plan and changes nothing. A different plan replaces the current one: older customers files are refused from \
then on (13), but no status, counter or position is lost. `setup` refuses to replace a plan while running \
instances would lose spaces.";

/// Arguments of `setup`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct SetupArgs {
    /// Distribute over this many instances
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    instances: u32,
    /// Scan in this many parallel segments
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    parallel_segments: u32,
    /// Write this number of workers into the file of each instance
    #[arg(long, value_name = "N", value_parser = values::from_one::<u32>)]
    workers_per_instance: Option<u32>,
    /// Leave out customers with fewer uploads
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_uploads: u64,
    /// Select customers with this DID, e-mail address, domain or name; a domain or name must match a whole part of the DID
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Leave out the customers in this file, one DID or e-mail address per line (`#` starts a comment), or a JSON list;
    /// `-` reads standard input
    #[arg(long, value_name = "FILE")]
    skip_file: Option<PathBuf>,
    /// Split a customer by space if it is larger than this percentage of an instance's share
    #[arg(long, value_name = "PCT", value_parser = share)]
    split_over: Option<f64>,
    #[arg(
        long,
        visible_alias = "dry-run",
        help = "Print the distribution and write nothing [env: DRY_RUN]"
    )]
    analyze: bool,
    /// Replace the plan even if running instances lose spaces
    #[arg(long, conflicts_with = "analyze")]
    while_running: bool,
    /// Write rows on a real network without asking first
    #[arg(long, conflicts_with = "analyze")]
    yes: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse::<f64>().ok();
    let fits = number.filter(|number| number.is_finite() && *number > 0.0);
    fits.ok_or_else(|| "write a percentage above 0, such as 100%".into())
}

/// Counts, distributes, writes.
pub(in crate::cli) async fn run(args: SetupArgs, context: &Context) -> Result<Exit> {
    let settings = context.settings(Need::Network)?;
    let analyze = args.analyze || settings.dry_run;
    let reliance = if analyze {
        talk(plan::NOTICE);
        Reliance::Counting
    } else {
        let asked = (args.yes, "write customer and progress rows");
        confirm(settings.environment, asked, &context.stop)?;
        Reliance::Distributing
    };
    let progress = Progress::new();
    let preparing = Preparing::new("distribute customers", &progress, &context.stop);
    preparing.preflight(&settings, reliance).await?;
    let options = Setup {
        instances: args.instances,
        parallel_segments: args.parallel_segments,
        workers_per_instance: args.workers_per_instance,
        min_uploads: args.min_uploads,
        filter: args.filter,
        skip_file: args.skip_file,
        split_over_percent: args.split_over,
        analyze,
        while_running: args.while_running,
    };
    let ends = (context.stop.clone(), progress.sink());
    let report = app::setup(&settings, options, ends).await;
    progress.finish();
    let report = report?;
    let schema = Schema("sterna.setup", 1);
    let text = || rows(&report, &context.typed);
    let value = in_words(&report, app::uploads_vocabulary())?;
    context.output.result(schema, &value, text)?;
    Ok(Exit::Done)
}

/// The plan in a line, and what it changes.
fn of_plan(plan: &PlanReport, analyzed_only: bool) -> String {
    let id = plan.id.get(..8).unwrap_or(&plan.id);
    let is = if plan.was_in_force {
        "is already in force: no space moves"
    } else if analyzed_only {
        "would be new"
    } else {
        "is in force now"
    };
    let mut text = format!("\nplan {id} {is}");
    if let Some(before) = &plan.replaces {
        let replaced = format!(
            "; it replaces plan {} ({}), made {} by {}: {}",
            before.id.get(..8).unwrap_or(&before.id),
            before.shaped_by,
            before.made_at,
            before.made_by,
            changes(plan)
        );
        text.push_str(&printable(&replaced));
        text.push_str(if plan.units_moved + plan.units_left_out == 0 {
            "\nno work moves: running instances continue, and their customers files stay valid as long as everything \
             in them stays assigned to them"
        } else {
            "\nolder customers files are refused if they name work that now belongs to another instance"
        });
        if !analyzed_only {
            text.push_str("\ncopy the customers files to their instances");
        }
    }
    text
}

/// `2 spaces with work left move, 1 new, 3 left out`, without zeros.
fn changes(plan: &PlanReport) -> String {
    let some = |number, one: &str, many: &str| {
        let verb = if number == 1 { one } else { many };
        (number > 0).then(|| format!("{} {verb}", count(number, "space")))
    };
    let parts = [
        some(
            plan.units_moved,
            "with work left moves",
            "with work left move",
        ),
        some(plan.units_new, "is new", "are new"),
        some(plan.units_left_out, "is left out", "are left out"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "no space with work left moves".to_owned()
    } else {
        parts.join(", ")
    }
}

pub(in crate::cli) fn rows(report: &SetupReport, typed: &str) -> String {
    let rows: Vec<Vec<String>> = report
        .instances
        .iter()
        .map(|share| {
            let file = share.file.as_ref();
            let file = file.map_or_else(|| "-".into(), |file| file.display().to_string());
            let numbers = [share.customers, share.spaces, share.uploads];
            let mut cells = vec![share.instance.to_string()];
            cells.extend(numbers.map(|number| number.to_string()));
            cells.push(file);
            cells
        })
        .collect();
    let mut text = table(
        &["INSTANCE", "CUSTOMERS", "SPACES", "UPLOADS", "FILE"],
        &rows,
    );
    let _ = write!(
        text,
        "\n{}, {}, {}; spread of load {:.2} %",
        count(report.customers, "customer"),
        count(report.spaces, "space"),
        count(report.uploads, "upload"),
        report.spread_percent
    );
    text.push_str(&of_plan(&report.plan, report.analyzed_only));
    for note in &report.notes {
        let _ = write!(text, "\nnote: {}", printable(note));
    }
    for line in migrate::differences(&report.differences) {
        let _ = write!(text, "\n{}", printable(&line));
    }
    if report.analyzed_only {
        text.push_str("\nnothing was written");
    }
    let _ = write!(text, "\n{}", summary::next(&after(report, typed)));
    text
}

/// What to type after it.
fn after(report: &SetupReport, typed: &str) -> String {
    if report.analyzed_only {
        return summary::for_real(typed);
    }
    let mut files = report
        .instances
        .iter()
        .filter_map(|share| share.file.as_ref());
    let command = files.next().map_or_else(
        || "sterna monitor".to_owned(),
        |file| format!("sterna migrate --customers-file {}", file.display()),
    );
    summary::beside(&command, typed)
}
