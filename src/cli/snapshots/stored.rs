//! The comparer: a text, and the file that holds it.

use std::fs;
use std::path::PathBuf;

/// A folder of stored texts.
pub(super) struct Stored(&'static str);

impl Stored {
    /// The texts in `folder`, below `tests/cli/snapshots`.
    pub(super) const fn of(folder: &'static str) -> Self {
        Self(folder)
    }

    fn folder(&self) -> PathBuf {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.join("tests/cli/snapshots").join(self.0)
    }

    /// Fails when `text` is not what the file says; writes the file instead if that was asked for.
    #[track_caller]
    pub(super) fn holds(&self, name: &str, text: &str) {
        let file = self.folder().join(format!("{name}.txt"));
        // Editors end a file with a line end, and leave no space before one.
        let lines = text.lines().map(str::trim_end);
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        if is_updating() {
            fs::create_dir_all(self.folder()).unwrap();
            fs::write(&file, text).unwrap();
            return;
        }
        let stored = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            stored == text,
            "{} says something else; if the new text is right, run STERNA_SNAPSHOTS=update cargo test --lib snapshots\n{}",
            file.display(),
            difference(&stored, &text)
        );
    }

    /// Fails when the folder holds a text of any other name.
    #[track_caller]
    pub(super) fn holds_only(&self, names: &[String]) {
        for entry in fs::read_dir(self.folder()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if !names.iter().any(|known| *known == name) {
                assert!(is_updating(), "{} is of no use", path.display());
                fs::remove_file(&path).unwrap();
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how the tests run is no setting of the program"
)]
fn is_updating() -> bool {
    std::env::var_os("STERNA_SNAPSHOTS").is_some_and(|value| value == "update")
}

/// The first lines that differ, stored before new.
fn difference(stored: &str, new: &str) -> String {
    let mut stored = stored.lines();
    let mut new = new.lines();
    let mut number = 0;
    loop {
        number += 1;
        match (stored.next(), new.next()) {
            (None, None) => return "only their ends differ".to_owned(),
            (before, now) if before != now => {
                let shown = |line: Option<&str>| line.unwrap_or("(no line)").to_owned();
                return format!("line {number}\n  - {}\n  + {}", shown(before), shown(now));
            }
            _ => {}
        }
    }
}

#[test]
fn a_change_is_shown_by_its_line() {
    assert_eq!(difference("a\nb\n", "a\nc\n"), "line 2\n  - b\n  + c");
    assert_eq!(difference("a\n", "a\nc\n"), "line 2\n  - (no line)\n  + c");
}
