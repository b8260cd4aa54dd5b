//! Colour, where the reader wants it. What it says is always said in words too.
//!
//! A text that is coloured is one line, whoever wrote it: what a terminal would obey in it is written out.

mod fit;

use crate::runtime::printable;
pub use fit::{cut, printable_lines, width};

/// All codes that are made here.
const CODES: [&str; 6] = [
    "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m",
];

/// How text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paint {
    /// Not at all: pipes, `NO_COLOR`.
    #[default]
    Plain,
    /// With ANSI codes.
    Ansi,
}

impl Paint {
    /// Headings.
    #[must_use]
    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What matters less.
    #[must_use]
    pub fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    /// What is well.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What somebody should look at.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What is wrong.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// The code of a colour that a text begins with, if colours are made here.
    pub(super) fn code_at(self, text: &str) -> Option<&'static str> {
        let codes = match self {
            Self::Plain => &[][..],
            Self::Ansi => &CODES,
        };
        codes.iter().copied().find(|code| text.starts_with(code))
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => printable(text).into_owned(),
            Self::Ansi => format!("\x1b[{code}m{}\x1b[0m", printable(text)),
        }
    }
}
