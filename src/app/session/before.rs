//! What comes before the work of a command: it may be stopped there, and nothing is lost.

use anyhow::Result;

use crate::app::{Kind, Stop, Trouble};
use crate::runtime::Degree;

/// Does what comes before the work, unless the command is to stop.
pub async fn unless_stopped<T>(
    stop: &Stop,
    what: &str,
    work: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    tokio::select! {
        biased;
        done = Box::pin(work) => done,
        () = stop.reached(Degree::Drain) => Err(stopped(stop, what).into()),
    }
}

/// What is told of a command that was stopped before its work began.
#[must_use]
pub fn stopped(stop: &Stop, what: &str) -> Trouble {
    let reason = stop.reason().unwrap_or("asked to stop");
    Trouble::new(
        Kind::Stopped,
        what,
        format!("{reason}, before the work started"),
        "run it again; nothing was done",
    )
}
