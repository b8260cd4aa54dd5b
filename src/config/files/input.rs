//! The text of a file, of a pipe, or of standard input.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What stands for standard input where a file is asked for.
const STDIN: &str = "-";

/// Whether a path means standard input.
#[must_use]
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// How a file is called in what is said of it.
pub(super) fn name(path: &Path) -> PathBuf {
    if is_stdin(path) {
        "standard input".into()
    } else {
        path.into()
    }
}

/// The text of a file of at most `most` bytes, without a byte order mark. A pipe is read to its end, `-` is standard
/// input.
///
/// # Errors
/// Why there is none, to be said after the name of the file.
pub fn read_text(path: &Path, most: u64) -> Result<String, String> {
    let bytes = if is_stdin(path) {
        up_to(io::stdin().lock(), most)
    } else {
        read(path, most)
    };
    let bytes = bytes.map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The bytes of a file, or of a pipe to its end, if they are at most `most`.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    Ok(read_with(path, most)?.0)
}

/// The same, and what the file is that they were read of.
pub(super) fn read_with(path: &Path, most: u64) -> io::Result<(Vec<u8>, Metadata)> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    Ok((up_to(file, most)?, found))
}

fn up_to(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("it is larger than {} MiB", most >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, "\u{feff}a\r\n\u{feff}b").unwrap();
        assert_eq!(read_text(&path, 1 << 20).unwrap(), "a\r\n\u{feff}b");
        std::fs::write(&path, [0xff, 0xfe, b'a', 0]).unwrap();
        assert!(read_text(&path, 1 << 20).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn no_more_than_allowed_is_read() {
        assert_eq!(up_to(&[0; 8][..], 8).unwrap().len(), 8);
        let error = up_to(io::repeat(0), 1 << 20).unwrap_err();
        assert!(error.to_string().contains("larger than 1 MiB"));
        assert!(
            read_text(Path::new("/"), 8)
                .unwrap_err()
                .contains("cannot be read")
        );
    }
}
