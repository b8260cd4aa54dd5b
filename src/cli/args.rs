//! The command line as a whole: global flags and the list of commands.

use std::io;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ColorChoice, Command, CommandFactory as _, Parser, Subcommand};

use super::commands as one;
use super::exit::Exit;
use super::log::Log;
use super::output::Output;
use crate::config::{self, Environment, Flags};
use crate::monitor::{FACES, Paint};

/// Migrate content indexes and location claims of the Storacha network, on any number of machines.
#[derive(Debug, Parser)]
#[command(
    name = "sterna",
    version,
    max_term_width = 110,
    propagate_version = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Commands,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    #[arg(long, global = true, help = "Select the network [env: STORACHA_ENV] [default: local]", value_name = "NAME", value_parser = ["local", "staging", "production"])]
    env: Option<String>,
    /// Read NAME=value lines from this file; they override .env files, and the environment overrides them
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Keep checkpoints, journals and customers files in this folder [default: migration-state]
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Keep rows in dynamodb, or in sqlite:FILE for the processes of one machine [default: dynamodb]
    #[arg(long, global = true, value_name = "STORE")]
    state: Option<String>,
    /// Accept unchecked receipts of a service that has no pinned key and no DID document
    #[arg(long, global = true, hide_short_help = true)]
    allow_unverified_receipts: bool,
    /// Print results in this form
    // A text, because `index build` has a flag of this name whose value is a file.
    #[arg(long, global = true, value_name = "FORM", default_value = FACES[0].name, value_parser = PossibleValuesParser::new(FACES.iter().map(|face| face.name)))]
    output: String,
    #[command(flatten)]
    pub(super) log: Log,
    /// Colour help, errors and log lines
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

impl Global {
    /// Where settings come from.
    pub(super) fn flags(&self) -> Flags {
        let environment = self.env.as_deref().map(str::parse::<Environment>);
        Flags {
            environment: environment.and_then(Result::ok),
            env_file: self.env_file.clone(),
            state_dir: self.state_dir.clone(),
            state: self.state.clone(),
            unverified_receipts: self.allow_unverified_receipts,
            folder: PathBuf::new(),
        }
    }

    /// The form of results.
    pub(super) fn output(&self) -> Output {
        Output::named(&self.output).unwrap_or(Output::DEFAULT)
    }

    /// Whether talk on standard error has colours.
    pub(super) fn color(&self) -> bool {
        self.color_on(&io::stderr())
    }

    /// Whether results on standard output have colours.
    pub(super) fn paint(&self) -> Paint {
        paint(self.color_on(&io::stdout()))
    }

    /// Whether talk on standard error has colours.
    #[cfg(feature = "sandbox")]
    pub(super) fn talk_paint(&self) -> Paint {
        paint(self.color_on(&io::stderr()))
    }

    fn color_on(&self, stream: &impl io::IsTerminal) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => config::color_wish().unwrap_or_else(|| stream.is_terminal()),
        }
    }
}

fn paint(colors: bool) -> Paint {
    if colors { Paint::Ansi } else { Paint::Plain }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Commands {
    /// Run a whole migration on a local network and check every byte of the result
    #[cfg(feature = "sandbox")]
    Demo(one::demo::DemoArgs),
    /// Start, seed, inspect or stop the local network
    #[cfg(feature = "sandbox")]
    #[command(subcommand)]
    Sandbox(one::sandbox::SandboxCommand),
    /// Copy blobs between storage backends, verified, then flip
    #[command(subcommand)]
    Blobs(one::blobs::BlobsCommand),
    /// Create missing migration tables
    Init(one::init::InitArgs),
    /// Count uploads and distribute customers over instances
    Setup(one::setup::SetupArgs),
    /// Migrate uploads on this instance
    Migrate(Box<one::migrate::MigrateArgs>),
    /// Audit uploads without changing anything
    Verify(Box<one::verify::VerifyArgs>),
    /// Retry failed uploads
    Retry(Box<one::retry::RetryArgs>),
    /// Undo what a migration made
    Rollback(Box<one::rollback::RollbackArgs>),
    /// Show the progress of the migration
    Monitor(one::monitor::MonitorArgs),
    /// Pause, resume, drain or limit running instances
    #[command(subcommand)]
    Ctl(one::ctl::CtlCommand),
    /// Show everything known about an upload or a space
    Explain(one::explain::ExplainArgs),
    /// Build or show a sharded DAG index
    #[command(subcommand)]
    Index(one::inspect::index::IndexCommand),
    /// List the claims that the indexing service has about a CID
    Claims(one::inspect::claims::ClaimsArgs),
    /// Show or issue UCAN delegations
    #[command(subcommand)]
    Ucan(one::inspect::ucan::UcanCommand),
    /// Show settings and where they come from
    #[command(subcommand)]
    Config(one::config::ConfigCommand),
    /// Print a completion script
    Completions(one::completions::CompletionsArgs),
}

/// The command line with the table of exit codes under every help page.
pub(super) fn command() -> Command {
    with_exit_codes(Cli::command())
}

fn with_exit_codes(command: Command) -> Command {
    let examples = command.get_after_help().map(ToString::to_string);
    let after = match examples {
        Some(examples) => format!("{examples}\n\n{}", Exit::help()),
        None => Exit::help(),
    };
    command.after_help(after).mut_subcommands(with_exit_codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_that_can_be_run_has_examples_and_exit_codes() {
        fn check(command: &Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap();
            assert!(help.contains("Exit codes:"), "{}", command.get_name());
            if command.get_subcommands().next().is_none() {
                assert!(help.contains("Examples:"), "{}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        command().get_subcommands().for_each(check);
    }
}
