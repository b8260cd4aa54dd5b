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
    ask(environment, what, word, "--yes")
}

/// As [`confirm`], for what is hard to make good again: on production `name` must be typed, or given as `confirmed`;
/// `--yes` does not do.
///
/// # Errors
/// When the answer is no, nobody can be asked, or another name was given.
pub(super) fn confirm_named(
    environment: Environment,
    yes: bool,
    confirmed: Option<&str>,
    name: &str,
    what: &str,
) -> Result<()> {
    if confirmed.is_some_and(|given| given != name) {
        return Err(Misuse::new(
            format!("--confirm names something else than what is asked for, which is `{name}`"),
            format!("look again at what would be done, then say --confirm {name}"),
        )
        .into());
    }
    if environment != Environment::Production {
        return confirm(environment, yes || confirmed.is_some(), what);
    }
    if confirmed.is_some() {
        return Ok(());
    }
    let way_out = format!("--confirm {name}");
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Misuse::new(
            format!(
                "{what} on {environment} needs its name, and there is no terminal to type it on"
            ),
            format!("add {way_out}"),
        )
        .into());
    }
    ask(environment, what, name, &way_out)
}

fn ask(environment: Environment, what: &str, word: &str, way_out: &str) -> Result<()> {
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
        format!("type `{word}`, or add {way_out}"),
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_wants_the_name_and_takes_no_other_word() {
        let ask = |environment, yes, confirmed| {
            confirm_named(environment, yes, confirmed, "run-7", "roll back")
        };
        assert!(ask(Environment::Production, false, Some("run-7")).is_ok());
        assert!(ask(Environment::Production, true, None).is_err());
        assert!(ask(Environment::Production, true, Some("production")).is_err());
        assert!(ask(Environment::Staging, true, None).is_ok());
        assert!(ask(Environment::Staging, false, Some("run-7")).is_ok());
        assert!(ask(Environment::Staging, false, Some("run-8")).is_err());
        assert!(ask(Environment::Staging, false, None).is_err());
        assert!(ask(Environment::Local, false, None).is_ok());
    }
}
