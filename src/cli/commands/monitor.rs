//! `monitor`: where the migration stands, from the state tables alone.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::app::{self, StopLevel};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::UsageError;
use crate::cli::output::{reader_is_gone, talk, text};
use crate::cli::summary::count;
use crate::cli::values;
use crate::config::options::Monitor;
use crate::config::{Need, Settings};
use crate::monitor::{Form, View};
use crate::proto::{CustomerDid, SpaceDid};

const EXAMPLES: &str = "Examples:
  sterna monitor
  sterna monitor --watch --interval 10s
  sterna monitor --exact --output json
  sterna monitor --failed --output ndjson

An upload is settled once its outcome is recorded: migrated, already complete, gone from the source, failed, \
quarantined or unknown. A space has ended when all its uploads are settled.";

/// Moves the cursor home and clears what is below, so that a redrawing does not flicker.
const HOME: &str = "\x1b[H\x1b[J";

/// Arguments of `monitor`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag; clap keeps them apart"
)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct MonitorArgs {
    /// Refresh until Ctrl-C, or until nobody reads the output
    #[arg(long)]
    watch: bool,
    /// Refresh this often [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time, requires = "watch")]
    interval: Option<Duration>,
    /// Show this customer, by DID or e-mail address
    #[arg(long, value_name = "CUSTOMER", value_parser = values::customer, group = "view")]
    customer: Option<CustomerDid>,
    /// Show this space
    #[arg(long, value_name = "DID", value_parser = values::space, group = "view")]
    space: Option<SpaceDid>,
    /// Show this instance
    #[arg(long, value_name = "N", value_parser = values::from_one::<u32>)]
    instance: Option<u32>,
    /// List all failed uploads
    #[arg(long)]
    failed: bool,
    /// List all spaces without progress for ten minutes and those of dead instances, with what to do
    #[arg(long, conflicts_with = "failed")]
    stuck: bool,
    /// Sum up all rows now, instead of showing the sum that running instances store
    #[arg(long, conflicts_with_all = ["watch", "customer", "space", "instance", "failed", "stuck"])]
    exact: bool,
}

/// Time between two lines of progress while all rows are summed up.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How often `--watch` looks when no flag says.
const INTERVAL: Duration = Duration::from_secs(30);

/// Looks once, or until stopped.
pub(in crate::cli) async fn run(args: MonitorArgs, context: &Context) -> Result<Exit> {
    check(&args)?;
    let settings = context.settings(Need::State)?;
    let options = Monitor {
        customer: args.customer,
        space: args.space,
        instance: args.instance,
        failed: args.failed,
        stuck: args.stuck,
        exact: args.exact,
    };
    if !args.watch {
        let looking = Box::pin(show_once(&settings, &options, context));
        return context.unless_stopped("show the migration", looking).await;
    }
    let interval = args.interval.unwrap_or(INTERVAL);
    tokio::select! {
        biased;
        watched = Box::pin(watch(&settings, &options, interval, context)) => watched,
        () = context.stop.reached(StopLevel::Drain) => Ok(Exit::Done),
        () = reader_is_gone() => Ok(Exit::Done),
    }
}

/// Refuses views of which a flag would do nothing.
fn check(args: &MonitorArgs) -> Result<(), UsageError> {
    let narrow = args.customer.is_some() || args.space.is_some();
    if args.stuck && args.space.is_some() {
        return Err(UsageError::new(
            "--stuck lists spaces, so --space says nothing more",
            "leave one of them out",
        ));
    }
    if args.instance.is_some() && narrow && !args.failed && !args.stuck {
        return Err(UsageError::new(
            "a customer or space is shown whole, whatever its instance",
            "leave --instance out, or add --failed",
        ));
    }
    Ok(())
}

/// Looks again and again; trouble that may pass is told and outlived.
async fn watch(
    settings: &Settings,
    options: &Monitor,
    interval: Duration,
    context: &Context,
) -> Result<Exit> {
    let redraw = context.output.form() == Form::Text && io::stdout().is_terminal();
    loop {
        if redraw {
            crate::cli::output::bytes(HOME.as_bytes())?;
        }
        if let Err(error) = show_once(settings, options, context).await {
            if Exit::of_error(&error) != Exit::Temporary {
                return Err(error);
            }
            talk(&format!("not shown this time: {error:#}"));
        }
        tokio::time::sleep(interval).await;
        if !redraw && context.output.form() == Form::Text {
            text("")?;
        }
    }
}

async fn show_once(settings: &Settings, options: &Monitor, context: &Context) -> Result<Exit> {
    let mut last = Instant::now();
    let told = move |spaces: u64| {
        if last.elapsed() >= TELL_EVERY {
            last = Instant::now();
            talk(&format!("{} summed up so far", count(spaces, "space")));
        }
    };
    let seen = app::monitor(settings, options, told).await?;
    context.output.answer(&seen, context.paint)?;
    Ok(match seen.view {
        View::Overview(overview) if !overview.missing_tables.is_empty() => Exit::Preflight,
        _ => Exit::Done,
    })
}
