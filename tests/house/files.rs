//! What a file may be.

use std::collections::BTreeMap;

use crate::source::{self, Source, line_of, sources};

/// The code lines a file may have before it must be split.
const LINES_CAP: usize = 400;

/// The files a folder may have.
const FILES_CAP: usize = 14;

/// Files `mod.rs` that hold more than docs, modules and re-exports. It can only become shorter.
const WITH_LOGIC: &[&str] = &[
    "app/uploads/setup/tests/mod.rs",
    "engine/tests/crashing/mod.rs",
    "engine/tests/mod.rs",
    "engine/tests/rolling/mod.rs",
    "engine/tests/sharing/mod.rs",
    "engine/tests/simulation/mod.rs",
    "state/rows/mod.rs",
];

/// Files and folders that are too large. It can only become shorter.
const TOO_LARGE: &[&str] = &["engine/tests", "model"];

/// The first line of a `mod.rs` that is no attribute, module, import or re-export; none if it has no other.
fn logic_in(text: &str) -> Option<usize> {
    let code = source::code(text);
    let code = source::without(&code, &source::tests_in(&code));
    let mut at = 0;
    loop {
        let rest = &code[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &code[at..];
        if rest.is_empty() {
            return None;
        }
        if rest.starts_with('#') {
            at += rest.find(']').map_or(rest.len(), |end| end + 1);
            continue;
        }
        let words = rest
            .split([' ', '\n', ';', '{'])
            .filter(|word| !word.is_empty());
        let mut words = words.skip_while(|word| {
            word.starts_with("pub") || word.starts_with("in") || word.ends_with(')')
        });
        if !matches!(words.next(), Some("mod" | "use")) {
            return Some(line_of(text, at));
        }
        at = source::item_end(&code, at);
        let is_inline = code[..at].ends_with('}') && !rest.contains("use ");
        if is_inline {
            return Some(line_of(text, at));
        }
        at += usize::from(code[at..].starts_with(';'));
    }
}

#[test]
fn files_are_small_enough_to_be_understood_at_once() {
    let mut broken = Vec::new();
    let mut per_folder: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources() {
        let path = &source.path;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *per_folder.entry(folder.to_owned()).or_default() += 1;
        if path.ends_with("/tests.rs") {
            continue;
        }
        let code = source::code(&source.text);
        let body = code
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        let count = body.filter(|line| !line.trim().is_empty()).count();
        if count > LINES_CAP {
            broken.push((path.clone(), count, LINES_CAP));
        }
    }
    for (folder, count) in per_folder {
        // The commands are one file each by rule, so their folder grows with them.
        if count > FILES_CAP && folder != "cli/commands" {
            broken.push((folder, count, FILES_CAP));
        }
    }
    broken.sort();
    let paths: Vec<&str> = broken.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(
        paths, TOO_LARGE,
        "with its lines or files, and how many may be: {broken:?}"
    );
}

#[test]
fn every_module_says_what_it_owns() {
    let is_mute = |source: &Source| !source.text.starts_with("//!");
    let mute: Vec<String> = sources()
        .into_iter()
        .filter(is_mute)
        .map(|source| source.path)
        .collect();
    assert!(
        mute.is_empty(),
        "files without a `//!` line:\n{}",
        mute.join("\n")
    );
}

#[test]
fn a_module_file_only_says_what_there_is() {
    let roots = sources()
        .into_iter()
        .filter(|source| source.path.ends_with("/mod.rs"));
    let found = roots.filter_map(|source| logic_in(&source.text).map(|line| (source.path, line)));
    let found: Vec<(String, usize)> = found.collect();
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, WITH_LOGIC, "with its first line: {found:?}");
}

#[test]
fn logic_in_a_module_file_is_found() {
    let plain = "//! Docs.\n\n#![allow(x)]\nmod a;\n#[cfg(feature = \"x\")]\npub(in crate::b) mod b;\n\
                 pub use a::{B, C};\npub(crate) use b::*;\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
    assert_eq!(logic_in(plain), None);
    for fault in [
        "fn f() {}",
        "pub struct A;",
        "const A: u8 = 1;",
        "impl A {}",
        "pub mod c { fn f() {} }",
        "macro_rules! m { () => {} }",
    ] {
        assert_eq!(
            logic_in(&format!("{plain}\n{fault}\n")),
            Some(14),
            "{fault}"
        );
    }
}
