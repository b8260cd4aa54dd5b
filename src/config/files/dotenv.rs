//! The grammar of `.env` files, as version 17 of the npm package `dotenv` reads them, to the letter.
//!
//! ```text
//! entry  ::= space* ("export" space+)? name (space* "=" | ":" space) value? rest
//! name   ::= [A-Za-z0-9_.-]+
//! value  ::= space* quoted | [^#\n]+        # quoted in '…', "…" or `…`, over several lines if need be
//! rest   ::= space* ("#" any*)? end-of-line
//! ```
//!
//! An entry begins at the start of a line; `space` is JavaScript's, which counts line ends and byte order marks. A quote
//! after a backslash does not close. Where nothing but space and a comment may follow a closing quote and something
//! does, the quotes are letters like any other. `\n` and `\r` mean line ends in double quotes alone. What is no entry is
//! passed over. `tests/interop/dotenv.test.mjs` compares this with the package itself.

use std::ops::Range;

/// The marks that enclose a value.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// A variable and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line of its name, from 1.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) text: String,
}

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// In the order of the file; of two with one name the last counts.
    pub(super) entries: Vec<Entry>,
    /// Lines that are no entry: the number, and the name that they begin with.
    pub(super) odd: Vec<(usize, String)>,
}

/// Reads the text of a file.
pub(super) fn parse(text: &str) -> Parsed {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut parsed = Parsed::default();
    let (mut line, mut counted) = (1, 0);
    let mut from = 0;
    while let Some(start) = line_start(&text, from) {
        let at = skip(&text, start);
        line += text[counted..at].matches('\n').count();
        counted = at;
        if let Some((name, value, end)) = entry(&text, at) {
            parsed.entries.push(Entry {
                line,
                name: text[name].to_owned(),
                text: meaning(&text[value]),
            });
            from = end;
        } else {
            let words = after_export(&text, at).unwrap_or(at);
            let name = &text[name(&text, words)];
            if !name.is_empty() {
                parsed.odd.push((line, name.to_owned()));
            }
            // No line that begins in the space before has another entry.
            from = at + text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    parsed
}

/// White space in JavaScript.
fn is_space(letter: char) -> bool {
    matches!(
        letter,
        '\t'..='\r'
            | ' '
            | '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

/// The ends of lines in JavaScript.
fn ends_line(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// The first start of a line at or after `from` that has something behind it.
fn line_start(text: &str, from: usize) -> Option<usize> {
    if from == 0 || text[..from].ends_with(ends_line) {
        return (from < text.len()).then_some(from);
    }
    let (at, end) = text[from..]
        .char_indices()
        .find(|(_, letter)| ends_line(*letter))?;
    let start = from + at + end.len_utf8();
    (start < text.len()).then_some(start)
}

/// The first place at or after `at` without space.
fn skip(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches(is_space).len()
}

fn name(text: &str, at: usize) -> Range<usize> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    let rest = text[at..].trim_start_matches(fits);
    at..text.len() - rest.len()
}

/// The place after `export` and the space behind it.
fn after_export(text: &str, at: usize) -> Option<usize> {
    let word = at + "export".len();
    text[at..].starts_with("export").then_some(())?;
    let next = skip(text, word);
    (next > word).then_some(next)
}

/// Name, value, and end of the entry whose first letter is at `at`.
fn entry(text: &str, at: usize) -> Option<(Range<usize>, Range<usize>, usize)> {
    // `export` may itself be the name.
    let exported = after_export(text, at).and_then(|at| assignment(text, at));
    exported.or_else(|| assignment(text, at))
}

fn assignment(text: &str, at: usize) -> Option<(Range<usize>, Range<usize>, usize)> {
    let name = name(text, at);
    if name.is_empty() {
        return None;
    }
    let (value, end) = value(text, separated(text, name.end)?);
    Some((name, value, end))
}

/// The place after `=`, or after `:` and one space.
fn separated(text: &str, at: usize) -> Option<usize> {
    let equals = skip(text, at);
    if text[equals..].starts_with('=') {
        return Some(equals + 1);
    }
    let rest = text[at..].strip_prefix(':')?;
    let space = rest.chars().next().filter(|letter| is_space(*letter))?;
    Some(at + 1 + space.len_utf8())
}

/// The value from `at` on as it is written, and the end of its entry.
fn value(text: &str, at: usize) -> (Range<usize>, usize) {
    let open = skip(text, at);
    if let Some(quote) = text[open..]
        .chars()
        .next()
        .filter(|one| QUOTES.contains(one))
    {
        for close in closings(text, open, quote).into_iter().rev() {
            if let Some(end) = line_end(text, close + 1) {
                return (at..close + 1, end);
            }
        }
    }
    let length = text[at..].find(['#', '\n']).unwrap_or(text.len() - at);
    let end = at + length;
    (at..end, line_end(text, end).unwrap_or(end))
}

/// Where a quote may close: at the next one, and as long as a backslash is before it, at the one after that.
fn closings(text: &str, open: usize, quote: char) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, _) in text[open + 1..].match_indices(quote) {
        found.push(open + 1 + at);
        if !text[open + 1..open + 1 + at].ends_with('\\') {
            break;
        }
    }
    found
}

/// The end of the line, if nothing but space and a comment is left of it: the furthest that is reached by space alone.
fn line_end(text: &str, at: usize) -> Option<usize> {
    let next = skip(text, at);
    if next == text.len() {
        return Some(next);
    }
    if text[next..].starts_with('#') {
        return Some(next + text[next..].find(ends_line).unwrap_or(text.len() - next));
    }
    text[at..next].rfind(ends_line).map(|end| at + end)
}

/// What a value means as it is written.
fn meaning(written: &str) -> String {
    let written = written.trim_matches(is_space);
    let plain = unquoted(written);
    if written.starts_with('"') {
        plain.replace("\\n", "\n").replace("\\r", "\r")
    } else {
        plain
    }
}

/// Without the quotes that open at the start of a line and close at the end of one.
fn unquoted(written: &str) -> String {
    let mut plain = String::with_capacity(written.len());
    let (mut copied, mut from) = (0, 0);
    while let Some(start) = line_start(written, from) {
        let first = written[start..].chars().next();
        let close = first
            .filter(|first| QUOTES.contains(first))
            .and_then(|quote| last_closing(written, start + 1, quote));
        if let Some(close) = close {
            plain.push_str(&written[copied..start]);
            plain.push_str(&written[start + 1..close]);
            (copied, from) = (close + 1, close + 1);
        } else {
            from = start + first.map_or(1, char::len_utf8);
        }
    }
    plain.push_str(&written[copied..]);
    plain
}

fn last_closing(written: &str, from: usize, quote: char) -> Option<usize> {
    let closings = written[from..].rmatch_indices(quote);
    let closes = |at: &usize| {
        let after = written[at + 1..].chars().next();
        after.is_none_or(ends_line)
    };
    closings.map(|(at, _)| from + at).find(closes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The entries of a text, as `NAME=value` each.
    fn read(text: &str) -> Vec<String> {
        let entries = parse(text).entries.into_iter();
        entries
            .map(|entry| format!("{}={}", entry.name, entry.text))
            .collect()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn entries_are_read_as_dotenv_17_reads_them() {
        let cases: &[(&str, &[&str])] = &[
            ("A=1", &["A=1"]),
            ("A=1\nB=2\r\nC=3\rD=4", &["A=1", "B=2", "C=3", "D=4"]),
            ("\u{feff}A=1", &["A=1"]),
            ("  A = 1  \n\tB=\t2", &["A=1", "B=2"]),
            ("A: 1\nB:2\nC:\t3\nD :4", &["A=1", "C=3"]),
            (
                "export A=1\nexport\tB=2\nexport=3",
                &["A=1", "B=2", "export=3"],
            ),
            (
                "exportA=1\nexport A\nexport  = 2",
                &["exportA=1", "export=2"],
            ),
            ("a.b-c_9=x\n9=y\nÄ=1", &["a.b-c_9=x", "9=y"]),
            // Comments.
            (
                "# A=1\nA=2 # three\nB=4#5\nC=#6\nD='7 # 8' # 9",
                &["A=2", "B=4", "C=", "D=7 # 8"],
            ),
            (
                "A=\"#\"#\nB='x'# y\nC=\"x\" y # z",
                &["A=#", "B=x", "C=\"x\" y"],
            ),
            // Quotes.
            (
                "A='one'\nB=\"two\"\nC=`three`",
                &["A=one", "B=two", "C=three"],
            ),
            (
                "A='\"x\"'\nB=\"it's\"\nC=`\"it's\"`",
                &["A=\"x\"", "B=it's", "C=\"it's\""],
            ),
            ("A=' x '\nB= ' y ' ", &["A= x ", "B= y "]),
            ("A=''\nB=\"\"\nC=``\nD=", &["A=", "B=", "C=", "D="]),
            ("A='x\nB=y", &["A='x", "B=y"]),
            ("A=x'y'\nB='x'y\nC='x'y'", &["A=x'y'", "B='x'y", "C=x'y"]),
            ("A=\"x\\\"y\"\nB='x\\'y'", &["A=x\\\"y", "B=x\\'y"]),
            ("A='x\\'\nB=1", &["A=x\\", "B=1"]),
            ("A='\nB=2'", &["A=\nB=2"]),
            ("A=\"x\n  y\n\"\nB=1", &["A=x\n  y\n", "B=1"]),
            ("A=`x\r\ny` # z\nB=1", &["A=x\ny", "B=1"]),
            ("A=\n'x'\nB=1", &["A=x", "B=1"]),
            // Escapes.
            (r#"A="x\ny\rz\tt""#, &["A=x\ny\rz\\tt"]),
            (r"A='x\ny'", &[r"A=x\ny"]),
            (r"A=x\ny", &[r"A=x\ny"]),
            (r"A=`x\ny`", &[r"A=x\ny"]),
            (r#"A="x\ny" z"#, &["A=\"x\ny\" z"]),
            ("A=$B\nB=${A}", &["A=$B", "B=${A}"]),
            // What is no entry.
            ("this is no line\nA=1\n=2\n!x=3\n[section]", &["A=1"]),
            ("A\n=1\nB\nC=2", &["A=1", "C=2"]),
            ("A:\n1", &["A=1"]),
            ("", &[]),
            ("\n\n  \n# x", &[]),
            ("A=1\nA=2", &["A=1", "A=2"]),
            (
                "A={\"x\": \"y\"}\nB=a=b=c",
                &["A={\"x\": \"y\"}", "B=a=b=c"],
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text), *wanted, "{text:?}");
        }
    }

    #[test]
    fn entries_and_odd_lines_know_their_lines() {
        let parsed = parse("# x\r\nA='1\n2'\n\nfoo bar\n  export B=3\nexport C d\n");
        let lines: Vec<usize> = parsed.entries.iter().map(|entry| entry.line).collect();
        assert_eq!(lines, [2, 6]);
        assert_eq!(parsed.odd, [(5, "foo".to_owned()), (7, "C".to_owned())]);
    }

    #[test]
    fn a_file_of_nothing_but_lines_is_read_at_once() {
        assert_eq!(parse(&"\n".repeat(1 << 20)), Parsed::default());
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "[A=:'\"`#\\\\ \n\r\u{2028}\u{feff}ä]{0,40}") {
            let parsed = parse(&text);
            prop_assert!(parsed.entries.iter().all(|entry| !entry.name.is_empty()));
        }

        #[test]
        fn what_is_quoted_is_read_as_it_is(value in "[^'\r\\\\]{0,40}") {
            let text = format!("A='{value}'\nB=1");
            prop_assert_eq!(read(&text), [format!("A={value}"), "B=1".to_owned()]);
        }
    }
}
