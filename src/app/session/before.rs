//! What comes before the work of a command: it may be stopped there, and nothing is lost.

use anyhow::Result;

use crate::app::{CommandError, Kind, Stop};
use crate::runtime::StopLevel;

/// Does what comes before the work, unless the command is to stop.
///
/// # Errors
/// Those of the work; [`Kind::Stopped`].
pub async fn unless_stopped<T>(
    stop: &Stop,
    what: &str,
    work: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    tokio::select! {
        biased;
        done = Box::pin(work) => done,
        () = stop.reached(StopLevel::Drain) => Err(stopped(stop, what).into()),
    }
}

/// What is told of a command that was stopped before its work began.
#[must_use]
pub fn stopped(stop: &Stop, what: &str) -> CommandError {
    let reason = stop.reason().unwrap_or("asked to stop");
    CommandError::new(
        Kind::Stopped,
        what,
        format!("{reason}, before the work started"),
        "run it again; nothing was done",
    )
}
