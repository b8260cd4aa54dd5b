//! Shared rooms do not speak of one migration.
//!
//! What the engine, the state, the plan, the model and the monitor say of uploads, every other migration would have to
//! live with.

use crate::source::{self, line_of, sources};

/// The rooms that every migration shares.
const SHARED: &[&str] = &["engine", "state", "plan", "model", "monitor", "app/session"];

/// Whether a file is in one of them.
fn is_shared(path: &str) -> bool {
    let is_in = |room: &&str| {
        path.strip_prefix(*room)
            .is_some_and(|rest| rest.starts_with(['/', '.']))
    };
    SHARED.iter().any(is_in)
}

/// Words of the uploads migration, in the singular.
const WORDS: &[&str] = &["upload", "space", "customer", "gateway", "shard", "carpark"];

/// The same of two words.
const PAIRS: &[(&str, &str)] = &[("index", "claim"), ("location", "claim")];

/// What is said with one of the words and means something else.
const ALLOWED: &[&str] = &[
    "free space",
    "disk space",
    "space on disk",
    "space on the disk",
    "space of the disk",
    "white space",
    "address space",
];

/// The words of a text, lower case, each with the byte it begins at: parts of names count as words.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut last = ' ';
    for (at, letter) in text.char_indices() {
        if letter.is_alphabetic() {
            let begins = !last.is_alphabetic() || (letter.is_uppercase() && !last.is_uppercase());
            if begins {
                found.push((at, String::new()));
            }
            if let Some((_, word)) = found.last_mut() {
                word.extend(letter.to_lowercase());
            }
        }
        last = letter;
    }
    found
}

/// Whether a word is one of these, or more than one of it, or done with it.
fn is_one(word: &str, of: &str) -> bool {
    let Some(end) = word.strip_prefix(of) else {
        return false;
    };
    matches!(end, "" | "s" | "ed" | "er" | "ers" | "ing")
}

/// The words of the migration in a text, each with its line.
fn foreign(text: &str) -> Vec<(usize, String)> {
    let mut plain = text.to_lowercase();
    // Letters that change their length with their case would move all that follows.
    if plain.len() != text.len() {
        text.clone_into(&mut plain);
    }
    let mut text = text.to_owned();
    for phrase in ALLOWED {
        while let Some(at) = plain.find(phrase) {
            let range = at..at + phrase.len();
            plain.replace_range(range.clone(), &" ".repeat(phrase.len()));
            text.replace_range(range, &" ".repeat(phrase.len()));
        }
    }
    let words = words(&text);
    let mut found = Vec::new();
    for (number, (at, word)) in words.iter().enumerate() {
        let (next_at, next) = words
            .get(number + 1)
            .map_or((text.len(), ""), |(at, next)| (*at, next.as_str()));
        let between = text.get(at + word.len()..next_at);
        let is_near = matches!(between, Some("" | " " | "_" | "-"));
        let is_pair = |(one, other): &(&str, &str)| is_near && word == one && is_one(next, other);
        if WORDS.iter().any(|of| is_one(word, of)) {
            found.push((line_of(&text, *at), word.clone()));
        } else if PAIRS.iter().any(is_pair) {
            found.push((line_of(&text, *at), format!("{word} {next}")));
        }
    }
    found
}

#[test]
fn shared_rooms_do_not_speak_of_one_migration() {
    let mut lines = Vec::new();
    for source in source::without_test_files(sources()) {
        if !is_shared(&source.path) {
            continue;
        }
        let tests = source::tests_in(&source::code(&source.text));
        let words = foreign(&source::without(&source.text, &tests)).into_iter();
        lines.extend(words.map(|(line, word)| format!("src/{}:{line}: {word}", source.path)));
    }
    assert!(lines.is_empty(), "words of uploads:\n{}", lines.join("\n"));
}

#[test]
fn words_are_found_in_names_and_prose_and_not_in_other_words() {
    for fault in [
        "/// Space of a customer",
        "struct SpaceDid;",
        "fn upload_rows() {}",
        "const SPACES: u8 = 1;",
        "let UPLOADS_TABLE = \"x\";",
        "// sharded",
        "an index claim",
        "index-claims",
        "a name, a space",
    ] {
        assert!(!foreign(fault).is_empty(), "{fault}");
    }
    for fine in [
        "struct Namespace;",
        "char::is_whitespace",
        "no free space on disk",
        "/// The disk space that is left",
        "an index, claims",
        "spacecraft",
    ] {
        let found = foreign(fine);
        assert!(found.is_empty(), "{fine}: {found:?}");
    }
    assert_eq!(foreign("a\nb space"), [(2, "space".to_owned())]);
}
