//! Opens the file, checks its owner and format, and creates its tables.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::Fault;
use crate::runtime::private;

/// `Strn`: marks the file as one of this program (`PRAGMA application_id`).
const APPLICATION: i32 = 0x5374_726e;
/// The version of its format (`PRAGMA user_version`).
const VERSION: i32 = 1;

const SCHEMA: &str = "
CREATE TABLE tables (name TEXT PRIMARY KEY, indexes TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (
  tbl TEXT NOT NULL, part TEXT NOT NULL, sort TEXT NOT NULL, share INTEGER NOT NULL, row TEXT NOT NULL,
  PRIMARY KEY (tbl, part, sort)
) WITHOUT ROWID;
CREATE TABLE entries (
  tbl TEXT NOT NULL, idx TEXT NOT NULL, value TEXT NOT NULL, updated TEXT NOT NULL, part TEXT NOT NULL, sort TEXT NOT NULL,
  PRIMARY KEY (tbl, idx, value, updated, part, sort)
) WITHOUT ROWID;
";

/// The file that a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    file: (u64, u64),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let found = path.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            file: (found.dev(), found.ino()),
        })
    }

    /// Fails if the path leads to another file now, or to none: writes to the old one would be lost.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match Self::of(&self.path) {
            Ok(now) if now == *self => Ok(()),
            _ => Err(Fault::Gone),
        }
    }
}

pub(super) fn open(path: &Path, wait: Duration) -> Result<(Connection, Place), Fault> {
    let unusable = |error: io::Error| Fault::Unusable(error.to_string());
    make(path).map_err(unusable)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // The folder may be behind a link, the file may not.
    let whole = path.canonicalize().map_err(unusable)?;
    let folder = whole.parent().map_or(Ok(()), private::folder);
    folder.map_err(unusable)?;
    let place = Place::of(&whole).map_err(unusable)?;
    let mut connection = Connection::open_with_flags(whole, flags)?;
    connection.busy_timeout(wait)?;
    // Checked before the mode is set, because WAL mode changes the file.
    is_ready(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(64);
    prepare(&mut connection)?;
    Ok((connection, place))
}

/// Creates the file for its owner alone if it does not exist, and refuses one that is not a file of this user. An
/// existing file is not opened here, because closing it would release all locks of this process on it (POSIX locks),
/// and another process could then remove its log.
fn make(path: &Path) -> io::Result<()> {
    let Some(found) = private::metadata(path)? else {
        return match private::create_new(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            // Another process created it a moment ago.
            _ => Ok(()),
        };
    };
    if !found.is_file() {
        return Err(private::Refused::Special.into());
    }
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user {
        return Err(io::Error::other(format!(
            "it belongs to user {}, who could change every row in it; this is user {user}",
            found.uid()
        )));
    }
    // SQLite gives its other files the same permissions.
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Creates the tables of an empty file.
fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_ready(&transaction)? {
        return Ok(());
    }
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Whether the file has its tables, or is empty.
///
/// # Errors
/// It belongs to another program or version.
fn is_ready(connection: &Connection) -> Result<bool, Fault> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let things = "SELECT count(*) FROM sqlite_master";
    let things: i64 = connection.query_row(things, [], |row| row.get(0))?;
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, VERSION) => Ok(true),
        (APPLICATION, other) => Err(Fault::Shape(format!(
            "its format is {other}, this program knows {VERSION}"
        ))),
        (0, 0) if things == 0 => Ok(false),
        _ => Err(Fault::Shape(
            "it is the database of another program".to_owned(),
        )),
    }
}
