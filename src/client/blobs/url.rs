//! Which backend a URL names.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::dir::Dir;
use super::{Backend, BlobError};

/// Every kind of backend: what its URLs begin with, what an operator writes, and what opens one.
const KINDS: &[Kind] = &[Kind {
    scheme: "dir",
    example: "dir:/path",
    open: |place| Ok(Arc::new(Dir::open(place)?)),
    make: Dir::make,
    canonical: |rest| (!rest.is_empty()).then(|| resolved(Path::new(rest)))?,
}];

#[derive(Debug)]
struct Kind {
    scheme: &'static str,
    example: &'static str,
    open: fn(&Path) -> Result<Arc<dyn Backend>, BlobError>,
    make: fn(&Path) -> Result<(), BlobError>,
    canonical: fn(&str) -> Option<PathBuf>,
}

/// The URL of a backend, in the one form that its place has.
#[derive(Debug, Clone)]
pub struct BackendUrl {
    kind: &'static Kind,
    place: PathBuf,
}

/// A text that names no backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} does not name a backend; write one of: {known}")]
pub struct UrlError {
    text: String,
    known: String,
}

/// A path without links and `..`, also if its end does not exist yet.
fn resolved(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    let there = whole.ancestors().find_map(|above| {
        let resolved = above.canonicalize().ok()?;
        Some((resolved, whole.strip_prefix(above).ok()?))
    });
    let (resolved, rest) = there?;
    let is_plain = rest
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    // Part by part: joining nothing would add a slash.
    is_plain.then(|| {
        rest.components()
            .fold(resolved, |path, part| path.join(part))
    })
}

/// How two backends lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Neither has anything of the other.
    Apart,
    /// They are one.
    Same,
    /// One lies inside the other.
    Nested,
}

impl BackendUrl {
    /// Reads a URL. Links in the path of a folder are resolved, so that one folder has one URL.
    ///
    /// # Errors
    /// It names no kind of backend, or no place.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let named = text.split_once(':').and_then(|(scheme, rest)| {
            let kind = KINDS.iter().find(|kind| kind.scheme == scheme)?;
            let place = (kind.canonical)(rest)?;
            // Shown, stored and compared as text.
            place.to_str()?;
            Some(Self { kind, place })
        });
        named.ok_or_else(|| UrlError {
            text: text.to_owned(),
            known: KINDS
                .iter()
                .map(|kind| kind.example)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// Connects to the backend.
    ///
    /// # Errors
    /// It cannot be reached or used.
    pub fn open(&self) -> Result<Arc<dyn Backend>, BlobError> {
        (self.kind.open)(&self.place)
    }

    /// Makes the place if it is not there and can be made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(&self) -> Result<(), BlobError> {
        (self.kind.make)(&self.place)
    }

    /// Whether a file of this machine lies inside it.
    #[must_use]
    pub fn holds(&self, file: &Path) -> bool {
        resolved(file).is_some_and(|file| file.starts_with(&self.place))
    }

    /// How it lies to another.
    #[must_use]
    pub fn relation(&self, other: &Self) -> Relation {
        if self.kind.scheme != other.kind.scheme {
            Relation::Apart
        } else if self.place == other.place {
            Relation::Same
        } else if self.place.starts_with(&other.place) || other.place.starts_with(&self.place) {
            Relation::Nested
        } else {
            Relation::Apart
        }
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.scheme, self.place.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_has_one_url_and_what_lies_inside_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (inner, link) = (dir.path().join("a/b"), dir.path().join("link"));
        std::fs::create_dir_all(&inner).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a"), &link).unwrap();
        let url = |path: &Path| BackendUrl::parse(&format!("dir:{}", path.display())).unwrap();
        let outer = url(&dir.path().join("a"));
        assert_eq!(outer.relation(&url(&dir.path().join("a/"))), Relation::Same);
        assert_eq!(outer.relation(&url(&link)), Relation::Same);
        assert_eq!(outer.relation(&url(&inner)), Relation::Nested);
        // Not there yet, behind a link or by way of another folder.
        for path in ["link/new", "a/new/deep", "x/../a/new"] {
            std::fs::create_dir_all(dir.path().join("x")).unwrap();
            assert_eq!(
                outer.relation(&url(&dir.path().join(path))),
                Relation::Nested,
                "{path}"
            );
        }
        assert_eq!(url(&inner).relation(&outer), Relation::Nested);
        assert_eq!(
            outer.relation(&url(&dir.path().join("ab"))),
            Relation::Apart
        );
    }

    #[test]
    fn what_names_no_backend_is_answered_with_those_that_there_are() {
        for text in ["", "dir:", "/tmp", "ftp://host/x"] {
            let error = BackendUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains("dir:/path"), "{text}: {error}");
        }
    }
}
