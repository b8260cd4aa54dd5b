//! A JSON file that detects damage.
//!
//! ```json
//! {"schema":"sterna.checkpoint","version":1,"sha256":"…",
//! "body":{…}}
//! ```
//!
//! The digest covers schema, version and the bytes of the body, and every other byte has one valid value, so that a
//! file that was truncated or changed anywhere is refused. The previous file (`….previous.json`) is then used in its
//! place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Disk, Local, atomic};

/// A sealed file of one schema at one path.
#[derive(Debug, Clone)]
pub struct Sealed {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    schema: &'static str,
    version: u32,
}

/// Why a sealed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It could not be opened or read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It could not be written.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is truncated or was modified.
    #[error("{} is damaged ({why}), and there is no intact previous one; delete both to continue from the tables", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is damaged.
        why: &'static str,
    },
    /// It is intact, but of another program or version.
    #[error("{} holds {found}, this program reads {wanted}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// Schema and version in the file.
        found: String,
        /// Schema and version wanted.
        wanted: String,
    },
}

/// Which file was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// The newest file.
    Current,
    /// The previous file: the newest is missing or damaged.
    Previous,
}

enum Fault {
    Damaged(&'static str),
    Other(String),
}

impl Sealed {
    /// A file at `path` with this schema name and version.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, schema: &'static str, version: u32) -> Self {
        Self {
            disk: Arc::new(Local),
            path: path.into(),
            schema,
            version,
        }
    }

    /// The same file on another disk.
    #[must_use]
    pub fn on(mut self, disk: &Arc<dyn Disk>) -> Self {
        self.disk = Arc::clone(disk);
        self
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the previous file.
    #[must_use]
    pub fn previous(&self) -> PathBuf {
        atomic::beside(&self.path, "previous")
    }

    /// Writes `body` durably, and keeps the old file as the previous one. Blocks.
    ///
    /// # Errors
    /// [`Unreadable::Write`].
    pub fn write<T: Serialize>(&self, body: &T) -> Result<(), Unreadable> {
        let fault = |source| Unreadable::Write {
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_string(body).map_err(|error| fault(error.into()))?;
        let keep = self
            .read_one::<serde::de::IgnoredAny>(&self.path)
            .is_ok_and(|held| held.is_some());
        let previous = self.previous();
        atomic::replace(
            &*self.disk,
            &self.path,
            self.seal(&text).as_bytes(),
            keep.then_some(&*previous),
        )
        .map_err(fault)
    }

    /// Reads the newest intact file; `None` if there is none.
    ///
    /// # Errors
    /// Those of reading, a file of another version, and damage of both files.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Option<(T, Generation)>, Unreadable> {
        let current = self.read_one(&self.path);
        match current {
            Ok(Some(body)) => return Ok(Some((body, Generation::Current))),
            Err(Unreadable::Other { .. } | Unreadable::Read { .. }) => {
                return current.map(|_| None);
            }
            Ok(None) | Err(_) => {}
        }
        match self.read_one(&self.previous()) {
            Ok(Some(body)) => Ok(Some((body, Generation::Previous))),
            Ok(None) | Err(Unreadable::Damaged { .. }) => current.map(|_| None),
            Err(error) => Err(error),
        }
    }

    fn read_one<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, Unreadable> {
        let read = |source| Unreadable::Read {
            path: path.to_path_buf(),
            source,
        };
        let Some(size) = self.disk.size(path).map_err(read)? else {
            return Ok(None);
        };
        let bytes = self.disk.read(path, 0, size).map_err(read)?;
        self.open(&bytes).map(Some).map_err(|fault| match fault {
            Fault::Damaged(why) => Unreadable::Damaged {
                path: path.to_path_buf(),
                why,
            },
            Fault::Other(found) => Unreadable::Other {
                path: path.to_path_buf(),
                found,
                wanted: format!("{} version {}", self.schema, self.version),
            },
        })
    }

    fn head(schema: &str, version: u32, body: &str) -> String {
        let sum = digest(&SHA256, format!("{schema}\n{version}\n{body}").as_bytes());
        let sum = sum
            .as_ref()
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        format!(r#"{{"schema":"{schema}","version":{version},"sha256":"{sum}","#)
    }

    fn seal(&self, body: &str) -> String {
        format!(
            "{}\n\"body\":{body}}}\n",
            Self::head(self.schema, self.version, body)
        )
    }

    fn open<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Damaged("no text"))?;
        let (head, rest) = text
            .split_once('\n')
            .ok_or(Fault::Damaged("truncated in its first line"))?;
        let body = rest
            .strip_prefix("\"body\":")
            .and_then(|rest| rest.strip_suffix("}\n"));
        let body = body.ok_or(Fault::Damaged("truncated, or not in our layout"))?;
        if head == Self::head(self.schema, self.version, body) {
            return serde_json::from_str(body)
                .map_err(|_| Fault::Damaged("body does not match its version"));
        }
        Err(Self::whole_other(head, body).map_or(Fault::Damaged("checksum differs"), Fault::Other))
    }

    /// Schema and version of a file that is intact, but of another schema or version.
    fn whole_other(head: &str, body: &str) -> Option<String> {
        let head_value: serde_json::Value =
            serde_json::from_str(&format!("{}}}", head.strip_suffix(',')?)).ok()?;
        let schema = head_value.get("schema")?.as_str()?;
        let version = u32::try_from(head_value.get("version")?.as_u64()?).ok()?;
        (head == Self::head(schema, version, body)).then(|| format!("{schema} version {version}"))
    }
}
