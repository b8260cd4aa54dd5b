//! `monitor`: where the migration stands, from the state tables alone.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::app::{self, Degree};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, Schema, text};
use crate::cli::run::Context;
use crate::cli::values;
use crate::config::options::Monitor;
use crate::config::{Need, Settings};
use crate::model::{CustomerDid, SpaceDid};
use crate::monitor;

const EXAMPLES: &str = "Examples:
  sterna monitor
  sterna monitor --watch --interval 10s
  sterna monitor --failed --output ndjson";

/// Moves the cursor home and clears what is below, so that a redrawing does not flicker.
const HOME: &str = "\x1b[H\x1b[J";

/// Arguments of `monitor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct MonitorArgs {
    /// Look again and again
    #[arg(long)]
    watch: bool,
    /// Time between two looks [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::some_time, requires = "watch")]
    interval: Option<Duration>,
    /// Only this customer
    #[arg(long, value_name = "DID", value_parser = values::customer, group = "view")]
    customer: Option<CustomerDid>,
    /// Only this space
    #[arg(long, value_name = "DID", value_parser = values::space, group = "view")]
    space: Option<SpaceDid>,
    /// Only this instance
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    instance: Option<u32>,
    /// Only failed uploads, all of them
    #[arg(long)]
    failed: bool,
    /// Only spaces without progress for a while, all of them
    #[arg(long, conflicts_with = "failed")]
    stuck: bool,
}

/// How often `--watch` looks when no flag says.
const INTERVAL: Duration = Duration::from_secs(30);

/// Looks once, or until stopped.
pub(in crate::cli) async fn run(args: MonitorArgs, context: &Context) -> Result<Exit> {
    let settings = context.settings(Need::State)?;
    let options = Monitor {
        customer: args.customer,
        space: args.space,
        instance: args.instance,
        failed: args.failed,
        stuck: args.stuck,
    };
    if !args.watch {
        look(&settings, &options, context).await?;
        return Ok(Exit::Done);
    }
    let redraw = context.output == Output::Table && io::stdout().is_terminal();
    loop {
        if redraw {
            crate::cli::output::bytes(HOME.as_bytes())?;
        }
        look(&settings, &options, context).await?;
        tokio::select! {
            () = tokio::time::sleep(args.interval.unwrap_or(INTERVAL)) => {}
            () = context.stop.reached(Degree::Drain) => return Ok(Exit::Done),
        }
        if !redraw && context.output == Output::Table {
            text("")?;
        }
    }
}

async fn look(settings: &Settings, options: &Monitor, context: &Context) -> Result<()> {
    let seen = app::monitor(settings, options).await?;
    let schema = Schema(monitor::SCHEMA, monitor::VERSION);
    context
        .output
        .result(schema, &seen, || seen.text(context.paint))
}
