//! The question before something is changed on a real network.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::failure::UsageError;
use super::output::talk;
use crate::app::{self, Stop, StopLevel};
use crate::config::Environment;

/// How often it is asked for a signal while an answer is waited for.
const HEAR_EVERY: Duration = Duration::from_millis(50);

/// Asks before `what` is done to a real network: on a terminal a question (production wants its name typed),
/// elsewhere `--yes` is required.
///
/// # Errors
/// When the answer is no, or nobody can be asked.
pub(super) fn confirm(
    environment: Environment,
    (yes, what): (bool, &str),
    stop: &Stop,
) -> Result<()> {
    if yes || environment == Environment::Local {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(UsageError::new(
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
    ask((environment, what), word, "--yes", stop)
}

/// As [`confirm`], for what is hard to make good again: on production `name` must be typed, or given as `confirmed`;
/// `--yes` does not do.
///
/// # Errors
/// When the answer is no, nobody can be asked, or another name was given.
pub(super) fn confirm_named(
    environment: Environment,
    (yes, confirmed): (bool, Option<&str>),
    (name, what): (&str, &str),
    stop: &Stop,
) -> Result<()> {
    if confirmed.is_some_and(|given| given != name) {
        return Err(UsageError::new(
            format!("--confirm does not match: expected `{name}`"),
            format!("check what would be done, then add --confirm {name}"),
        )
        .into());
    }
    if environment != Environment::Production {
        return confirm(environment, (yes || confirmed.is_some(), what), stop);
    }
    if confirmed.is_some() {
        return Ok(());
    }
    let way_out = format!("--confirm {name}");
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(UsageError::new(
            format!(
                "{what} on {environment} needs its name, and there is no terminal to type it on"
            ),
            format!("add {way_out}"),
        )
        .into());
    }
    ask((environment, what), name, &way_out, stop)
}

fn ask(
    (environment, what): (Environment, &str),
    word: &str,
    way_out: &str,
    stop: &Stop,
) -> Result<()> {
    talk(&format!(
        "{what} on {environment}. Type `{word}` to continue:"
    ));
    if answer(what, stop)?.trim() == word {
        return Ok(());
    }
    Err(UsageError::new(
        "not confirmed; nothing was done",
        format!("type `{word}`, or add {way_out}"),
    )
    .into())
}

/// What is typed; the first signal ends the wait for it.
fn answer(what: &str, stop: &Stop) -> Result<String> {
    let (typed, line) = mpsc::channel();
    // Nothing ends a read of the terminal: its thread ends with the process.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let _ = typed.send(read.map(|_| line));
    });
    loop {
        match line.recv_timeout(HEAR_EVERY) {
            Ok(line) => return line.context("read the answer"),
            Err(RecvTimeoutError::Disconnected) => return Ok(String::new()),
            Err(RecvTimeoutError::Timeout) if stop.level() == StopLevel::Run => {}
            Err(RecvTimeoutError::Timeout) => return Err(app::stopped(stop, what).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_wants_the_name_and_takes_no_other_word() {
        let ask = |environment, yes, confirmed| {
            let stop = Stop::new();
            confirm_named(environment, (yes, confirmed), ("run-7", "roll back"), &stop)
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
