//! How a run stops: drain, abort, exit.

use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Tasks;

/// How urgently the program is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Not at all.
    Run,
    /// Take nothing new, finish what is in flight, release what is held.
    Drain,
    /// Drop what is in flight; still release what is held.
    Abort,
    /// End now.
    Exit,
}

/// Requests and observes a stop. Clones share the same level, which only grows.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    drain: CancellationToken,
    abort: CancellationToken,
    exit: CancellationToken,
    reason: Arc<OnceLock<String>>,
    abort_reason: Arc<OnceLock<String>>,
}

impl Stop {
    /// No stop is requested.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests at least this level. The first reason for draining and the first for aborting are kept.
    pub fn request(&self, level: StopLevel, reason: &str) {
        if level > StopLevel::Run {
            let _ = self.reason.set(reason.to_owned());
            self.drain.cancel();
        }
        if level >= StopLevel::Abort {
            let _ = self.abort_reason.set(reason.to_owned());
            self.abort.cancel();
        }
        if level >= StopLevel::Exit {
            self.exit.cancel();
        }
    }

    /// The level now.
    #[must_use]
    pub fn level(&self) -> StopLevel {
        if self.exit.is_cancelled() {
            StopLevel::Exit
        } else if self.abort.is_cancelled() {
            StopLevel::Abort
        } else if self.drain.is_cancelled() {
            StopLevel::Drain
        } else {
            StopLevel::Run
        }
    }

    /// Why a stop was requested, if it was.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// Why an abort was requested, if it was.
    #[must_use]
    pub fn abort_reason(&self) -> Option<&str> {
        self.abort_reason.get().map(String::as_str)
    }

    /// Waits until the level is at least this one. [`StopLevel::Run`] is reached from the start.
    pub async fn reached(&self, level: StopLevel) {
        match level {
            StopLevel::Run => {}
            StopLevel::Drain => self.drain.cancelled().await,
            StopLevel::Abort => self.abort.cancelled().await,
            StopLevel::Exit => self.exit.cancelled().await,
        }
    }

    /// A token that an abort cancels. It can also be cancelled alone.
    #[must_use]
    pub fn abort_token(&self) -> CancellationToken {
        self.abort.child_token()
    }

    /// Makes the first SIGINT, SIGTERM or SIGHUP drain, the second abort, the third exit. The task ends
    /// with the third, or with `until`. A SIGHUP that the process was started to ignore (`nohup`) stays ignored.
    ///
    /// # Errors
    /// The system does not let the process listen to signals.
    pub fn listen(&self, tasks: &Tasks, until: CancellationToken) -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = if ignores_hangup() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        let stop = self.clone();
        tasks.spawn(async move {
            while stop.level() < StopLevel::Exit {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                    () = next(&mut hangup) => "SIGHUP",
                    () = until.cancelled() => return,
                };
                let next = match stop.level() {
                    StopLevel::Run => StopLevel::Drain,
                    StopLevel::Drain => StopLevel::Abort,
                    StopLevel::Abort | StopLevel::Exit => StopLevel::Exit,
                };
                stop.request(next, name);
            }
        });
        Ok(())
    }
}

/// The next signal of a kind; waits forever if the process does not listen to it.
async fn next(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => {
            signals.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether the process was started with SIGHUP ignored; `false` where the system does not say.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored(&status, 1))
}

/// Whether a signal is in the set of ignored ones, as Linux writes it.
fn is_ignored(status: &str, signal: u32) -> bool {
    let mut lines = status.lines();
    let set = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_higher_degree_implies_the_lower_and_never_goes_back() {
        let stop = Stop::new();
        stop.reached(StopLevel::Run).await;
        stop.request(StopLevel::Abort, "second signal");
        stop.reached(StopLevel::Drain).await;
        stop.reached(StopLevel::Abort).await;
        stop.request(StopLevel::Drain, "late");
        assert_eq!(stop.level(), StopLevel::Abort);
        assert_eq!(stop.reason(), Some("second signal"));
    }

    #[tokio::test]
    async fn the_reasons_of_drain_and_abort_are_told_apart() {
        let stop = Stop::new();
        stop.request(StopLevel::Drain, "SIGTERM");
        assert_eq!(stop.abort_reason(), None);
        stop.request(StopLevel::Abort, "the drain took too long");
        assert_eq!(stop.reason(), Some("SIGTERM"));
        assert_eq!(stop.abort_reason(), Some("the drain took too long"));
    }

    #[test]
    fn an_ignored_signal_is_seen_in_what_the_system_says() {
        let status = |set: &str| format!("Name:\tsterna\nSigBlk:\t0\nSigIgn:\t{set}\n");
        assert!(is_ignored(&status("0000000000001001"), 1));
        assert!(!is_ignored(&status("0000000000001000"), 1));
        assert!(is_ignored(&status("0000000000001000"), 13));
        assert!(!is_ignored("Name:\tsterna\n", 1));
    }

    #[tokio::test]
    async fn one_token_can_be_cancelled_without_the_others() {
        let stop = Stop::new();
        let (one, two) = (stop.abort_token(), stop.abort_token());
        one.cancel();
        assert!(!two.is_cancelled());
        assert_eq!(stop.level(), StopLevel::Run);
        stop.request(StopLevel::Abort, "signal");
        assert!(two.is_cancelled());
    }
}
