//! Reading the sources: which files there are, and their text without what no rule is about.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file: where it stands below `src`, and its text.
pub(crate) struct Source {
    /// Path below `src`, with `/` between the parts.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl Source {
    /// A source that a test of a rule makes up.
    pub(crate) fn of(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The room it belongs to; empty for `lib.rs` and `main.rs`.
    pub(crate) fn room(&self) -> &str {
        room_of(&self.path)
    }

    /// The parts of its module path, without `crate`.
    pub(crate) fn module(&self) -> Vec<String> {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        if matches!(
            parts.last().map(String::as_str),
            Some("mod" | "lib" | "main")
        ) {
            parts.pop();
        }
        parts
    }
}

/// The root of the package.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source of the package, sorted by path.
pub(crate) fn sources() -> Vec<Source> {
    let root = package().join("src");
    let read = |file: PathBuf| {
        let path = file.strip_prefix(&root).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        Source { path, text }
    };
    let mut sources: Vec<Source> = rust_files(&root).into_iter().map(read).collect();
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

/// The Rust files below a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The room of a path below `src`; empty for `lib.rs` and `main.rs`.
pub(crate) fn room_of(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or_default();
    match first.strip_suffix(".rs").unwrap_or(first) {
        "lib" | "main" => "",
        room => room,
    }
}

/// The number of the line that a byte stands in, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The text with blanks for comments and for what stands in quotes; bytes and lines keep their places.
pub(crate) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (taken, is_blank) = match hidden(rest, &out) {
            Some(length) => (length, true),
            None => (first.len_utf8(), false),
        };
        let (now, later) = rest.split_at(taken);
        for letter in now.chars() {
            if is_blank && letter != '\n' {
                out.extend(std::iter::repeat_n(' ', letter.len_utf8()));
            } else {
                out.push(letter);
            }
        }
        rest = later;
    }
    out
}

/// The bytes of the comment or literal that begins here.
fn hidden(text: &str, before: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    let is_inside_word = before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    if text.starts_with('r') && !is_inside_word {
        let hashes = text[1..]
            .chars()
            .take_while(|letter| *letter == '#')
            .count();
        if text[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let from = hashes + 2;
            let length = text[from..].find(&end);
            return Some(length.map_or(text.len(), |length| from + length + end.len()));
        }
    }
    if text.starts_with('"') {
        return Some(quoted(text, '"'));
    }
    // A lifetime has no quote behind its first letter.
    let mut letters = text.strip_prefix('\'')?.chars();
    let is_letter = letters.next() == Some('\\') || letters.next() == Some('\'');
    is_letter.then(|| quoted(text, '\''))
}

/// The bytes of a literal up to its closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let inside = text.strip_prefix(quote).unwrap_or(text);
    let open = text.len() - inside.len();
    for (at, letter) in inside.char_indices() {
        if !is_escaped && letter == quote {
            return open + at + letter.len_utf8();
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    text.len()
}

/// What stands under `#[cfg(test)]` in code (see [`code`]), as ranges of bytes.
pub(crate) fn tests_in(code: &str) -> Vec<std::ops::Range<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for (start, _) in code.match_indices(MARK) {
        if found.last().is_none_or(|last| last.end <= start) {
            found.push(start..item_end(code, start + MARK.len()));
        }
    }
    found
}

/// Where the item that begins at a byte ends: behind its `;`, or behind the bracket that closes its body.
pub(crate) fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_i32;
    for (at, letter) in code[from..].char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth -= 1;
                if depth == 0 && letter == '}' {
                    return from + at + 1;
                }
            }
            ';' | ',' if depth == 0 => return from + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The text with blanks in some ranges.
pub(crate) fn without(text: &str, ranges: &[std::ops::Range<usize>]) -> String {
    let mut out = text.to_owned();
    for range in ranges {
        let blank: String = text[range.clone()]
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
            .collect();
        out.replace_range(range.clone(), &blank);
    }
    out
}

/// The sources without those that only tests have: modules under `#[cfg(test)]`, and all below them.
pub(crate) fn without_test_files(sources: Vec<Source>) -> Vec<Source> {
    let mut only_tests: Vec<Vec<String>> = Vec::new();
    for source in &sources {
        let code = code(&source.text);
        for range in tests_in(&code) {
            let item = &code[range];
            let Some(name) = item.trim_end().strip_suffix(';').and_then(|item| {
                let (_, name) = item.rsplit_once("mod ")?;
                Some(name.trim())
            }) else {
                continue;
            };
            let mut module = source.module();
            module.push(name.to_owned());
            only_tests.push(module);
        }
    }
    let is_kept = |source: &Source| {
        let module = source.module();
        !only_tests.iter().any(|tests| module.starts_with(tests))
    };
    sources.into_iter().filter(is_kept).collect()
}

#[test]
fn comments_quotes_and_tests_are_told_from_code() {
    let text = "let a = \"x // ; }\"; // no\nlet b = 'ä'; /* { */ fn f<'a>(x: &'a str) {}\nlet c = r#\"q\"q\"#;";
    let seen = code(text);
    assert_eq!(seen.len(), text.len());
    for gone in ["x", "no", "ä", "/*", "q"] {
        assert!(!seen.replace("x: &", "").contains(gone), "{gone}: {seen}");
    }
    assert!(seen.contains("fn f<'a>(x: &'a str) {}"));
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { { } }\n}\nfn c() {}\n#[cfg(test)]\nmod d;\n";
    let rest = without(text, &tests_in(&code(text)));
    assert_eq!(
        rest.split_whitespace().collect::<Vec<_>>().join(" "),
        "fn a() {} fn c() {}"
    );
}

#[test]
fn files_that_only_tests_have_are_left_out() {
    let sources = vec![
        Source::of("a/mod.rs", "mod b;\n#[cfg(test)]\nmod tests;\n"),
        Source::of("a/b.rs", ""),
        Source::of("a/tests.rs", ""),
        Source::of("a/tests/c.rs", ""),
    ];
    let kept = without_test_files(sources);
    let kept: Vec<&str> = kept.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(kept, ["a/mod.rs", "a/b.rs"]);
}
