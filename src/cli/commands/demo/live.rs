//! A demonstration as it goes on: a line per stage; on a terminal the open one is redrawn, elsewhere it is told of
//! every ten seconds.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::app::{News, Stage, Tell};
use crate::monitor::Paint;

/// Time between two lines on the same stage where nothing can be redrawn.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The column of times, counted from the text.
const TEXT: usize = 54;

/// Lines on standard error.
pub(super) struct Live {
    state: Arc<Mutex<State>>,
}

struct State {
    terminal: bool,
    paint: Paint,
    /// The stage that goes on, what was said of it last, and when a line of it was written.
    open: Option<(News, Instant)>,
}

impl Live {
    pub(super) fn new(paint: Paint) -> Self {
        let state = State {
            terminal: io::stderr().is_terminal(),
            paint,
            open: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The function that the demonstration calls.
    pub(super) fn tell(&self) -> Tell {
        let state = Arc::clone(&self.state);
        Arc::new(move |news| lock(&state).show(news))
    }

    /// Closes the line of a stage that did not end.
    pub(super) fn finish(&self) {
        let mut state = lock(&self.state);
        if let Some((news, _)) = state.open.take() {
            let text = line(&news, Mark::Broken, state.paint);
            state.write(&text, End::Line);
        } else if state.terminal {
            state.write("", End::Line);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the line may still change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Line,
}

impl State {
    fn show(&mut self, news: &News) {
        if news.ended {
            self.open = None;
            self.write(&line(news, Mark::Held, self.paint), End::Line);
            return;
        }
        let written = self
            .open
            .as_ref()
            .filter(|(open, _)| open.stage == news.stage);
        let written = written.map_or_else(Instant::now, |(_, written)| *written);
        let due = self.terminal || written.elapsed() >= PLAIN_EVERY;
        self.open = Some((news.clone(), if due { Instant::now() } else { written }));
        if due {
            let end = if self.terminal { End::Open } else { End::Line };
            self.write(&line(news, Mark::Going, self.paint), end);
        }
    }

    fn write(&self, text: &str, end: End) {
        let mut out = io::stderr().lock();
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        let newline = if end == End::Line { "\n" } else { "" };
        // Nobody may be listening.
        let _ = write!(out, "{clear}{text}{newline}").and_then(|()| out.flush());
    }
}

/// How a stage stands.
#[derive(Clone, Copy)]
enum Mark {
    Going,
    Held,
    Broken,
}

fn line(news: &News, mark: Mark, paint: Paint) -> String {
    let News {
        stage,
        text,
        seconds,
        ..
    } = news;
    let (mark, stage) = match mark {
        Mark::Going => (paint.faint("·"), name(*stage)),
        Mark::Held => (paint.good("✓"), name(*stage)),
        Mark::Broken => (paint.bad("✗"), name(*stage)),
    };
    let time = paint.faint(&format!("{seconds:>6.1} s"));
    format!("  {mark} {} {text:<TEXT$} {time}", paint.strong(&stage))
}

fn name(stage: Stage) -> String {
    format!("{:<9}", stage.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_times_in_one_column() {
        let news = |stage, text: &str, seconds| News {
            stage,
            text: text.to_owned(),
            seconds,
            ended: true,
        };
        let one = line(
            &news(Stage::Init, "6 tables", 0.4),
            Mark::Held,
            Paint::Plain,
        );
        let other = line(
            &news(Stage::Retrieval, "", 61.25),
            Mark::Going,
            Paint::Plain,
        );
        assert!(one.starts_with("  ✓ init      6 tables "), "{one}");
        assert!(one.ends_with("   0.4 s"), "{one}");
        assert_eq!(one.chars().count(), other.chars().count());
    }
}
