//! The document that says which backend readers ask: a file that is replaced in one step (docs/blobs.md §5).

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What the document is.
const FORMAT: &str = "sterna.blobs/1";

/// A document that is read and replaced.
#[derive(Debug, Clone)]
pub struct Pointer {
    path: PathBuf,
}

/// What the document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    format: String,
    /// URL of the backend that readers ask.
    pub active: String,
    /// The job that wrote it.
    pub job: String,
    /// Grows with every flip.
    pub epoch: u64,
}

/// Why the document could not be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum PointerError {
    /// The file could not be read or written.
    #[error("{operation} the pointer {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not such a document.
    #[error("the pointer {} is not one of ours: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl Pointer {
    /// The document in this file.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// What it says; `None` if there is none.
    ///
    /// # Errors
    /// It could not be read, or is not one of ours.
    pub fn read(&self) -> Result<Option<Active>, PointerError> {
        if self.path.is_symlink() {
            return Err(PointerError::Foreign {
                path: self.path.clone(),
                why: "it is a symbolic link".to_owned(),
            });
        }
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("read", error)),
        };
        let foreign = |why: String| PointerError::Foreign {
            path: self.path.clone(),
            why,
        };
        let active: Active =
            serde_json::from_str(&text).map_err(|error| foreign(error.to_string()))?;
        if active.format == FORMAT {
            Ok(Some(active))
        } else {
            Err(foreign(format!("its format is {}", active.format)))
        }
    }

    /// Replaces what it says in one step, if it still says `before`. `false` if it does not. The caller sees to it that no
    /// other process does so at the same time.
    ///
    /// # Errors
    /// It could not be read or replaced. It may have been.
    pub fn replace(
        &self,
        before: Option<&Active>,
        active: &str,
        job: &str,
    ) -> Result<bool, PointerError> {
        if self.read()?.as_ref() != before {
            return Ok(false);
        }
        let next = Active {
            format: FORMAT.to_owned(),
            active: active.to_owned(),
            job: job.to_owned(),
            epoch: before.map_or(0, |before| before.epoch) + 1,
        };
        self.write(&next)
            .map_err(|error| self.io("replace", error))?;
        Ok(true)
    }

    fn write(&self, active: &Active) -> io::Result<()> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let name = self.path.file_name().ok_or(ErrorKind::InvalidInput)?;
        let unique = uuid::Uuid::new_v4().simple();
        let temporary = folder.join(format!(".{}.{unique}.tmp", name.to_string_lossy()));
        let mut file = File::create_new(&temporary)?;
        let text = format!("{}\n", serde_json::to_string(active)?);
        let moved = file
            .write_all(text.as_bytes())
            .and_then(|()| file.set_permissions(Permissions::from_mode(0o644)))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &self.path));
        if moved.is_err() {
            // It says nothing that is not said by the error.
            let _ = fs::remove_file(&temporary);
        }
        moved.and_then(|()| File::open(folder)?.sync_all())
    }

    fn io(&self, operation: &'static str, source: io::Error) -> PointerError {
        PointerError::Io {
            operation,
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_changes_only_from_what_it_was_seen_to_say() {
        let dir = tempfile::tempdir().unwrap();
        let pointer = Pointer::new(&dir.path().join("active.json"));
        assert!(pointer.read().unwrap().is_none());
        assert!(pointer.replace(None, "dir:/a", "j").unwrap());
        assert!(!pointer.replace(None, "dir:/b", "j").unwrap());
        let first = pointer.read().unwrap().unwrap();
        assert_eq!((&*first.active, first.epoch), ("dir:/a", 1));
        assert!(pointer.replace(Some(&first), "dir:/b", "j").unwrap());
        assert!(!pointer.replace(Some(&first), "dir:/c", "j").unwrap());
        assert_eq!(pointer.read().unwrap().unwrap().epoch, 2);
    }

    #[test]
    fn a_file_that_is_no_pointer_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("active.json");
        for text in [
            "",
            "{}",
            r#"{"format":"other/1","active":"a","job":"j","epoch":1}"#,
        ] {
            fs::write(&path, text).unwrap();
            let pointer = Pointer::new(&path);
            assert!(matches!(pointer.read(), Err(PointerError::Foreign { .. })));
            assert!(pointer.replace(None, "dir:/b", "j").is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
