//! What an error of the file system means for a command.

use std::io;

use super::{CommandError, Kind};
use crate::runtime::private::Refused;

/// What is to be done when nothing is known but that the system refused.
const LOOK: &str =
    "check the disk and its mount (`df`, `mount`, the system's log), then run it again";

impl CommandError {
    /// What a failed read or write means: `what` failed, with the path; the system said `error`. What another path or
    /// another right puts in order is a matter of usage, what the disk must recover from is temporary, and a file with
    /// wrong content does not match.
    pub fn of_io(what: impl Into<String>, error: &io::Error) -> Self {
        let (kind, cause, next) = if let Some(refused) = Refused::of(error) {
            (Kind::Usage, refused.cause(), refused.remedy())
        } else {
            let (kind, cause, next) = meaning(error.kind());
            (kind, cause, next.to_owned())
        };
        let mut what = what.into();
        let said = error.to_string();
        if !what.contains(&said) {
            what = format!("{what}: {said}");
        }
        Self::new(kind, what, cause, next)
    }
}

/// The kind, the likely cause and the remedy.
fn meaning(kind: io::ErrorKind) -> (Kind, &'static str, &'static str) {
    use io::ErrorKind as Of;
    match kind {
        Of::NotFound => (
            Kind::Usage,
            "the file or its folder does not exist",
            "correct the path, then run it again",
        ),
        Of::PermissionDenied => (
            Kind::Usage,
            "this user has no permission for the file or its folder",
            "give this user access or name another path (--state-dir for state), then run it again",
        ),
        Of::ReadOnlyFilesystem => (
            Kind::Usage,
            "the file system is mounted read-only",
            "mount it writable or name another path (--state-dir for state), then run it again",
        ),
        Of::IsADirectory => (
            Kind::Usage,
            "a folder is where a file should be",
            "move the folder away or name another path, then run it again",
        ),
        Of::NotADirectory | Of::AlreadyExists => (
            Kind::Usage,
            "a file, or a link that leads nowhere, is where a folder should be",
            "move it away or name another path (--state-dir for state), then run it again",
        ),
        Of::InvalidFilename | Of::InvalidInput => (
            Kind::Usage,
            "the file system does not accept this path",
            "name another path, then run it again",
        ),
        Of::InvalidData | Of::UnexpectedEof => (
            Kind::Mismatch,
            "the file is damaged, or another program wrote it",
            "move it aside, put an intact copy in its place, then run it again",
        ),
        Of::StorageFull | Of::QuotaExceeded | Of::FileTooLarge => (
            Kind::Temporary,
            "the disk, or the quota on it, is full",
            "free some space or name another path (--state-dir for state), then run it again; nothing that was finished is lost",
        ),
        _ => (
            Kind::Temporary,
            "the disk or its mount has failed, or this process cannot open more files",
            LOOK,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_of_the_file_system_is_unexpected() {
        use io::ErrorKind as Of;
        let kinds = [
            (Of::NotFound, Kind::Usage),
            (Of::PermissionDenied, Kind::Usage),
            (Of::ReadOnlyFilesystem, Kind::Usage),
            (Of::IsADirectory, Kind::Usage),
            (Of::NotADirectory, Kind::Usage),
            (Of::AlreadyExists, Kind::Usage),
            (Of::InvalidData, Kind::Mismatch),
            (Of::StorageFull, Kind::Temporary),
            (Of::StaleNetworkFileHandle, Kind::Temporary),
            (Of::Other, Kind::Temporary),
        ];
        for (said, kind) in kinds {
            let trouble = CommandError::of_io("write /state/x", &said.into());
            assert_eq!(trouble.kind, kind, "{said:?}");
            assert!(trouble.what.starts_with("write /state/x: "), "{said:?}");
            assert!(!trouble.cause.is_empty() && !trouble.next.is_empty());
        }
    }

    #[test]
    fn what_the_system_said_is_said_once() {
        let error = io::Error::new(io::ErrorKind::InvalidData, "j.ndjson line 5: cut");
        let trouble = CommandError::of_io("read the journals: j.ndjson line 5: cut", &error);
        assert_eq!(trouble.what, "read the journals: j.ndjson line 5: cut");
    }
}
