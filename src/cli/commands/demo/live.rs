//! A demonstration as it goes on: a line per stage; on a terminal the open one is redrawn, elsewhere it is told of
//! every ten seconds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::app::{News, Stage, Tell};
use crate::cli::terminal;
use crate::monitor::{Paint, cut, width};

/// Time between two lines on the same stage where nothing can be redrawn.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The column of times, counted from the text.
const TEXT: usize = 54;
/// Columns of a line that are not its text.
const AROUND: usize = 23;

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
            terminal: terminal::is_terminal(),
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
            state.write(&news, Mark::Broken);
        }
        terminal::close();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn show(&mut self, news: &News) {
        if news.ended {
            self.open = None;
            self.write(news, Mark::Held);
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
            self.write(news, Mark::Going);
        }
    }

    /// A stage that goes on is redrawn; what is said of one that ended stays.
    fn write(&self, news: &News, mark: Mark) {
        let line = line(news, mark, self.paint, terminal::columns());
        match mark {
            Mark::Going => terminal::draw(&line, self.paint),
            Mark::Held | Mark::Broken => {
                terminal::draw(&line, self.paint);
                terminal::close();
            }
        }
    }
}

/// How a stage stands.
#[derive(Clone, Copy)]
enum Mark {
    Going,
    Held,
    Broken,
}

/// A line about a stage, no longer than a terminal with so many columns.
fn line(news: &News, mark: Mark, paint: Paint, columns: Option<usize>) -> String {
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
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(AROUND + 1));
    let text = cut(text, room);
    let pad = " ".repeat(TEXT.min(room).saturating_sub(width(&text)));
    format!("  {mark} {} {text}{pad} {time}", paint.strong(&stage))
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
            None,
        );
        let other = line(
            &news(Stage::Retrieval, "", 61.25),
            Mark::Going,
            Paint::Plain,
            None,
        );
        assert!(one.starts_with("  ✓ init      6 tables "), "{one}");
        assert!(one.ends_with("   0.4 s"), "{one}");
        assert_eq!(one.chars().count(), other.chars().count());
        let long = news(Stage::World, &"many words ".repeat(9), 1.0);
        let cut = line(&long, Mark::Going, Paint::Plain, Some(60));
        assert_eq!(width(&cut), 59, "{cut}");
    }
}
