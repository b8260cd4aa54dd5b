//! Text made fit for a terminal: nothing that it would obey, and no more than its width.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Paint;

/// Whether a terminal would do something with this letter other than show it: control characters, line separators, what
/// turns the direction of writing, and what takes no room at all, so that two names look alike. Joiners stay: scripts
/// and emoji are written with them.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(letter, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text would do nothing to a terminal but be shown, on one line.
#[must_use]
pub fn is_printable(text: &str) -> bool {
    !text.contains(is_obeyed)
}

/// Text of others on one line: what a terminal would obey is written out, `\n` and `\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if is_printable(text) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        push(&mut safe, letter);
    }
    Cow::Owned(safe)
}

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
                other => push(&mut safe, other),
            }
            rest = &rest[letter.len_utf8()..];
        } else {
            safe.push_str(kept);
            rest = &rest[kept.len()..];
        }
    }
    Cow::Owned(safe)
}

/// JSON in which nothing is left that a terminal would obey: such letters stand in its strings alone, and are the same
/// there when they are written out.
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(|letter| letter != '\n' && is_obeyed(letter)) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 8);
    for letter in json.chars() {
        if letter != '\n' && is_obeyed(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

fn push(safe: &mut String, letter: char) {
    if is_obeyed(letter) {
        safe.extend(letter.escape_default());
    } else {
        safe.push(letter);
    }
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
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(printable("plain, ünï, 漢字"), "plain, ünï, 漢字");
        assert_eq!(
            printable("a\x1b[2Jb\rc\nd\te\x07\u{9b}31m\u{202e}"),
            "a\\u{1b}[2Jb\\rc\\nd\\te\\u{7}\\u{9b}31m\\u{202e}"
        );
        for letter in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            assert!(!is_printable(&letter.to_string()), "{letter:?}");
        }
        for letter in ['\u{85}', '\u{200b}', '\u{2028}', '\u{feff}', '\u{e0041}'] {
            assert!(
                !printable(&letter.to_string()).contains(letter),
                "{letter:?}"
            );
        }
        assert!(is_printable("👩\u{200d}🚀 می\u{200c}خواهم"));
    }

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
    fn json_says_the_same_with_nothing_to_obey() {
        let value =
            serde_json::json!({ "text": "\x1b[2J \u{9b}1m \u{7f}\u{202e}\u{feff}\u{e0041}" });
        let text = format!("{value:#}");
        let safe = printable_json(&text);
        assert!(
            !safe.contains(|letter| letter != '\n' && is_obeyed(letter)),
            "{safe}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
            value
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
