//! What a room may import and give out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::imports::Modules;
use crate::source::{self, package, sources};

/// What each room may import, the rows of the map in `lib.rs`.
const ROOMS: &[(&str, &[&str])] = &[
    ("time", &[]),
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
        ],
    ),
    (
        "app",
        &[
            "time",
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
    ("cli", &["proto", "config", "app", "model", "monitor"]),
];

/// What a room gives out to rooms that may not import where it comes from. It can only become shorter: give a type of
/// its own, or name the room in the row.
const DOORS: &[(&str, &str)] = &[
    ("app", "engine::Listed"),
    ("app", "engine::Refused"),
    ("app", "runtime::Stop"),
    ("app", "runtime::StopLevel"),
    ("app", "runtime::Tasks"),
    ("app", "runtime::private::process"),
    ("monitor", "runtime::is_printable"),
    ("monitor", "runtime::printable"),
    ("monitor", "runtime::printable_json"),
];

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
fn statements(code: &str) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in code.lines().enumerate() {
        if open {
            let last = joined.last_mut().unwrap();
            last.1.push_str(line.trim());
        } else {
            joined.push((number + 1, line.to_owned()));
        }
        let current = &joined.last().unwrap().1;
        open = current.trim_start().starts_with("use ")
            || current.trim_start().starts_with("pub use ")
            || current.trim_start().starts_with("pub(crate) use ");
        open = open && !current.contains(';');
    }
    joined
}

/// The row of each room, with what it may import.
fn rows() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let rows = ROOMS.iter();
    // Every room may import `time`.
    rows.map(|(room, may)| (*room, may.iter().copied().chain(["time"]).collect()))
        .collect()
}

/// The rows of the map in the text of `lib.rs`: each room with what it may import.
fn map_in(text: &str) -> Vec<(String, Vec<String>)> {
    let section = text
        .split("//! # ")
        .find(|one| one.starts_with("The rooms"));
    let section = section.unwrap_or(text);
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "));
    let cells = rows.map(|row| row.trim_end_matches('|').split('|').map(str::trim));
    let rooms = cells.filter_map(|mut cells| {
        let room = cells.next()?.trim_matches(['[', ']', '`']).to_owned();
        let may = cells.nth(1)?.to_owned();
        Some((room, may))
    });
    let rooms: Vec<(String, String)> = rooms.filter(|(room, _)| room != "room").collect();
    let all: Vec<String> = rooms.iter().map(|(room, _)| room.clone()).collect();
    let read = |(room, may): (String, String)| {
        let words = |text: &str| -> Vec<String> {
            let words = text.split(',').flat_map(|part| part.split(" and "));
            words.map(|word| word.trim().to_owned()).collect()
        };
        let may = match may.strip_prefix("all but ") {
            Some(but) => {
                let but = words(but);
                let is_meant = |one: &&String| **one != room && !but.contains(*one);
                all.iter().filter(is_meant).cloned().collect()
            }
            None if may == "–" => Vec::new(),
            None => words(&may),
        };
        (room, may)
    };
    rooms.into_iter().map(read).collect()
}

/// Names that a room gives out of rooms which those who may import it may not import.
fn doors(modules: &Modules, rows: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (module, _, path) in modules.given_out() {
        let (Some(room), Some(origin)) = (module.first(), path.first()) else {
            continue;
        };
        if room == origin || !rows.contains_key(origin.as_str()) {
            continue;
        }
        let may_not =
            |may: &BTreeSet<&str>| may.contains(room.as_str()) && !may.contains(origin.as_str());
        let shut_out = rows
            .iter()
            .any(|(guest, may)| guest != origin && may_not(may));
        if shut_out {
            found.push((room.clone(), path.join("::")));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn rooms_import_only_what_their_row_names() {
    let rows = rows();
    let mut broken = Vec::new();
    for source in sources() {
        let room = source.room();
        // Tests of a room may stand on real parts of others.
        if room.is_empty() || source.path.split('/').any(|part| part == "tests") {
            continue;
        }
        let path = &source.path;
        let Some(may) = rows.get(room) else {
            broken.push(format!("{path}: the room `{room}` has no row"));
            continue;
        };
        for (number, line) in statements(&source::code(&source.text)) {
            for named in rooms_named(&line) {
                let is_room = rows.contains_key(named.as_str());
                if is_room && named != room && !may.contains(named.as_str()) {
                    broken.push(format!("{path}:{number}: `{room}` imports `{named}`"));
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
fn the_map_of_the_crate_says_what_the_rule_says() {
    let text = fs::read_to_string(package().join("src/lib.rs")).unwrap();
    let map = map_in(&text);
    let own = ROOMS.iter().map(|(room, may)| {
        let may = may.iter().map(|one| (*one).to_owned()).collect();
        ((*room).to_owned(), may)
    });
    assert_eq!(map, own.collect::<Vec<_>>());
}

#[test]
fn a_row_that_says_something_else_is_seen() {
    let text = "//! | room | owns | may import |\n//! |---|---|---|\n//! | [`a`] | x | – |\n//! | `b` | y, z | a |\n\
                //! | [`c`] | all | all but b |\n//! | [`d`] | | all but a and b |\n";
    let map = map_in(text);
    let show = |(room, may): &(String, Vec<String>)| format!("{room}: {}", may.join(" "));
    let shown: Vec<String> = map.iter().map(show).collect();
    assert_eq!(shown, ["a: ", "b: a", "c: a d", "d: c"]);
}

#[test]
fn rooms_give_out_only_what_their_guests_may_import() {
    let found = doors(&Modules::of(sources()), &rows());
    let listed = DOORS
        .iter()
        .map(|(room, path)| ((*room).to_owned(), (*path).to_owned()));
    assert_eq!(found, listed.collect::<Vec<_>>());
}

#[test]
fn a_door_round_the_table_is_found() {
    let rows: BTreeMap<&str, BTreeSet<&str>> = [
        ("low", BTreeSet::new()),
        ("mid", BTreeSet::from(["low"])),
        ("top", BTreeSet::from(["mid"])),
    ]
    .into();
    let of = |text: &str| {
        let sources = vec![
            source::Source::of("low/mod.rs", "pub struct A;"),
            source::Source::of("mid/mod.rs", text),
        ];
        doors(&Modules::of(sources), &rows)
    };
    let door = vec![("mid".to_owned(), "low::A".to_owned())];
    assert_eq!(of("pub use crate::low::A;"), door);
    assert_eq!(of("pub use crate::{low::{A as B}};").len(), 1);
    assert!(of("use crate::low::A;\npub use std::fmt;").is_empty());
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
    let joined = statements("use crate::{\n    app::App,\n};");
    assert_eq!(joined.len(), 1);
    assert_eq!(rooms_named(&joined[0].1), ["app"]);
}
