//! No files of a room import each other.
//!
//! Who changes one file of a circle has to understand all of them. The usual cures: a type that both use gets a file of
//! its own; the entry point moves up; what is pure is parted from what does.

use std::collections::BTreeMap;

use crate::imports::{Modules, circles};
use crate::source::sources;

/// Rooms that still have circles. It can only become shorter: one without any has to go.
const UNFINISHED: &[&str] = &[];

#[test]
fn no_files_of_a_room_import_each_other() {
    let mut needs = Modules::of(sources()).needs();
    for (module, needed) in &mut needs {
        needed.retain(|other| other.first() == module.first());
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for circle in circles(&needs) {
        let room = circle[0][0].clone();
        for module in &circle {
            let others = needs[module].iter().filter(|other| circle.contains(other));
            let others: Vec<String> = others.map(|other| other.join("::")).collect();
            let line = format!("  {} needs {}", module.join("::"), others.join(", "));
            found.entry(room.clone()).or_default().push(line);
        }
        found.entry(room).or_default().push(String::new());
    }
    let (known, new): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(room, _)| UNFINISHED.contains(&room.as_str()));
    let new: Vec<String> = new.into_iter().flat_map(|(_, lines)| lines).collect();
    assert!(new.is_empty(), "circles:\n{}", new.join("\n"));
    let known: Vec<String> = known.into_iter().map(|(room, _)| room).collect();
    assert_eq!(known, UNFINISHED, "rooms without circles leave the list");
}
