//! The house rules that the compiler does not keep inside one crate.
//!
//! Each room may import only what its row of the map in `lib.rs` names. The test
//! reads the sources, so a forbidden edge fails with its file and line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may import, the rows of the map in `lib.rs`.
const ROOMS: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("runtime", &[]),
    ("aws", &["runtime"]),
    ("model", &["proto"]),
    ("plan", &["model"]),
    ("client", &["proto", "runtime", "aws", "model"]),
    ("state", &["model", "runtime", "aws"]),
    ("engine", &["model", "runtime", "state"]),
    (
        "migrations",
        &["proto", "runtime", "model", "client", "state", "engine"],
    ),
    ("monitor", &["model", "runtime", "state"]),
    ("sandbox", &["proto", "runtime"]),
    (
        "config",
        &[
            "proto",
            "runtime",
            "model",
            "plan",
            "client",
            "state",
            "engine",
            "migrations",
            "monitor",
            "sandbox",
        ],
    ),
    (
        "app",
        &[
            "proto",
            "runtime",
            "model",
            "plan",
            "client",
            "state",
            "engine",
            "migrations",
            "monitor",
            "sandbox",
            "config",
        ],
    ),
    ("cli", &["config", "app", "model", "monitor"]),
];

/// The code lines a file may have before it must be split.
const LINES_CAP: usize = 400;

/// The files a folder may have.
const FILES_CAP: usize = 14;

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
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
    found.sort();
    found
}

/// The room a source file belongs to, `None` for `lib.rs` and `main.rs`.
fn room_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(source_root()).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(room, "lib" | "main")).then(|| room.to_owned())
}

/// Source text without comments and string contents, so that prose cannot break a rule.
fn code_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| {
            let code = line.split("//").next().unwrap_or_default();
            let mut out = String::new();
            let mut quoted = false;
            let mut last = ' ';
            for letter in code.chars() {
                if letter == '"' && last != '\\' {
                    quoted = !quoted;
                }
                if !quoted {
                    out.push(letter);
                }
                last = letter;
            }
            out
        })
        .collect()
}

/// The rooms that one line of code names through `crate::` or `sterna::`.
fn rooms_named(line: &str) -> Vec<String> {
    let mut named = Vec::new();
    for start in ["crate::", "sterna::"] {
        for (at, _) in line.match_indices(start) {
            let rest = &line[at + start.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let group = group.split(';').next().unwrap_or_default();
                let mut depth = 0;
                let mut word = String::new();
                for letter in group.chars() {
                    match letter {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => word.clear(),
                        letter if depth == 0 && (letter.is_alphanumeric() || letter == '_') => {
                            word.push(letter);
                        }
                        ':' if depth == 0 && !word.is_empty() => {
                            named.push(std::mem::take(&mut word));
                        }
                        _ => {}
                    }
                }
            } else {
                named.push(
                    rest.chars()
                        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                        .collect(),
                );
            }
        }
    }
    named
}

/// Joins each `use crate::{…}` that spans lines into one, keeping its first line number.
fn statements(lines: &[String]) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in lines.iter().enumerate() {
        if open {
            let last = joined.last_mut().unwrap();
            last.1.push_str(line.trim());
        } else {
            joined.push((number + 1, line.clone()));
        }
        let current = &joined.last().unwrap().1;
        open = current.trim_start().starts_with("use ")
            || current.trim_start().starts_with("pub use ")
            || current.trim_start().starts_with("pub(crate) use ");
        open = open && !current.contains(';');
    }
    joined
}

#[test]
fn rooms_import_only_what_their_row_names() {
    let rows: BTreeMap<&str, BTreeSet<&str>> = ROOMS
        .iter()
        .map(|(room, may)| (*room, may.iter().copied().collect()))
        .collect();
    let mut broken = Vec::new();
    for file in rust_files(&source_root()) {
        let Some(room) = room_of(&file) else { continue };
        // Tests of a room may stand on real parts of others.
        if file.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let Some(may) = rows.get(room.as_str()) else {
            broken.push(format!("{}: the room `{room}` has no row", file.display()));
            continue;
        };
        for (number, line) in statements(&code_of(&file)) {
            for named in rooms_named(&line) {
                if rows.contains_key(named.as_str())
                    && named != room
                    && !may.contains(named.as_str())
                {
                    broken.push(format!(
                        "{}:{number}: `{room}` imports `{named}`",
                        file.display()
                    ));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "forbidden imports:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_import_reader_sees_every_form() {
    assert_eq!(rooms_named("use crate::proto::did::Did;"), ["proto"]);
    assert_eq!(
        rooms_named("use crate::{client::{Config, Error}, model::Unit};"),
        ["client", "model"]
    );
    assert_eq!(
        rooms_named("let x = crate::engine::run(crate::state::Config);"),
        ["engine", "state"]
    );
    let split = [
        "use crate::{".to_owned(),
        "    app::App,".to_owned(),
        "};".to_owned(),
    ];
    let joined = statements(&split);
    assert_eq!(joined.len(), 1);
    assert_eq!(rooms_named(&joined[0].1), ["app"]);
}

#[test]
fn files_are_small_enough_to_be_understood_at_once() {
    let mut broken = Vec::new();
    let mut per_folder: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for file in rust_files(&source_root()) {
        *per_folder
            .entry(file.parent().unwrap().to_path_buf())
            .or_default() += 1;
        if file.ends_with("tests.rs") {
            continue;
        }
        let lines = code_of(&file);
        let body = lines
            .iter()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        let count = body.filter(|line| !line.trim().is_empty()).count();
        if count > LINES_CAP {
            broken.push(format!(
                "{}: {count} code lines, at most {LINES_CAP}",
                file.display()
            ));
        }
    }
    for (folder, count) in per_folder {
        // The commands are one file each by rule, so their folder grows with them.
        let is_commands = folder.ends_with("cli/commands");
        if count > FILES_CAP && !is_commands {
            broken.push(format!(
                "{}: {count} files, at most {FILES_CAP}",
                folder.display()
            ));
        }
    }
    assert!(broken.is_empty(), "too large:\n{}", broken.join("\n"));
}

#[test]
fn every_module_says_what_it_owns() {
    let mute: Vec<String> = rust_files(&source_root())
        .into_iter()
        .filter(|file| !fs::read_to_string(file).unwrap().starts_with("//!"))
        .map(|file| file.display().to_string())
        .collect();
    assert!(
        mute.is_empty(),
        "files without a `//!` line:\n{}",
        mute.join("\n")
    );
}

/// The engine is simulated, and a seed that fails has to fail again: `select!` polls its branches in
/// an order that chance sets, unless it is `biased`; a thread of its own comes when it comes.
#[test]
fn the_engine_takes_no_chances() {
    let engine = source_root().join("engine");
    let mut broken = Vec::new();
    for file in rust_files(&engine) {
        let lines = code_of(&file);
        for (number, pair) in lines.windows(2).enumerate() {
            let unbiased = pair[0].contains("select! {") && pair[1].trim() != "biased;";
            let thread = pair[0].contains("spawn_blocking") || pair[0].contains("tokio::spawn");
            let is_test = file.starts_with(engine.join("tests"));
            if unbiased || (thread && !is_test) {
                broken.push(format!("{}:{}", file.display(), number + 1));
            }
        }
    }
    assert!(broken.is_empty(), "left to chance:\n{}", broken.join("\n"));
}

#[test]
fn every_proof_that_the_security_page_names_is_there() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md")).unwrap();
    // What stands between two backticks.
    let named = page.split('`').enumerate();
    let named = named.filter_map(|(at, text)| (at % 2 == 1).then_some(text));
    let is_file = |text: &&str| text.starts_with("tests/") || text.starts_with("src/");
    let files: BTreeSet<&str> = named.filter(is_file).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        assert!(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(),
            "SECURITY.md names {file}"
        );
    }
}
