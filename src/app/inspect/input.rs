//! What the inspect tools read: a file, a pipe, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Result;

use crate::app::{CommandError, Kind};
use crate::config::is_stdin;

/// The largest input that is read as a whole, in bytes.
const MOST: u64 = 256 << 20;

/// How an input is called in what is said of it.
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".into()
    } else {
        path.display().to_string()
    }
}

/// Opens a file or a pipe; `-` is standard input.
///
/// # Errors
/// [`CommandError`] with the path and what the system said.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, CommandError> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)
        .map_err(|error| CommandError::of_io(format!("open {}", name(path)), &error))?;
    Ok(Box::new(file))
}

/// All bytes of a file or a pipe.
///
/// # Errors
/// [`CommandError`] with the path and what the system said, or that it is too large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    up_to(open(path)?, MOST, &name(path))
}

fn up_to(from: impl Read, most: u64, name: &str) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    from.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CommandError::of_io(format!("read {name}"), &error))?;
    if bytes.len() as u64 > most {
        return Err(CommandError::new(
            Kind::Usage,
            format!("read {name}: it is larger than {} MiB", most >> 20),
            "no index or delegation is that large",
            "name the right file",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_an_absent_file_and_one_without_an_end_are_wrong_input() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("absent")] {
            let trouble = read(&path).unwrap_err();
            assert_eq!(trouble.kind, Kind::Usage);
            assert!(trouble.what.contains(&path.display().to_string()));
        }
        let endless = up_to(io::repeat(0), 1 << 20, "/dev/zero").unwrap_err();
        assert_eq!(endless.kind, Kind::Usage);
        assert!(endless.what.contains("larger than 1 MiB"), "{endless}");
    }
}
