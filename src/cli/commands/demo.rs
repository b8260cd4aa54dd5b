//! `demo`: the whole main job on a local network.

mod lines;
mod live;

use anyhow::Result;
use clap::Args;

use self::live::Live;
use crate::app;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, talk_lines};
use crate::cli::summary::next;
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
    /// Start this many `migrate` processes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    instances: u32,
    /// Keep this many uploads in flight in each process
    #[arg(long, value_name = "N", default_value = "8", value_parser = values::concurrency)]
    concurrency: usize,
    /// Keep the local network running until Ctrl-C, to try commands on it (its folder is kept in any case)
    #[arg(long)]
    keep: bool,
}

/// A legacy world to seed.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::cli) struct WorldArgs {
    /// Seed this many customers
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = values::from_one::<u32>)]
    customers: u32,
    /// Seed this many spaces
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = values::from_one::<u32>)]
    spaces: u32,
    /// Seed this many uploads
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = values::from_one::<u32>)]
    uploads: u32,
    /// Derive content and identifiers from this number
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

/// Runs it, shows how it goes, and prints the summary.
pub(in crate::cli) async fn run(args: DemoArgs, context: &Context) -> Result<Exit> {
    let options = Demo {
        world: args.world.into(),
        instances: args.instances,
        concurrency: args.concurrency,
    };
    let settings = context.settings(Need::Nothing)?;
    let live = Live::new(context.talk);
    let ran = app::demo(&settings, options, context.stop.clone(), live.tell()).await;
    live.finish();
    let demonstrated = ran?;
    let summary = &demonstrated.summary;
    let schema = Schema("sterna.demo", 1);
    let after = (!args.keep).then(|| next(&format!("{} --keep", context.typed)));
    let table = |paint| {
        let blocks = std::iter::once(lines::summary(summary, paint)).chain(after.clone());
        blocks.collect::<Vec<_>>().join("\n")
    };
    context
        .output
        .painted(schema, summary, table, context.paint)?;
    if args.keep {
        talk_lines(&lines::to_try(summary, demonstrated.example.as_deref()));
        demonstrated.stay(&context.stop).await;
    } else {
        demonstrated.end().await;
    }
    Ok(Exit::Done)
}
