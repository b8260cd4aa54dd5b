//! Writing a file whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces `path` by `bytes`: a temporary file beside it, fsync, rename, fsync of the folder. After a crash either the
/// old file is there or the new one, never a part. Blocks.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, None)
}

/// As [`write_atomic`]; the file that was there is kept as `previous`.
pub(super) fn replace(path: &Path, bytes: &[u8], previous: Option<&Path>) -> io::Result<()> {
    let folder = folder(path);
    fs::create_dir_all(&folder)?;
    let temporary = beside(path, "tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    if let Some(previous) = previous
        && path.exists()
    {
        fs::rename(path, previous)?;
    }
    fs::rename(&temporary, path)?;
    sync_folder(&folder)
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder a file is in.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// `name.json` as `name.WORD.json`: beside it, so that a rename stays on one file system.
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
