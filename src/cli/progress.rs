//! Live progress on standard error: one line that is redrawn on a terminal, one line per 10 s elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::app::Face;
use crate::model::Snapshot;

/// Time between two lines where nothing can be redrawn.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// Time between two redrawings.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// A face for a run, and what ends it.
pub(super) struct Progress {
    state: Arc<Mutex<State>>,
}

struct State {
    terminal: bool,
    last: Option<Instant>,
    drawn: bool,
}

impl Progress {
    /// A face on standard error.
    pub(super) fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                terminal: io::stderr().is_terminal(),
                last: None,
                drawn: false,
            })),
        }
    }

    /// The function that a run calls.
    pub(super) fn face(&self) -> Face {
        let state = Arc::clone(&self.state);
        Arc::new(move |snapshot| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.show(snapshot);
        })
    }

    /// Ends the line that was redrawn.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.drawn {
            let _ = writeln!(io::stderr().lock());
            state.drawn = false;
        }
    }
}

impl State {
    fn show(&mut self, snapshot: &Snapshot) {
        let every = if self.terminal {
            REDRAW_EVERY
        } else {
            PLAIN_EVERY
        };
        let now = Instant::now();
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < every)
        {
            return;
        }
        self.last = Some(now);
        let text = line(snapshot);
        let mut out = io::stderr().lock();
        let _ = if self.terminal {
            self.drawn = true;
            write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{text}")
        };
    }
}

/// Where a run stands, in one line.
fn line(snapshot: &Snapshot) -> String {
    let counts = &snapshot.counts;
    let per_minute = snapshot
        .rate
        .per_minute(snapshot.started_at, snapshot.updated_at);
    let mut text = format!(
        "{} of {} uploads, {:.0}/min, {} in flight",
        counts.settled(),
        counts.planned,
        per_minute,
        snapshot.in_flight,
    );
    let left = counts.left();
    if per_minute > 0.0 && left > 0 {
        text.push_str(&format!(", about {} left", time_left(left, per_minute)));
    }
    let bad = [
        ("failed", counts.failed),
        ("set aside", counts.quarantined),
        ("unknown", counts.unknown),
    ];
    for (word, count) in bad {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    if let Some(reason) = snapshot.draining.as_ref().or(snapshot.paused.as_ref()) {
        text.push_str(&format!("; {reason}"));
    } else if let Some(throttle) = snapshot.throttles.first() {
        text.push_str(&format!(
            "; slow: {} ({})",
            throttle.dependency, throttle.reason
        ));
    }
    text
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate is shown in whole minutes"
)]
fn time_left(left: u64, per_minute: f64) -> String {
    let minutes = (left as f64 / per_minute).ceil() as u64;
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h", minutes.div_ceil(60)),
        _ => format!("{} d", minutes.div_ceil(1440)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Counts;

    #[test]
    fn a_line_says_what_is_done_and_what_went_wrong() {
        let snapshot = Snapshot {
            counts: Counts {
                planned: 10,
                done: 4,
                failed: 1,
                ..Counts::default()
            },
            in_flight: 2,
            ..Snapshot::default()
        };
        assert_eq!(
            line(&snapshot),
            "5 of 10 uploads, 0/min, 2 in flight, 1 failed"
        );
    }

    #[test]
    fn time_left_is_rounded_up() {
        assert_eq!(time_left(1, 60.0), "1 min");
        assert_eq!(time_left(60 * 180, 60.0), "3 h");
        assert_eq!(time_left(60 * 60 * 24 * 3, 60.0), "3 d");
    }
}
