//! `completions`: a script for a shell, made from the command line itself.

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::exit::Exit;
use crate::cli::output;

const EXAMPLES: &str = "Examples:
  sterna completions bash > /etc/bash_completion.d/sterna
  sterna completions zsh > ~/.zfunc/_sterna";

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CompletionsArgs {
    /// Print the script for this shell
    shell: Shell,
}

/// Prints the script for `command`.
pub(in crate::cli) fn run(args: &CompletionsArgs, command: &mut Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "sterna", &mut script);
    output::bytes(&script)?;
    Ok(Exit::Done)
}
