//! What can go wrong with the file.

use rusqlite::ErrorCode;

use crate::state::rows::{Error, Trouble};

/// Why some work with the file was not done.
#[derive(Debug)]
pub(super) enum Fault {
    /// The table was never made.
    NoTable,
    /// `SQLite` says so.
    Sql(rusqlite::Error),
    /// Something in it is not what it should be.
    Shape(String),
    /// The file was replaced or removed since it was opened.
    Gone,
    /// The file cannot be used, and why.
    Unusable(String),
    /// The program ends while the work waits.
    Ended,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    /// The same, as an error of a table.
    pub(super) fn at(self, doing: &'static str, table: &str) -> Error {
        let (trouble, detail) = match self {
            Self::NoTable => (Trouble::Missing, String::new()),
            Self::Gone => (
                Trouble::Missing,
                "the file was replaced or removed while it was in use".to_owned(),
            ),
            Self::Sql(error) => (trouble(&error), error.to_string()),
            Self::Shape(detail) => (Trouble::Shape, detail),
            Self::Unusable(detail) => (Trouble::Invalid, detail),
            Self::Ended => (Trouble::Unreachable, "the program ends".to_owned()),
        };
        Error {
            doing,
            table: table.to_owned(),
            trouble,
            detail,
            retry_after: None,
        }
    }
}

/// A lock that others hold passes; of what the disk refuses nobody knows how far it went.
fn trouble(error: &rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Throttled,
        Some(ErrorCode::SystemIoFailure | ErrorCode::DiskFull | ErrorCode::OutOfMemory) => {
            Trouble::Broken
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            Trouble::Invalid
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Trouble::Shape,
        _ => Trouble::Unclear,
    }
}
