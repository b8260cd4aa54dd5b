//! `sandbox`: the local network alone.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::demo::WorldArgs;
use crate::app::{self, StopReport};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, json, outline, table, talk};
use crate::cli::summary::{beside, count, next};
use crate::cli::values;
use crate::config::Need;
use crate::config::options::SandboxStart;

const START: &str = "Examples:
  sterna sandbox start
  sterna sandbox start --latency 50ms --env-file sandbox.env
  sterna sandbox start &

Keys and proofs are never printed: the line names the files that hold them, which only their owner can read. \
The network runs until Ctrl-C, SIGTERM or `sterna sandbox stop`. A second one on the same folder exits with \
11.";
const SEED: &str = "Examples:
  sterna sandbox seed
  sterna sandbox seed --customers 3 --spaces 5 --uploads 20 --seed 7

`seed` and `demo` only fill the local network, so both ignore DRY_RUN.";
const STATUS: &str = "Examples:
  sterna sandbox status --output json";
const STOP: &str = "Examples:
  sterna sandbox stop
  sterna sandbox stop --state-dir migration-state/demo

The command waits until the process has ended. Its data stays in the folder. If none is running, it exits with 0.";

/// The local network.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SandboxCommand {
    /// Start it and keep it running; print one JSON line with endpoints, DIDs and the paths of its description and
    /// environment files
    #[command(after_help = START)]
    Start(StartArgs),
    /// Seed legacy customers, spaces and uploads into the running network
    #[command(after_help = SEED)]
    Seed(WorldArgs),
    /// Show whether it runs, where, and which requests it has answered
    #[command(after_help = STATUS)]
    Status,
    /// Stop the network of the state folder
    #[command(after_help = STOP)]
    Stop(StopArgs),
}

/// Arguments of `sandbox stop`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StopArgs {
    /// Use this folder for its data [default: `local` in the state folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Arguments of `sandbox start`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StartArgs {
    /// Use this folder for its data [default: `local` in the state folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Derive its keys from this number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Delay every request by this time
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    latency: Option<Duration>,
}

/// Runs one of them.
pub(in crate::cli) async fn run(command: SandboxCommand, context: &Context) -> Result<Exit> {
    match command {
        SandboxCommand::Start(args) => start(args, context).await,
        SandboxCommand::Seed(args) => {
            let settings = context.settings(Need::Nothing)?;
            let world = app::sandbox_seed(&settings, args.into()).await?;
            let lines = || seeded(&world, &context.typed);
            let schema = Schema("sterna.sandbox.world", 1);
            context.output.result(schema, &world, lines)?;
            Ok(Exit::Done)
        }
        SandboxCommand::Status => {
            let settings = context.settings(Need::Nothing)?;
            let status = app::sandbox_status(&settings).await?;
            print(context, "sterna.sandbox.status", &status)
        }
        SandboxCommand::Stop(args) => stop(args, context).await,
    }
}

/// What was seeded, and what a migration must make of it.
fn seeded(world: &Value, typed: &str) -> String {
    let number = |name: &str| world[name].as_u64().unwrap_or_default();
    let rows = |name: &str| -> Vec<Vec<String>> {
        let fields = world[name].as_object().into_iter().flatten();
        fields
            .map(|(word, number)| vec![word.clone(), number.to_string()])
            .collect()
    };
    let lines = [
        format!(
            "{}, {}, {}, {}; seed {}",
            count(number("customers"), "customer"),
            count(number("spaces"), "space"),
            count(number("uploads"), "upload"),
            app::readable(number("bytes")),
            number("seed")
        ),
        String::new(),
        table(&["CONDITION", "UPLOADS"], &rows("conditions")),
        String::new(),
        table(&["EXPECTED", "UPLOADS"], &rows("expected")),
        String::new(),
        format!("manifest: {}", world["manifest"].as_str().unwrap_or("-")),
        next(&beside("sterna init", typed)),
    ];
    lines.join("\n")
}

fn print(context: &Context, schema: &'static str, value: &Value) -> Result<Exit> {
    let table = || outline(value);
    context.output.result(Schema(schema, 1), value, table)?;
    Ok(Exit::Done)
}

async fn stop(args: StopArgs, context: &Context) -> Result<Exit> {
    let settings = context.settings(Need::Nothing)?;
    let stopped = app::sandbox_stop(&settings, args.dir).await?;
    let schema = Schema("sterna.sandbox.stop", 1);
    context
        .output
        .result(schema, &stopped, || stopped_words(&stopped))?;
    Ok(Exit::Done)
}

fn stopped_words(stopped: &StopReport) -> String {
    let dir = stopped.dir.display();
    match stopped.stopped_pid {
        Some(pid) => format!("stopped the local network in {dir} (process {pid})"),
        None => format!("no local network runs in {dir}: nothing to stop"),
    }
}

/// `--env-file` names the file to write here, not one to read.
async fn start(args: StartArgs, context: &Context) -> Result<Exit> {
    let mut flags = context.flags.clone();
    let options = SandboxStart {
        dir: args.dir,
        seed: args.seed,
        latency: args.latency,
        env_file: flags.env_file.take(),
    };
    let settings = crate::config::Settings::load(&flags, Need::Nothing)?;
    let ready = |description: &Value| {
        let _ = json(description, false);
        talk("the local network is running; stop it with Ctrl-C or `sterna sandbox stop`");
    };
    app::sandbox_start(&settings, options, context.stop.clone(), ready).await?;
    Ok(Exit::Done)
}
