//! `config show`: every setting, where it comes from, and what is wrong.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, table, talk_lines};
use crate::config::{self, Faults};

const EXAMPLES: &str = "Examples:
  sterna config show --origin
  sterna config show --env production --output json";

/// Settings.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Print each setting, with secrets masked; list on standard error what a migration would still need
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
}

/// Arguments of `config show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// Also print where each value comes from
    #[arg(long)]
    origin: bool,
}

/// Prints the settings; faults in them end with the code of a configuration error.
pub(in crate::cli) fn run(command: &ConfigCommand, context: &Context) -> Result<Exit> {
    let ConfigCommand::Show(args) = command;
    let (settings, faults) = config::show(&context.flags);
    let rows = || -> String {
        let rows: Vec<Vec<String>> = settings
            .iter()
            .map(|shown| row(shown, args.origin))
            .collect();
        let head = ["NAME", "VALUE", "ORIGIN"];
        let shown = if args.origin { &head[..] } else { &head[..2] };
        table(shown, &rows)
    };
    let problems: Vec<String> = faults
        .iter()
        .flat_map(Faults::list)
        .map(|fault| format!("{}: {}", fault.name, fault.problem))
        .collect();
    let value = json!({ "settings": settings, "faults": problems });
    context
        .output
        .result(Schema("sterna.config", 1), &value, rows)?;
    if let Some(faults) = faults {
        talk_lines(&format!("\na migration would not start: {faults}"));
        return Ok(Exit::Usage);
    }
    Ok(Exit::Done)
}

fn row(shown: &config::Shown, origin: bool) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let mut cells = vec![shown.name.to_owned(), or_dash(&shown.value)];
    if origin {
        cells.push(or_dash(&shown.origin));
    }
    cells
}
