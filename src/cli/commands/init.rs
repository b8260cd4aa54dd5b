//! `init`: the migration tables.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;

use crate::app::{self, CommandError, InitReport, Kind, StopLevel};
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, json, table, talk};
use crate::cli::plan;
use crate::cli::summary;
use crate::config::Need;
use crate::monitor::printable;

const EXAMPLES: &str = "Examples:
  sterna init
  sterna init --print > tables.json
  sterna init --env staging --dry-run
  sterna init --env staging --yes";

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct InitArgs {
    /// Print a template of tables and policy; create nothing
    #[arg(long)]
    print: bool,
    #[arg(long, help = "Show which tables would be created; create none [env: DRY_RUN]", conflicts_with_all = ["print", "yes"])]
    dry_run: bool,
    /// Create tables on a real network without asking first
    #[arg(long, conflicts_with = "print")]
    yes: bool,
}

/// Creates what is not there.
pub(in crate::cli) async fn run(args: InitArgs, context: &Context) -> Result<Exit> {
    if args.print {
        let settings = context.settings(Need::Nothing)?;
        json(&app::init_template(&settings), true)?;
        return Ok(Exit::Done);
    }
    let mut settings = context.settings(Need::State)?;
    settings.dry_run |= args.dry_run;
    if settings.dry_run {
        talk(plan::NOTICE);
    } else {
        let asked = (args.yes, "create migration tables");
        confirm(settings.environment, asked, &context.stop)?;
    }
    let report = tokio::select! {
        report = app::init(&settings) => report?,
        () = context.stop.reached(StopLevel::Drain) => return Err(stopped(context).into()),
    };
    let schema = Schema("sterna.init", 1);
    let text = || rows(&report, &context.typed);
    context.output.result(schema, &report, text)?;
    Ok(Exit::Done)
}

/// Tables that are being made go on being made: nothing has to be put right.
fn stopped(context: &Context) -> CommandError {
    CommandError::new(
        Kind::Stopped,
        "create the migration tables",
        format!(
            "{} came before all of them were active",
            context.stop.reason().unwrap_or("a stop")
        ),
        format!(
            "`{}` again: it leaves those that are there alone",
            context.typed
        ),
    )
}

pub(in crate::cli) fn rows(report: &InitReport, typed: &str) -> String {
    let word = |created| match (created, report.dry_run) {
        (true, false) => "created",
        (true, true) => "would be created",
        (false, _) => "exists already",
    };
    let rows: Vec<Vec<String>> = report
        .tables
        .iter()
        .map(|made| {
            let mut state = word(made.created).to_owned();
            if !made.missing_indexes.is_empty() {
                let _ = write!(state, ", without index {}", made.missing_indexes.join(", "));
            }
            vec![made.table.clone(), state]
        })
        .collect();
    let mut text = table(&["TABLE", "STATE"], &rows);
    if let Some(state) = &report.state {
        let _ = write!(text, "\nstate: {}", printable(&state.to_string()));
    }
    let next = if report.dry_run {
        summary::for_real(typed)
    } else {
        summary::beside("sterna setup --analyze", typed)
    };
    let _ = write!(text, "\n{}", summary::next(&next));
    text
}
