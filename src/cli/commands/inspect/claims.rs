//! `claims`: what the indexing service says about a CID.

use anyhow::Result;
use cid::Cid;
use clap::Args;

use crate::app;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::json;
use crate::cli::values;
use crate::config::Settings;
use crate::config::options::Claims;
use crate::monitor::Form;
use crate::proto::SpaceDid;

const EXAMPLES: &str = "Examples:
  sterna claims bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi
  sterna claims --env production bafy… --space did:key:z6Mk…";

/// Arguments of `claims`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct ClaimsArgs {
    /// CID of a root, a shard or any block
    #[arg(value_name = "CID", value_parser = values::cid)]
    cid: Cid,
    /// Show only claims for this space (repeatable)
    #[arg(long, value_name = "DID", value_parser = values::space)]
    space: Vec<SpaceDid>,
}

/// Asks and prints one JSON document, on one line with `--output ndjson`.
pub(in crate::cli) async fn run(args: ClaimsArgs, context: &Context) -> Result<Exit> {
    let service = Settings::load_indexing_service(&context.flags)?;
    let options = Claims {
        content: args.cid,
        spaces: args.space,
    };
    let claims = app::claims(&service, &options).await?;
    json(&claims, context.output.form() != Form::Lines)?;
    Ok(Exit::Done)
}
