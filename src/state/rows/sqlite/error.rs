//! Errors of the file.

use rusqlite::ErrorCode;

use crate::state::rows::{ErrorKind, RowsError};

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The table does not exist.
    NoTable,
    /// An error of `SQLite`.
    Sql(rusqlite::Error),
    /// The content is malformed.
    Shape(String),
    /// The file was replaced or removed since it was opened.
    Gone,
    /// The file cannot be used, and why.
    Unusable(String),
    /// The program ends.
    Ended,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    /// The error of a table.
    pub(super) fn at(self, doing: &'static str, table: &str) -> RowsError {
        let (kind, detail) = match self {
            Self::NoTable => (ErrorKind::Missing, String::new()),
            Self::Gone => (
                ErrorKind::Missing,
                "the file was replaced or removed while it was in use".to_owned(),
            ),
            Self::Sql(error) => (kind_of(&error), error.to_string()),
            Self::Shape(detail) => (ErrorKind::Shape, detail),
            Self::Unusable(detail) => (ErrorKind::Invalid, detail),
            Self::Ended => (ErrorKind::Unreachable, "the program ends".to_owned()),
        };
        RowsError {
            doing,
            table: table.to_owned(),
            kind,
            detail,
            retry_after: None,
        }
    }
}

/// A locked file is transient. After an error of the disk the state is unknown.
fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Throttled,
        Some(ErrorCode::SystemIoFailure | ErrorCode::DiskFull | ErrorCode::OutOfMemory) => {
            ErrorKind::Broken
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            ErrorKind::Invalid
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => ErrorKind::Shape,
        _ => ErrorKind::Unclear,
    }
}
