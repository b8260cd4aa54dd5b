//! `explain`: everything known of one upload or space.

use anyhow::Result;
use cid::Cid;
use clap::Args;

use crate::app;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, outline};
use crate::cli::run::Context;
use crate::cli::values;
use crate::config::Need;
use crate::config::options::Explain;
use crate::model::SpaceDid;

const EXAMPLES: &str = "Examples:
  sterna explain bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi
  sterna explain --space did:key:z6Mk… --output json";

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct ExplainArgs {
    /// Root of the upload
    #[arg(value_name = "CID", value_parser = values::cid, required_unless_present = "space")]
    root: Option<Cid>,
    /// The space, or the space of the upload
    #[arg(long, value_name = "DID", value_parser = values::space)]
    space: Option<SpaceDid>,
}

/// Tells it.
pub(in crate::cli) async fn run(args: ExplainArgs, context: &Context) -> Result<Exit> {
    let settings = context.settings(Need::Secrets)?;
    let options = Explain {
        root: args.root,
        space: args.space,
    };
    let known = app::explain(&settings, options).await?;
    let schema = Schema("sterna.explain", 1);
    context.output.result(schema, &known, || outline(&known))?;
    Ok(Exit::Done)
}
