//! Every page, section and number that sources and guides cite exists in this repository.
//!
//! There is one way to cite a page, in comments and guides alike: `docs/PAGE.md`, then sections
//! (`§2`, `§2-§4`, `§4, §6`) or, for a page of numbered entries, entries (`33`, `34-37`, `1, 32`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `folder` with this extension, without what the network's JavaScript libraries bring.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("node_modules") && !path.ends_with("target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|end| end == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The guides at the top, and every page of `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    pages.extend(files("docs", "md"));
    pages.sort();
    pages
}

fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

/// The text of a source file as one line, without the marks of comments: citations may be wrapped.
fn unwrapped(source: &str) -> String {
    let plain = source.lines().map(|line| {
        let line = line.trim();
        let comment = ["//!", "///", "//"]
            .iter()
            .find_map(|mark| line.strip_prefix(mark));
        comment.unwrap_or(line).trim()
    });
    plain.collect::<Vec<_>>().join(" ")
}

/// A page as its citations see it.
struct Page {
    /// Numbers of its `## N.` headings.
    sections: BTreeSet<u32>,
    /// Numbers of its entries, the lines that begin with `N. `.
    entries: BTreeSet<u32>,
    /// Its headings in the form that links use.
    anchors: BTreeSet<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let number = |line: &str| line.split_once(". ").and_then(|(n, _)| n.parse().ok());
        let headings = || text.lines().filter(|line| line.starts_with('#'));
        Self {
            sections: headings()
                .filter_map(|line| number(line.strip_prefix("## ")?))
                .collect(),
            entries: text.lines().filter_map(number).collect(),
            anchors: headings().map(anchor).collect(),
        }
    }
}

/// The part of a link after `#` that leads to this heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// The first number of a text, and what is left after it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// The numbers that follow the name of a page: of sections (with `§`) or of entries.
fn cited(mut rest: &str) -> (BTreeSet<u32>, bool) {
    let mut numbers = BTreeSet::new();
    let Some(first) = rest.strip_prefix(' ') else {
        return (numbers, false);
    };
    rest = first;
    let section = rest.starts_with('§');
    let one = |text| {
        number(if section {
            str::strip_prefix(text, '§')?
        } else {
            text
        })
    };
    while let Some((from, after)) = one(rest) {
        let (to, after) = after
            .strip_prefix('-')
            .and_then(&one)
            .unwrap_or((from, after));
        numbers.extend(from..=to);
        let Some(next) = after.strip_prefix(", ") else {
            break;
        };
        rest = next;
    }
    (numbers, section)
}

/// What is wrong with the citations in a text, where `page` reads a page by its path from the top.
fn faults(text: &str, page: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, _) in text.match_indices("docs/") {
        let path_end = text[at..]
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || "/._-".contains(letter)))
            .map_or(text.len(), |end| at + end);
        let Some(path) = text[at..path_end]
            .find(".md")
            .map(|end| &text[at..at + end + 3])
        else {
            continue;
        };
        let Some(page) = page(path).map(|text| Page::read(&text)) else {
            faults.push(format!("{path} does not exist"));
            continue;
        };
        let (numbers, section) = cited(&text[at + path.len()..]);
        let (has, sign) = if section {
            (&page.sections, "§")
        } else {
            (&page.entries, "")
        };
        let missing = numbers.iter().filter(|number| !has.contains(number));
        faults.extend(missing.map(|number| format!("{path} has no {sign}{number}")));
    }
    // Ways to cite that lead nowhere.
    for old in ["protocol: ", "design §", "spec: ", "design.md §"] {
        for (at, _) in text.match_indices(old) {
            let after = &text[at + old.len()..];
            let before = &text[..at];
            let word: String = after.chars().take_while(|c| *c != ' ').collect();
            let is_page = page(&format!(
                "docs/protocol/{}.md",
                word.trim_end_matches([',', ')'])
            ));
            if (old.contains('§') && !before.ends_with("docs/")) || is_page.is_some() {
                faults.push(format!("`{old}{word}`: cite it as docs/…/PAGE.md"));
            }
        }
    }
    faults
}

/// Links of a page to other files: their targets.
fn links(page: &str) -> Vec<&str> {
    let targets = page
        .match_indices("](")
        .map(|(at, sign)| &page[at + sign.len()..]);
    targets
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains("://"))
        .collect()
}

fn stored(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

#[test]
fn every_page_that_sources_cite_exists() {
    let mut broken = Vec::new();
    let mut citations = 0;
    for folder in ["src", "tests", "benches", "fuzz"] {
        for file in files(folder, "rs") {
            if file.ends_with("tests/docs.rs") {
                continue;
            }
            let text = unwrapped(&fs::read_to_string(&file).unwrap());
            citations += text.matches("docs/").count();
            let found = faults(&text, &stored);
            broken.extend(
                found
                    .iter()
                    .map(|fault| format!("{}: {fault}", name(&file))),
            );
        }
    }
    assert!(citations > 100, "only {citations} citations were read");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut broken = Vec::new();
    for file in pages() {
        let text = fs::read_to_string(&file).unwrap();
        let mut found = faults(&text, &stored);
        for link in links(&text) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                file.clone()
            } else {
                file.parent().unwrap().join(path)
            };
            if !target.exists() {
                found.push(format!("{link} does not exist"));
            } else if !heading.is_empty() {
                let target = Page::read(&fs::read_to_string(&target).unwrap());
                if !target.anchors.contains(heading) {
                    found.push(format!("{link}: no such heading"));
                }
            }
        }
        broken.extend(
            found
                .iter()
                .map(|fault| format!("{}: {fault}", name(&file))),
        );
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_source_that_a_page_names_exists() {
    let mut broken = Vec::new();
    for file in pages() {
        let text = fs::read_to_string(&file).unwrap();
        // What stands between two backticks.
        let pieces: Vec<&str> = text.split('`').collect();
        let quoted = pieces.chunks(2).filter_map(|pair| pair.get(1));
        let sources = quoted.filter(|text| {
            ["src/", "tests/", "scripts/", "docs/"]
                .iter()
                .any(|folder| text.starts_with(folder))
                && !text.contains(".js")
                && !text.contains([' ', '*', '{', '…'])
        });
        for source in sources {
            if !root().join(source).exists() {
                broken.push(format!("{}: {source}", name(&file)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_wrong_citation_is_found() {
    let page = |path: &str| {
        (path == "docs/protocol/tables.md")
            .then(|| "# Tables\n## 1. One\n## 2. Two\n\n7. Seventh\n8. Eighth\n".to_owned())
    };
    let faults = |text: &str| faults(&unwrapped(text), &page);
    let none: [String; 0] = [];

    assert_eq!(faults("//! Names (docs/protocol/tables.md §1, §2)."), none);
    assert_eq!(faults("/// (docs/protocol/tables.md\n/// §1-§2)"), none);
    assert_eq!(faults("// docs/protocol/tables.md 7-8."), none);
    assert_eq!(faults("// docs/protocol/tables.md"), none);
    assert_eq!(
        faults("/// Keys (docs/protocol/tables.md §2, §3)."),
        ["docs/protocol/tables.md has no §3"]
    );
    assert_eq!(
        faults("/// Keys (docs/protocol/tables.md\n    /// 8-9)."),
        ["docs/protocol/tables.md has no 9"]
    );
    assert_eq!(
        faults("// docs/protocol/table.md §1"),
        ["docs/protocol/table.md does not exist"]
    );
    assert_eq!(
        faults("/// Old (protocol: tables §2)."),
        ["`protocol: tables`: cite it as docs/…/PAGE.md"]
    );
    assert_eq!(
        faults("// See design §3."),
        ["`design §3.`: cite it as docs/…/PAGE.md"]
    );
    assert_eq!(faults("protocol: Protocol::Blob"), none);
    assert_eq!(anchor("## What is `--steal`?"), "what-is---steal");
    assert_eq!(links("[a](b.md#c) and [d](https://e)"), ["b.md#c"]);
}
