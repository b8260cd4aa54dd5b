//! `index build` and `index show`.

use std::path::PathBuf;

use anyhow::Result;
use cid::Cid;
use clap::{Args, Subcommand};

use crate::app;
use crate::cli::exit::Exit;
use crate::cli::output::json;
use crate::cli::values;

const BUILD: &str = "Examples:
  sterna index build --root bafy… shard-1.car shard-2.car --output index.car
  curl -s https://… | sterna index build --root bafy… - --output index.car";
const SHOW: &str = "Examples:
  sterna index show index.car";

/// Indexes.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum IndexCommand {
    /// Index CAR files and check the hash of every block; print {"index", "shards", "slices", "bytes"}
    #[command(after_help = BUILD)]
    Build(BuildArgs),
    /// Print content, shards and slices of an index as DAG-JSON
    #[command(after_help = SHOW)]
    Show(ShowArgs),
}

/// Arguments of `index build`.
#[derive(Debug, Args)]
pub(in crate::cli) struct BuildArgs {
    /// Set the root CID of the content
    #[arg(long, value_name = "CID", value_parser = values::cid)]
    root: Cid,
    /// CAR files in the order of the shards; - reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    // The same type as the global flag of this name, which it hides.
    /// Write the index to this file
    #[arg(long, value_name = "FILE", required = true)]
    output: String,
}

/// Arguments of `index show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// File of the index; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs one of them. Both read and hash without a pause, so they have the thread for themselves.
pub(in crate::cli) async fn run(command: IndexCommand) -> Result<Exit> {
    let work = app::Tasks::new().blocking(move || match command {
        IndexCommand::Build(args) => app::index_build(args.root, &args.files, args.output.as_ref()),
        IndexCommand::Show(args) => app::index_show(&args.file),
    });
    let value = work.await??;
    json(&value, false)?;
    Ok(Exit::Done)
}
