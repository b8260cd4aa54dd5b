//! `index build` and `index show`.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cid::Cid;
use serde_json::Value;

use super::input::{name, open, read};
use crate::app::{CommandError, Kind};
use crate::proto::index;
use crate::runtime::{error_chain, private};

/// Indexes CAR files in one pass each, writes the archive to `output` and gives what there is to say of it. The path
/// `-` is standard input.
///
/// # Errors
/// [`CommandError`] that names the file, and the block when one does not have the hash that names it.
pub fn build(root: Cid, files: &[PathBuf], output: &Path) -> Result<Value> {
    let opened: Vec<_> = files
        .iter()
        .map(|file| open(file))
        .collect::<Result<_, CommandError>>()?;
    let current = Cell::new(0);
    let counted = opened.into_iter().enumerate().map(|(number, file)| {
        current.set(number);
        file
    });
    let built = index::build(root, counted).map_err(|error| {
        let file = files.get(current.get()).map(|file| name(file));
        index_error(&file.unwrap_or_default(), &error)
    })?;
    write(output, &built.archive).with_context(|| format!("write {}", output.display()))?;
    Ok(built.json())
}

/// The content, shards and slices of an archive, as DAG-JSON.
///
/// # Errors
/// When the file is no index.
pub fn show(file: &Path) -> Result<Value> {
    let shown = index::show(&read(file)?).map_err(|error| {
        CommandError::new(
            Kind::Usage,
            format!("show the index in {}: {}", name(file), error_chain(&error)),
            "the file is not a sharded DAG index, or it is damaged",
            "name the file that `sterna index build` wrote",
        )
    })?;
    Ok(shown)
}

fn index_error(file: &str, error: &index::IndexError) -> CommandError {
    let what = format!("index {file}: {}", error_chain(&error));
    let (cause, next) = match error {
        index::IndexError::Block { .. } | index::IndexError::Shard { .. } => (
            "the file was damaged after it was made",
            "fetch the file again and compare its size and hash",
        ),
        index::IndexError::Read(error) => return CommandError::of_io(what, error),
        _ => (
            "the file is not a whole CAR",
            "fetch the file again, or name the right one",
        ),
    };
    CommandError::new(Kind::Usage, what, cause, next)
}

/// Writes a whole file or none: a temporary one beside it takes its place.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.part", uuid::Uuid::new_v4()));
    let temporary = PathBuf::from(temporary);
    let written = private::create_new(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
