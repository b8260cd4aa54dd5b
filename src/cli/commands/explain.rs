//! `explain`: everything known of uploads, or of a space.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::app;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, outline};
use crate::cli::scope::{ROOTS_HELP, roots_of};
use crate::cli::values;
use crate::config::options::Explain;
use crate::config::{Need, Root};
use crate::proto::SpaceDid;

const EXAMPLES: &str = "Examples:
  sterna explain bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi
  sterna explain --space did:key:z6Mk… --output json
  sterna explain --roots-file roots.txt --output json";

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct ExplainArgs {
    /// Root of the upload; Qm… and bafy… of the same content are one root
    #[arg(value_name = "CID", value_parser = values::root, group = "roots", required_unless_present_any = ["space", "roots_file"])]
    root: Option<Root>,
    #[arg(long, value_name = "FILE", group = "roots", help = ROOTS_HELP)]
    roots_file: Option<PathBuf>,
    /// Explain this space, or the upload in this space
    #[arg(long, value_name = "DID", value_parser = values::space)]
    space: Option<SpaceDid>,
}

/// Tells it.
pub(in crate::cli) async fn run(args: ExplainArgs, context: &Context) -> Result<Exit> {
    let roots = roots_of(args.root.as_ref(), args.roots_file.as_deref())?;
    let settings = context.settings(Need::Secrets)?;
    let options = Explain {
        roots,
        space: args.space,
    };
    let known = app::explain(&settings, options).await?;
    let schema = Schema("sterna.explain", 1);
    context.output.result(schema, &known, || outline(&known))?;
    let unknown = known["unknown_roots"].as_array();
    Ok(match unknown {
        Some(unknown) if !unknown.is_empty() => Exit::SomeFailed,
        _ => Exit::Done,
    })
}
