//! `demo`: the whole main job on a local network.

use anyhow::Result;
use clap::Args;

use crate::app;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, outline};
use crate::cli::run::Context;
use crate::cli::values;
use crate::config::Need;
use crate::config::options::{Demo, World};

const EXAMPLES: &str = "Examples:
  sterna demo
  sterna demo --uploads 100 --instances 2 --seed 7 --keep";

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct DemoArgs {
    #[command(flatten)]
    world: WorldArgs,
    /// Number of `migrate` processes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    instances: u32,
    /// Uploads in flight in each process
    #[arg(long, value_name = "N", default_value = "8", value_parser = values::concurrency)]
    concurrency: usize,
    /// Keep the network's data and the state afterwards
    #[arg(long)]
    keep: bool,
}

/// A legacy world to seed.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::cli) struct WorldArgs {
    /// Number of customers
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    customers: u32,
    /// Number of spaces
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    spaces: u32,
    /// Number of uploads
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    uploads: u32,
    /// What content, keys and identifiers are derived from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl From<WorldArgs> for World {
    fn from(args: WorldArgs) -> Self {
        Self {
            customers: args.customers,
            spaces: args.spaces,
            uploads: args.uploads,
            seed: args.seed,
        }
    }
}

/// Runs it and prints the summary.
pub(in crate::cli) async fn run(args: DemoArgs, context: &Context) -> Result<Exit> {
    let options = Demo {
        world: args.world.into(),
        instances: args.instances,
        concurrency: args.concurrency,
        keep: args.keep,
    };
    let settings = context.settings(Need::Nothing)?;
    let summary = app::demo(&settings, options, context.stop.clone()).await?;
    let schema = Schema("sterna.demo", 1);
    context
        .output
        .result(schema, &summary, || outline(&summary))?;
    Ok(Exit::Done)
}
