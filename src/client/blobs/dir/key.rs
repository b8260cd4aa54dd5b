//! Which keys are paths below a root.

/// The folder below the root in which files are written before they are shown.
pub(super) const TEMPORARY: &str = ".sterna-tmp";

/// The longest name of a file on the file systems in use, bytes.
const LONGEST_NAME: usize = 255;

/// The longest path that is handed to the system, bytes.
const LONGEST_PATH: usize = 4_000;

/// Why a key is no path below the root, if it is none.
pub(super) fn refusal(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        return Some("it is empty");
    }
    if key.starts_with('/') {
        return Some("it begins with a slash");
    }
    if key.contains('\0') {
        return Some("it contains NUL");
    }
    if key.len() > LONGEST_PATH {
        return Some("it is too long for a path");
    }
    key.split('/')
        .enumerate()
        .find_map(|(at, name)| match name {
            "" => Some("it has an empty component"),
            "." | ".." => Some("it has a component . or .."),
            TEMPORARY if at == 0 => Some("it lies where files are written before they are shown"),
            _ if name.len() > LONGEST_NAME => Some("a component is longer than 255 bytes"),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_leave_the_root_or_meet_another_are_refused() {
        let long = "x".repeat(256);
        for key in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "a/",
            "./a",
            "a/.",
            "a\0b",
            &long,
            ".sterna-tmp/x",
        ] {
            assert!(refusal(key).is_some(), "{key:?}");
        }
        for key in [
            "a",
            "a/b",
            "..a",
            "a..",
            "x/.sterna-tmp",
            " ",
            "é/ü",
            &long[1..],
        ] {
            assert_eq!(refusal(key), None, "{key:?}");
        }
    }
}
