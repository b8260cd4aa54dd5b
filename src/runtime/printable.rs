//! Makes foreign text safe to print and to store: a terminal runs nothing in it, and no two texts look alike.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal does anything with this letter but show it: control characters, line separators, marks that
/// change the direction of writing, and letters without width, which make two names look alike. Joiners are allowed,
/// because scripts and emoji need them.
#[must_use]
pub fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(letter, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a terminal shows a text as it is, on one line.
#[must_use]
pub fn is_printable(text: &str) -> bool {
    !text.contains(is_obeyed)
}

/// Foreign text on one line. What a terminal would obey is escaped, as `\n` and `\u{1b}`.
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

/// JSON without letters that a terminal would obey. They occur only in strings, where the escaped form means the same.
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
}
