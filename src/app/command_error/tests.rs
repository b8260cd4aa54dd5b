//! What errors of local state mean for a command.

use std::io;

use super::{CommandError, Kind};
use crate::engine;
use crate::model::{Class, Failure, Reason, Reasons};
use crate::state::StateError;
use crate::state::files::Unreadable;

#[test]
fn a_state_folder_that_cannot_be_used_is_no_surprise() {
    let write = |kind: io::ErrorKind| {
        let error = StateError::File(Unreadable::Write {
            path: "/state/instance-1.json".into(),
            source: kind.into(),
        });
        CommandError::of_state(&error)
    };
    let full = write(io::ErrorKind::StorageFull);
    assert_eq!(full.kind, Kind::Temporary);
    assert!(full.what.starts_with("write /state/instance-1.json: "));
    assert!(full.cause.contains("full"));
    assert_eq!(
        write(io::ErrorKind::ReadOnlyFilesystem).kind,
        Kind::Usage,
        "another folder mends it"
    );
    let journal = StateError::Journal(io::ErrorKind::IsADirectory.into());
    assert_eq!(CommandError::of_state(&journal).kind, Kind::Usage);
    let text = "write the journal: no space left";
    let failure = Failure::new(Class::Fatal, Reason::STATE_UNAVAILABLE, text);
    assert_eq!(
        CommandError::of_failure(&failure, Reasons::COMMON).kind,
        Kind::Temporary
    );
}

#[test]
fn a_damaged_journal_does_not_match_and_an_absent_one_is_not_found() {
    let journals = |kind: io::ErrorKind| {
        let error = io::Error::new(kind, "j.ndjson line 5: no record");
        CommandError::of_engine(&engine::EngineError::Journals(error), Reasons::COMMON)
    };
    let damaged = journals(io::ErrorKind::InvalidData);
    assert_eq!(damaged.kind, Kind::Mismatch);
    assert_eq!(
        damaged.what,
        "read the journals: j.ndjson line 5: no record"
    );
    assert!(damaged.next.contains("--allow-missing-journal"));
    assert_eq!(journals(io::ErrorKind::NotFound).kind, Kind::NotFound);
    assert_eq!(journals(io::ErrorKind::IsADirectory).kind, Kind::Usage);
}
