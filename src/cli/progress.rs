//! Live progress on standard error: one line that is redrawn on a terminal, one line per 10 s elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::output::talk;
use crate::app::Face;
use crate::model::Snapshot;
use crate::monitor::line;

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
    /// The run is to be named, and was not yet.
    names_run: bool,
    last: Instant,
    drawn: bool,
}

impl Progress {
    /// A face on standard error.
    pub(super) fn new() -> Self {
        Self::of(false)
    }

    /// The same, that begins with the id of the run: whoever wants to take it back needs it.
    pub(super) fn of_run() -> Self {
        Self::of(true)
    }

    fn of(names_run: bool) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                terminal: io::stderr().is_terminal(),
                names_run,
                last: Instant::now(),
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
        if let (true, Some(run)) = (self.names_run, &snapshot.run) {
            self.names_run = false;
            let instance = snapshot.instance.as_ref().map_or("?", |one| one.as_str());
            let plan = snapshot.plan.as_ref();
            let plan = plan.map_or_else(
                || "no plan".to_owned(),
                |plan| format!("plan {}", plan.short()),
            );
            talk(&format!("run {run}, instance {instance}, {plan}"));
        }
        let every = if self.terminal {
            REDRAW_EVERY
        } else {
            PLAIN_EVERY
        };
        let now = Instant::now();
        if now.duration_since(self.last) < every {
            return;
        }
        self.last = now;
        let text = line(snapshot, snapshot.updated_at);
        let mut out = io::stderr().lock();
        let _ = if self.terminal {
            self.drawn = true;
            write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{text}")
        };
    }
}
