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
use crate::monitor::Form;

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
    /// Print one JSON object per delegation and line (a list with --output json)
    #[command(after_help = SHOW)]
    Show(ShowArgs),
    /// Sign a delegation and print it
    #[command(after_help = ISSUE)]
    Issue(IssueArgs),
}

/// Arguments of `ucan show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// File with an archive, delegations, an agent message or a proof string; - reads standard input; or a proof string
    #[arg(value_name = "FILE|-|STRING")]
    input: String,
}

/// Arguments of `ucan issue`.
#[derive(Debug, Args)]
pub(in crate::cli) struct IssueArgs {
    /// Sign with the private key (M…) in this file, which only its owner may read
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Issue as this DID [default: the did:key of the key]
    #[arg(long, value_name = "DID")]
    issuer_did: Option<String>,
    /// Delegate to this DID
    #[arg(long, value_name = "DID")]
    audience: String,
    /// Delegate this ability, such as claim/cache
    #[arg(long, value_name = "ABILITY")]
    can: String,
    /// Delegate it on this resource, a DID or another URI
    #[arg(long, value_name = "URI")]
    with: String,
    /// Add these caveats, as DAG-JSON
    #[arg(long, value_name = "JSON")]
    nb: Option<String>,
    /// Expire at this time in Unix seconds, or never
    #[arg(long, value_name = "SECONDS|never", default_value = "never", value_parser = expiration)]
    expiration: Ends,
    /// Add this nonce, which makes an otherwise equal delegation a different one
    #[arg(long, value_name = "TEXT")]
    nonce: Option<String>,
    /// Print a proof string, as environment variables hold it, or the bytes of an archive
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
    match output.form() {
        Form::Document => json(&Value::Array(shown), true)?,
        Form::Text | Form::Lines => shown.iter().try_for_each(|one| json(one, false))?,
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
