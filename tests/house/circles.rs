//! No files of a room import each other.
//!
//! Who changes one file of a circle has to understand all of them. The usual cures: a type that both use gets a file of
//! its own; the entry point moves up; what is pure is parted from what does.

use crate::imports::{Modules, circles};
use crate::source::sources;

#[test]
fn no_files_of_a_room_import_each_other() {
    let mut needs = Modules::of(sources()).needs();
    for (module, needed) in &mut needs {
        needed.retain(|other| other.first() == module.first());
    }
    let mut found = Vec::new();
    for circle in circles(&needs) {
        for module in &circle {
            let others = needs[module].iter().filter(|other| circle.contains(other));
            let others: Vec<String> = others.map(|other| other.join("::")).collect();
            found.push(format!(
                "  {} needs {}",
                module.join("::"),
                others.join(", ")
            ));
        }
        found.push(String::new());
    }
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
}
