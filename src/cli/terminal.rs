//! Standard error: lines of talk and of the log, and on a terminal one line below them that is redrawn.
//!
//! All that is written there comes through here, so that no line runs into the redrawn one, and nothing that others wrote
//! moves the cursor.

use std::io::{self, IsTerminal as _, Stderr, Write};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::monitor::{Paint, printable_json, printable_lines};

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Takes the cursor to the start of the line and clears it.
const CLEAR: &str = "\r\x1b[2K";

static SCREEN: LazyLock<Mutex<Screen<Stderr>>> = LazyLock::new(|| {
    let out = io::stderr();
    let terminal = out.is_terminal();
    Mutex::new(Screen::new(out, terminal))
});

/// What was written, and the line that stands below it.
struct Screen<W> {
    out: W,
    terminal: bool,
    line: String,
}

impl<W: Write> Screen<W> {
    fn new(out: W, terminal: bool) -> Self {
        Self {
            out,
            terminal,
            line: String::new(),
        }
    }

    /// Writes whole lines, above the line that is redrawn. Nobody may be listening: nothing is lost then.
    fn above(&mut self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let clear = if self.terminal { CLEAR } else { "" };
        let line = &self.line;
        let written = write!(self.out, "{clear}{text}{end}{line}");
        let _ = written.and_then(|()| self.out.flush());
    }

    /// Puts another line in the place of the one that is redrawn; where nothing can be, it is a line like any other.
    fn draw(&mut self, line: String) {
        if !self.terminal {
            self.above(&line);
            return;
        }
        self.line = line;
        let written = write!(self.out, "{CLEAR}{}", self.line);
        let _ = written.and_then(|()| self.out.flush());
    }

    /// Leaves the line that was redrawn where it stands.
    fn close(&mut self) {
        if !std::mem::take(&mut self.line).is_empty() {
            let _ = writeln!(self.out);
        }
    }
}

fn screen() -> MutexGuard<'static, Screen<Stderr>> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a line can be redrawn.
pub(super) fn is_terminal() -> bool {
    screen().terminal
}

/// Columns of the terminal; `None` where there is none.
pub(super) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    Some(match size.ws_col {
        0 => COLUMNS,
        columns => columns.into(),
    })
}

/// Writes lines; colours stay if `paint` makes any.
pub(super) fn lines(text: &str, paint: Paint) {
    screen().above(&printable_lines(text, paint));
}

/// Redraws the last line, which must fit into the terminal; colours stay if `paint` makes any.
pub(super) fn draw(line: &str, paint: Paint) {
    screen().draw(printable_lines(line, paint).into_owned());
}

/// Ends the line that was redrawn.
pub(super) fn close() {
    screen().close();
}

/// Where log lines go: each is written whole, with the colours that they have.
#[derive(Clone, Copy)]
pub(super) struct LogLines {
    /// They are JSON.
    pub(super) json: bool,
}

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = if self.json {
            printable_json(&text)
        } else {
            text
        };
        screen().above(&text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader sees of it: each line as it was left.
    fn shown(written: &[u8]) -> Vec<String> {
        let text = String::from_utf8(written.to_vec()).unwrap();
        let line = |line: &str| line.rsplit(CLEAR).next().unwrap_or_default().to_owned();
        text.split('\n').map(line).collect()
    }

    #[test]
    fn lines_stand_above_the_one_that_is_redrawn_and_never_run_into_it() {
        let mut screen = Screen::new(Vec::new(), true);
        screen.draw("1 of 9".to_owned());
        screen.above("WARN something\n");
        screen.draw("2 of 9".to_owned());
        screen.above("talk");
        assert_eq!(shown(&screen.out), ["WARN something", "talk", "2 of 9"]);
        screen.close();
        screen.close();
        screen.above("done");
        assert_eq!(
            shown(&screen.out),
            ["WARN something", "talk", "2 of 9", "done", ""]
        );
    }

    #[test]
    fn where_nothing_can_be_redrawn_every_line_stays() {
        let mut screen = Screen::new(Vec::new(), false);
        screen.draw("1 of 9".to_owned());
        screen.above("WARN something\n");
        screen.draw("2 of 9".to_owned());
        screen.close();
        assert_eq!(screen.out, b"1 of 9\nWARN something\n2 of 9\n");
    }
}
