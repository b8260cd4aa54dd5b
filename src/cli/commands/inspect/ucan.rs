//! `ucan show` and `ucan issue`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::app;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, bytes, json};
use crate::config;

const SHOW: &str = "Examples:
  sterna ucan show proof.ucan
  sterna ucan show \"$INDEXING_SERVICE_PROOF\"
  cat delegation.car | sterna ucan show -";
const ISSUE: &str = "Examples:
  sterna ucan issue --key-file indexer.key --issuer-did did:web:indexer.storacha.network \\
    --audience did:key:z6Mk… --can claim/cache --with did:web:indexer.storacha.network
  sterna ucan issue --key-file space.key --audience did:mailto:example.com:alice --can '*' \\
    --with did:key:z6Mk… --expiration 1798761600 --format archive > space.ucan";

/// Delegations.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UcanCommand {
    /// Print one JSON object per delegation, one a line (a list with --output json)
    #[command(after_help = SHOW)]
    Show(ShowArgs),
    /// Sign a delegation and print it
    #[command(after_help = ISSUE)]
    Issue(IssueArgs),
}

/// Arguments of `ucan show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// A file with an archive, delegations, an agent message or a proof string; - for standard input; or a proof string
    #[arg(value_name = "FILE|-|STRING")]
    input: String,
}

/// Arguments of `ucan issue`.
#[derive(Debug, Args)]
pub(in crate::cli) struct IssueArgs {
    /// File with the issuer's private key (M…), not readable by everybody
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Issuer, when it is not the key's own did:key
    #[arg(long, value_name = "DID")]
    issuer_did: Option<String>,
    /// Who is granted
    #[arg(long, value_name = "DID")]
    audience: String,
    /// The ability, such as claim/cache
    #[arg(long, value_name = "ABILITY")]
    can: String,
    /// The resource: a DID or another URI
    #[arg(long, value_name = "URI")]
    with: String,
    /// Caveats as DAG-JSON
    #[arg(long, value_name = "JSON")]
    nb: Option<String>,
    /// When it ends: Unix seconds, or never
    #[arg(long, value_name = "SECONDS|never", default_value = "never", value_parser = expiration)]
    expiration: Ends,
    /// Text that makes an otherwise equal delegation another one
    #[arg(long, value_name = "TEXT")]
    nonce: Option<String>,
    /// A proof string as environment variables hold it, or the bytes of an archive
    #[arg(long, value_name = "FORMAT", default_value = "proof")]
    format: Format,
}

/// When a delegation ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Never,
    At(u64),
}

/// The form of an issued delegation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Proof,
    Archive,
}

fn expiration(text: &str) -> Result<Ends, String> {
    if text == "never" {
        return Ok(Ends::Never);
    }
    let seconds = text.parse();
    seconds
        .map(Ends::At)
        .map_err(|_| "write whole Unix seconds, or never".into())
}

/// Runs one of them.
pub(in crate::cli) fn run(command: UcanCommand, context: &Context) -> Result<Exit> {
    match command {
        UcanCommand::Show(args) => show(&args.input, context.output),
        UcanCommand::Issue(args) => issue(args),
    }
}

fn show(input: &str, output: Output) -> Result<Exit> {
    let shown = app::ucan_show(input)?;
    match output {
        Output::Json => json(&Value::Array(shown), true)?,
        Output::Table | Output::Ndjson => shown.iter().try_for_each(|one| json(one, false))?,
    }
    Ok(Exit::Done)
}

fn issue(args: IssueArgs) -> Result<Exit> {
    let issued = app::ucan_issue(app::Issue {
        signer: config::read_key_file(&args.key_file)?,
        issuer: args.issuer_did,
        audience: args.audience,
        can: args.can,
        with: args.with,
        nb: args.nb,
        expiration: match args.expiration {
            Ends::Never => None,
            Ends::At(seconds) => Some(seconds),
        },
        nonce: args.nonce,
        as_proof: args.format == Format::Proof,
    })?;
    bytes(&issued)?;
    Ok(Exit::Done)
}
