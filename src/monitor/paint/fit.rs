//! Text made fit for a terminal: nothing that it would obey but colours of ours, and no more than its width.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Paint;
use crate::runtime::{is_obeyed, printable};

/// Lines of ours that may hold text of others: line ends stay, and so do the colours that [`Paint`] makes if there are
/// any.
#[must_use]
pub fn printable_lines(text: &str, paint: Paint) -> Cow<'_, str> {
    if !text.contains(|letter| letter != '\n' && is_obeyed(letter)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let kept = paint.code_at(rest).unwrap_or_default();
        if kept.is_empty() {
            match letter {
                '\n' => safe.push('\n'),
                other => safe.push_str(&printable(other.encode_utf8(&mut [0; 4]))),
            }
            rest = &rest[letter.len_utf8()..];
        } else {
            safe.push_str(kept);
            rest = &rest[kept.len()..];
        }
    }
    Cow::Owned(safe)
}

/// Columns that a text takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most so many columns; what was cut off is an ellipsis.
#[must_use]
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    let mut taken = 0;
    let fits = text.char_indices().find(|(_, letter)| {
        taken += letter.width().unwrap_or(0);
        taken > room
    });
    let end = fits.map_or(text.len(), |(at, _)| at);
    let ellipsis = if columns == 0 { "" } else { "…" };
    Cow::Owned(format!("{}{ellipsis}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_colours_of_ours_stay_and_those_of_others_do_not() {
        let red = Paint::Ansi.bad("bad");
        let text = format!("one\n{red} \x1b[2J\n");
        assert_eq!(
            printable_lines(&text, Paint::Ansi),
            format!("one\n{red} \\u{{1b}}[2J\n")
        );
        assert_eq!(
            printable_lines(&text, Paint::Plain),
            "one\n\\u{1b}[31mbad\\u{1b}[0m \\u{1b}[2J\n"
        );
    }

    #[test]
    fn a_text_is_cut_by_columns_and_not_by_letters() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("漢字漢字", 8), "漢字漢字");
        assert_eq!(cut("漢字漢字", 7), "漢字漢…");
        assert_eq!(cut("漢字漢字", 6), "漢字…");
        assert_eq!(cut("e\u{301}e\u{301}e", 2), "e\u{301}…");
        assert_eq!((cut("ab", 1), cut("ab", 0)), ("…".into(), "".into()));
    }
}
