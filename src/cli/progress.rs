//! Live progress on standard error: one line that is redrawn on a terminal, a line now and then elsewhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::output::talk;
use super::terminal;
use crate::app::{self, ProgressSink, ProgressUpdate, Stop};
use crate::model::{Snapshot, Vocabulary};
use crate::monitor::{Paint, cut, grouped, line, printable};

/// Time between two lines of a run where nothing can be redrawn.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// The same before the work begins: nobody waits so long without a word.
const START_EVERY: Duration = Duration::from_secs(2);
/// Time between two redrawings.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// A face for a command, and what ends it.
pub(super) struct Progress {
    state: Arc<Mutex<State>>,
}

struct State {
    terminal: bool,
    /// The run is to be named, and was not yet.
    names_run: bool,
    last: Instant,
}

impl Progress {
    /// A face on standard error.
    pub(super) fn new() -> Self {
        Self::of(false)
    }

    /// The same, that begins with the id of the run: whoever wants to undo it needs it.
    pub(super) fn of_run() -> Self {
        Self::of(true)
    }

    fn of(names_run: bool) -> Self {
        let state = State {
            terminal: terminal::is_terminal(),
            names_run,
            last: Instant::now(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Nothing is made, so there is no run to name.
    pub(super) fn name_no_run(&self) {
        lock(&self.state).names_run = false;
    }

    /// The function that a command calls.
    pub(super) fn sink(&self) -> ProgressSink {
        let state = Arc::clone(&self.state);
        Arc::new(move |seen: ProgressUpdate<'_>| {
            let mut state = lock(&state);
            match seen {
                ProgressUpdate::Start { what, done, of } => state.show_start(what, done, of),
                ProgressUpdate::Run(snapshot, words) => state.show_run(snapshot, words),
            }
        })
    }

    /// Ends the line that was redrawn.
    #[expect(clippy::unused_self, reason = "only who draws ends the line")]
    pub(super) fn finish(&self) {
        terminal::close();
    }

    /// Does what comes before the work: `doing` is shown when it takes long, and the first signal ends it.
    ///
    /// # Errors
    /// Those of `work`; that the command was stopped.
    pub(super) async fn before<T>(
        &self,
        stop: &Stop,
        (what, doing): (&str, &str),
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let mut work = std::pin::pin!(app::unless_stopped(stop, what, work));
        let mut ticks = tokio::time::interval(REDRAW_EVERY);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = ticks.tick() => lock(&self.state).show_start(doing, 0, None),
            }
        }
    }
}

impl Drop for Progress {
    /// Ends the line that was redrawn.
    fn drop(&mut self) {
        terminal::close();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn show_start(&mut self, what: &str, done: u64, of: Option<u64>) {
        if self.is_due(START_EVERY) {
            draw(&starting(what, done, of));
        }
    }

    fn show_run(&mut self, snapshot: &Snapshot, words: &Vocabulary) {
        if let (true, Some(run)) = (self.names_run, &snapshot.run) {
            self.names_run = false;
            let instance = snapshot.instance.as_ref().map_or("?", |one| one.as_str());
            let plan = snapshot.plan.as_ref();
            let plan = plan.map_or_else(
                || "not part of a plan".to_owned(),
                |plan| format!("plan {}", plan.short()),
            );
            talk(&format!("run {run}, instance {instance}, {plan}"));
        }
        if self.is_due(PLAIN_EVERY) {
            draw(&line(snapshot, snapshot.updated_at, words));
        }
    }

    fn is_due(&mut self, plain_every: Duration) -> bool {
        let every = if self.terminal {
            REDRAW_EVERY
        } else {
            plain_every
        };
        let due = self.last.elapsed() >= every;
        if due {
            self.last = Instant::now();
        }
        due
    }
}

fn draw(text: &str) {
    terminal::draw(&fitted(text, terminal::columns()), Paint::Plain);
}

/// A line that a terminal with so many columns does not break.
fn fitted(text: &str, columns: Option<usize>) -> String {
    let text = printable(text);
    match columns {
        // The last column stays free: some terminals begin a new line when it is written.
        Some(columns) => cut(&text, columns.saturating_sub(1)).into_owned(),
        None => text.into_owned(),
    }
}

/// `reading the spaces of customers: 1,200 of 300,000`.
fn starting(what: &str, done: u64, of: Option<u64>) -> String {
    match (done, of) {
        (0, None) => format!("{what} …"),
        (done, None) => format!("{what}: {} so far", grouped(done)),
        (done, Some(all)) => format!("{what}: {} of {}", grouped(done), grouped(all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_the_terminal_and_holds_nothing_that_it_obeys() {
        let text = "10 of 20 uploads; waiting for carpark (503: \x1b[2Jgo\r\naway)";
        let line = fitted(text, Some(40));
        assert_eq!(line, "10 of 20 uploads; waiting for carpark …");
        assert_eq!(
            fitted(text, None),
            "10 of 20 uploads; waiting for carpark (503: \\u{1b}[2Jgo\\r\\naway)"
        );
    }

    #[test]
    fn what_comes_before_the_work_says_how_far_it_is() {
        assert_eq!(starting("reading c.json", 0, None), "reading c.json …");
        assert_eq!(starting("listing", 1_200, None), "listing: 1,200 so far");
        let known = starting("reading spaces", 1_200, Some(300_000));
        assert_eq!(known, "reading spaces: 1,200 of 300,000");
    }
}
