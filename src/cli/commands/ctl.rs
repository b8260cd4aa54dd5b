//! `ctl`: pause, resume, drain and limit instances while they run.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::{self, ControlReport};
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::UsageError;
use crate::cli::output::{Schema, joined, talk};
use crate::cli::plan;
use crate::cli::summary::{self, count};
use crate::cli::values;
use crate::config::{Need, options};
use crate::model::{ControlCommand, Limit};

const EXAMPLES: &str = "Examples:
  sterna ctl pause --why 'index service is deployed'
  sterna ctl set rate=600 concurrency=8 --instance 2 --why 'slow disk'
  sterna ctl resume
  sterna ctl status

Instances check for commands every 5 s. Settings persist across restarts until `resume` (pause, drain) or \
`set NAME=default` lifts them. A draining instance exits with 6, and an instance that starts during a drain \
exits at once. `resume` allows instances to start again; it does not restart them.";

const PAUSE: &str = "Examples:
  sterna ctl pause --why 'index service is deployed'
  sterna ctl pause --instance 2 --why 'disk is checked'";
const RESUME: &str = "Examples:
  sterna ctl resume
  sterna ctl resume --instance 2";
const DRAIN: &str = "Examples:
  sterna ctl drain --why 'end of the window'
  sterna ctl drain --instance 2 --why 'machine goes away'";
const SET: &str = "Examples:
  sterna ctl set rate=600 --why 'gateway is busy'
  sterna ctl set rate=10/s concurrency=32 --instance 1 --why 'night'
  sterna ctl set rate=default concurrency=default --why 'day is over'";
const STATUS: &str = "Examples:
  sterna ctl status
  sterna ctl status --output json";
const LOG: &str = "Examples:
  sterna ctl log
  sterna ctl log --output json";

/// What may be asked of the fleet.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) enum CtlCommand {
    /// Start nothing new, keep leases, wait
    #[command(after_help = PAUSE)]
    Pause(Reasoned),
    /// Lift a pause or a drain
    #[command(after_help = RESUME)]
    Resume(Resume),
    /// Settle what is in flight, release leases, exit with 6
    #[command(after_help = DRAIN)]
    Drain(Reasoned),
    /// Change limits: concurrency=N, rate=N (uploads started per minute and instance), or =default
    #[command(after_help = SET)]
    Set(Set),
    /// Show the settings in force and what the instances do
    #[command(after_help = STATUS)]
    Status,
    /// Show who gave which command, when and why
    #[command(after_help = LOG)]
    Log,
}

/// Target of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Whom {
    /// Apply to this instance only [default: every instance]
    #[arg(long, value_name = "N", value_parser = values::from_one::<u32>)]
    instance: Option<u32>,
    #[arg(
        long,
        help = "Show the command; do not send it [env: DRY_RUN]",
        conflicts_with = "yes"
    )]
    dry_run: bool,
    /// Change a run on a real network without asking first
    #[arg(long)]
    yes: bool,
}

/// Command with a recorded reason.
#[derive(Debug, Args)]
pub(in crate::cli) struct Reasoned {
    #[command(flatten)]
    whom: Whom,
    /// Record this reason, for the log and the monitor
    #[arg(long, value_name = "TEXT", value_parser = values::some_text)]
    why: String,
}

/// Arguments of `ctl resume`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Resume {
    #[command(flatten)]
    whom: Whom,
    /// Record this reason, for the log
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = values::one_line)]
    why: String,
}

/// Arguments of `ctl set`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// Set uploads in flight per instance (concurrency=N), or uploads that each instance may start (rate=N, rate=N/min,
    /// rate=N/s); NAME=default lifts a limit
    #[arg(required = true, value_name = "NAME=VALUE", value_parser = values::setting)]
    limits: Vec<values::Setting>,
    #[command(flatten)]
    reasoned: Reasoned,
}

/// Asks, or shows what was asked.
pub(in crate::cli) async fn run(command: CtlCommand, context: &Context) -> Result<Exit> {
    let (command, whom, why) = match command {
        CtlCommand::Pause(args) => (ControlCommand::Pause, args.whom, args.why),
        CtlCommand::Drain(args) => (ControlCommand::Drain, args.whom, args.why),
        CtlCommand::Resume(args) => (ControlCommand::Resume, args.whom, args.why),
        CtlCommand::Set(args) => (limits(&args.limits)?, args.reasoned.whom, args.reasoned.why),
        CtlCommand::Status => return show(context, false).await,
        CtlCommand::Log => return show(context, true).await,
    };
    let settings = context.settings(Need::State)?;
    let dry_run = whom.dry_run || settings.dry_run;
    if dry_run {
        talk(plan::NOTICE);
    } else {
        let words = command.words();
        confirm(settings.environment, (whom.yes, &words), &context.stop)?;
    }
    let options = options::Control {
        dry_run,
        instance: whom.instance,
        command,
        why,
    };
    let report = app::control(&settings, &options).await?;
    let schema = Schema("sterna.control", 1);
    context
        .output
        .result(schema, &report, || lines(&report, &context.typed))?;
    Ok(Exit::Done)
}

async fn show(context: &Context, log: bool) -> Result<Exit> {
    let settings = context.settings(Need::State)?;
    let seen = if log {
        app::control_log(&settings).await?
    } else {
        app::control_status(&settings).await?
    };
    context.output.answer(&seen, context.paint)?;
    Ok(Exit::Done)
}

/// Each limit once.
fn limits(settings: &[values::Setting]) -> Result<ControlCommand, UsageError> {
    let (mut concurrency, mut rate) = (Limit::Stays, Limit::Stays);
    for setting in settings {
        let (held, to, name) = match setting {
            values::Setting::Concurrency(to) => (&mut concurrency, to, "concurrency"),
            values::Setting::Rate(to) => (&mut rate, to, "rate"),
        };
        if *held != Limit::Stays {
            return Err(UsageError::new(
                format!("{name} is given twice"),
                "give each limit once",
            ));
        }
        *held = *to;
    }
    Ok(ControlCommand::Set { concurrency, rate })
}

pub(in crate::cli) fn lines(report: &ControlReport, typed: &str) -> String {
    let in_force = |when: &str| {
        let holds = report.holds.as_deref();
        holds.map_or_else(
            || format!("nothing in force {when}"),
            |holds| format!("in force {when}: {holds}"),
        )
    };
    let (scope, command) = (&report.scope, &report.wish);
    if report.dry_run {
        let running = match report.running.len() {
            0 => "no instance is running now".to_owned(),
            running => format!(
                "it would apply to {}",
                count(running as u64, "running instance")
            ),
        };
        return format!(
            "{scope}: would {command}; {}; {running}",
            in_force("afterwards")
        );
    }
    let mut lines = vec![format!("{scope}: {command}; {}", in_force("now"))];
    lines.push(match report.running.as_slice() {
        [] => "no instance is running now; it applies to every instance started later".to_owned(),
        [one] => format!("instance {one} acts on it within 10 s"),
        all => format!("instances {} act on it within 10 s", all.join(", ")),
    });
    lines.extend(report.notes.iter().map(|note| format!("  {note}")));
    lines.push(summary::next(&summary::beside("sterna monitor", typed)));
    joined(&lines)
}
