//! Writes a file completely or not at all.

use std::io;
use std::path::{Path, PathBuf};

use super::{Disk, Local};

/// Replaces `path` by `bytes`: a temporary file beside it, fsync, rename, fsync of the folder. After a crash there is
/// the old file or the new one, never a part. Blocks.
///
/// # Errors
/// Those of the system.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&Local, path, bytes, None)
}

/// As [`write_atomic`]. The old file is kept as `previous`.
pub(super) fn replace(
    disk: &dyn Disk,
    path: &Path,
    bytes: &[u8],
    previous: Option<&Path>,
) -> io::Result<()> {
    let folder = folder(path);
    disk.make_folder(&folder)?;
    let temporary = beside(path, "tmp");
    disk.write(&temporary, bytes)?;
    if let Some(previous) = previous {
        disk.rename(path, previous)?;
    }
    disk.rename(&temporary, path)?;
    disk.sync_folder(&folder)
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// `name.json` as `name.WORD.json`: in the same folder, so that a rename stays on one file system.
pub(super) fn beside(path: &Path, word: &str) -> PathBuf {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or("");
    path.with_extension(if extension.is_empty() {
        word.to_owned()
    } else {
        format!("{word}.{extension}")
    })
}
