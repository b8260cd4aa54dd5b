//! The question before something is changed on a real network.

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result};

use super::failure::Misuse;
use super::output::talk;
use crate::config::Environment;

/// Asks before `what` is done to a real network: on a terminal a question (production wants its name typed),
/// elsewhere `--yes` is required.
///
/// # Errors
/// When the answer is no, or nobody can be asked.
pub(super) fn confirm(environment: Environment, yes: bool, what: &str) -> Result<()> {
    if yes || environment == Environment::Local {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Misuse::new(
            format!(
                "{what} on {environment} needs a confirmation, and there is no terminal to ask on"
            ),
            "add --yes",
        )
        .into());
    }
    let word = match environment {
        Environment::Production => environment.as_str(),
        _ => "yes",
    };
    talk(&format!("{what} on {environment}. Type `{word}` to go on:"));
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("read the answer")?;
    if answer.trim() == word {
        return Ok(());
    }
    Err(Misuse::new(
        "not confirmed; nothing was done",
        format!("type `{word}`, or add --yes"),
    )
    .into())
}
