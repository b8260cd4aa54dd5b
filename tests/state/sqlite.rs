//! What is true of rows in a file alone: who may open it, and what several processes see of each other.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use sterna::migrations::uploads::namespace;
use sterna::state::rows::{
    Condition, ErrorKind, Key, Rows as _, RowsError, Sqlite, Update, Value, Written,
};
use sterna::state::{Config, Store};

const WAIT: Duration = Duration::from_secs(20);
const TABLE: &str = "t-migration-control";

fn open(path: &Path) -> Result<Sqlite, RowsError> {
    Sqlite::open(path, WAIT)
}

fn key() -> Key {
    Key::two(("scope", "s"), ("entry", "e"))
}

async fn tables(path: &Path) -> Store {
    let store = Store::over(
        Arc::new(open(path).unwrap()),
        Config::new(namespace("t-migration-"), "unused"),
    );
    store.create_tables().await.unwrap();
    store
}

/// Raises the number in a row by one if nobody else did since it was read.
async fn raise(rows: &Sqlite) -> bool {
    let held = rows.get(TABLE, &key()).await.unwrap();
    let number = held.as_ref().and_then(|row| row.number("n"));
    let condition = match number {
        None => Condition::Absent("n"),
        Some(number) => Condition::Equals("n", Value::from(number)),
    };
    let update = Update::new().set("n", number.unwrap_or(0) + 1);
    let written = rows.update(TABLE, &key(), update, condition).await.unwrap();
    matches!(written, Written::Done(_))
}

/// Each handle has a connection of its own, as each process has.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(
    clippy::disallowed_methods,
    reason = "they end with the test's runtime"
)]
async fn a_condition_is_judged_and_a_row_written_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    tables(&path).await;
    let raising = (0..4).map(|_| {
        let rows = open(&path).unwrap();
        tokio::spawn(async move {
            let mut raised = 0;
            while raised < 25 {
                raised += u64::from(raise(&rows).await);
            }
        })
    });
    for done in raising.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    // What was answered is in the file.
    let row = open(&path).unwrap().get(TABLE, &key()).await.unwrap();
    assert_eq!(row.unwrap().number("n"), Some(100));
}

#[tokio::test]
async fn a_file_that_another_holds_passes_and_one_that_is_read_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    tables(&path).await;
    let rows = Sqlite::open(&path, Duration::from_millis(20)).unwrap();
    let mut other = Connection::open(&path).unwrap();
    let held = other
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let update = || Update::new().set("n", 1);
    let refused = rows
        .update(TABLE, &key(), update(), Condition::Always)
        .await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled, "{error}");
    assert_eq!(rows.get(TABLE, &key()).await.unwrap(), None, "reads go on");
    held.rollback().unwrap();
    let done = rows
        .update(TABLE, &key(), update(), Condition::Always)
        .await;
    assert!(matches!(done, Ok(Written::Done(_))));
}

/// A process loses all its locks on a file when it closes it once, however often it has it open: whoever opened the file
/// by itself would let another process take its log away under all who use it.
#[tokio::test]
async fn a_file_that_is_opened_again_keeps_its_log_while_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    tables(&path).await;
    let rows = open(&path).unwrap();
    assert!(raise(&rows).await);
    drop(open(&path).unwrap());
    // Another process comes and goes.
    let state = format!("sqlite:{}", path.display());
    let other = std::process::Command::new(env!("CARGO_BIN_EXE_sterna"))
        .args(["init", "--state", &state, "--dry-run"])
        .env_clear()
        .current_dir(folder.path())
        .output();
    let other = other.unwrap();
    let told = String::from_utf8_lossy(&other.stdout).into_owned();
    assert!(told.contains("local-migration-control"), "{told}");
    assert!(folder.path().join("state.sqlite-wal").exists());
    assert!(raise(&rows).await);
    let row = open(&path).unwrap().get(TABLE, &key()).await.unwrap();
    assert_eq!(row.unwrap().number("n"), Some(2));
}

/// Of a file that is gone nothing more is trusted: another process may work with the new one.
#[tokio::test]
async fn a_file_that_is_replaced_or_removed_ends_those_who_work_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    tables(&path).await;
    let rows = open(&path).unwrap();
    assert!(raise(&rows).await);
    std::fs::copy(&path, folder.path().join("copy")).unwrap();
    for change in [
        |path: &Path| std::fs::rename(path.with_file_name("copy"), path).unwrap(),
        |path: &Path| std::fs::remove_file(path).unwrap(),
    ] {
        change(&path);
        let error = rows.get(TABLE, &key()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Missing);
        assert!(
            error.to_string().contains("was replaced or removed"),
            "{error}"
        );
        let update = rows
            .update(TABLE, &key(), Update::new(), Condition::Always)
            .await;
        assert_eq!(update.unwrap_err().kind, ErrorKind::Missing);
    }
}

#[tokio::test]
async fn a_table_that_nobody_made_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let rows = open(&folder.path().join("state.sqlite")).unwrap();
    let error = rows.get(TABLE, &key()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Missing);
    let written = rows
        .update(TABLE, &key(), Update::new(), Condition::Always)
        .await;
    assert_eq!(written.unwrap_err().kind, ErrorKind::Missing);
}

#[tokio::test]
async fn a_file_is_its_owners_alone_and_none_but_its_own_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    tables(&path).await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }

    let refused = |path: &Path, why: &str| {
        let before = std::fs::read(path).unwrap();
        let error = open(path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(why) && text.contains("sqlite"), "{text}");
        assert!(
            std::fs::read(path).unwrap() == before,
            "{text}: it was changed"
        );
    };
    let link = folder.path().join("link.sqlite");
    symlink(&path, &link).unwrap();
    refused(&link, "it is a symbolic link");

    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = open(&shared.join("state.sqlite")).unwrap_err();
    assert!(
        error.to_string().contains("everybody can write to"),
        "{error}"
    );

    let foreign = folder.path().join("foreign.sqlite");
    let other = Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(other);
    refused(&foreign, "database of another program");

    let later = folder.path().join("later.sqlite");
    drop(open(&later).unwrap());
    let other = Connection::open(&later).unwrap();
    other.pragma_update(None, "user_version", 2).unwrap();
    drop(other);
    refused(&later, "its format is 2, this program knows 1");

    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "no database at all, but long enough to be looked at").unwrap();
    refused(&text, "not a database");
}
