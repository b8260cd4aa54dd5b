//! What every command works with.

use anyhow::Result;

use super::exit::Exit;
use super::output::Output;
use crate::app::{self, Stop, StopLevel};
use crate::config::{Flags, Need, Settings};
use crate::monitor::Paint;

/// What a command is given beside its arguments.
pub(super) struct Context {
    /// Where settings come from.
    pub(super) flags: Flags,
    /// The form of results.
    pub(super) output: Output,
    /// Whether results have colours.
    pub(super) paint: Paint,
    /// Whether talk has colours.
    #[cfg(feature = "sandbox")]
    pub(super) talk: Paint,
    /// Whether to stop.
    pub(super) stop: Stop,
    /// The command as it was typed, for advice.
    pub(super) typed: String,
}

impl Context {
    /// Does what only looks: the first signal ends it.
    pub(super) async fn unless_stopped<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        app::unless_stopped(&self.stop, what, work).await
    }

    /// Does what changes nothing and leaves nothing to go on with: the first signal ends it, with the code of the signal.
    pub(super) async fn unless_interrupted(
        &self,
        work: impl Future<Output = Result<Exit>> + Send,
    ) -> Result<Exit> {
        tokio::select! {
            biased;
            done = Box::pin(work) => done,
            () = self.stop.reached(StopLevel::Drain) => Ok(match self.stop.reason() {
                Some("SIGINT") => Exit::Interrupted,
                _ => Exit::Terminated,
            }),
        }
    }

    /// The settings a command needs, or every fault in them.
    pub(super) fn settings(&self, need: Need) -> Result<Settings> {
        Ok(Settings::load(&self.flags, need)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_ends_what_only_looks() {
        for (signal, exit) in [("SIGINT", Exit::Interrupted), ("SIGTERM", Exit::Terminated)] {
            let context = Context {
                flags: Flags::default(),
                output: Output::DEFAULT,
                paint: Paint::Plain,
                #[cfg(feature = "sandbox")]
                talk: Paint::Plain,
                stop: Stop::new(),
                typed: "sterna explain".to_owned(),
            };
            let done = context.unless_interrupted(async { Ok(Exit::Done) }).await;
            assert_eq!(done.unwrap(), Exit::Done);
            context.stop.request(StopLevel::Drain, signal);
            let ended = context.unless_interrupted(std::future::pending()).await;
            assert_eq!(ended.unwrap(), exit);
        }
    }
}
