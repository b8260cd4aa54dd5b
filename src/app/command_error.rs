//! An error with a likely cause and a next command, and the kind that decides the exit code.

mod files;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::Path;

use crate::client::{self, Cause};
use crate::engine;
use crate::migrations::uploads::reasons;
use crate::model::{Class, Failure, Reason, Reasons};
use crate::runtime::error_chain;
use crate::state;

/// What sort of trouble ended a command; the command line maps each to one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nobody foresaw it.
    Unexpected,
    /// Wrong flags, settings or input files.
    Usage,
    /// Temporary trouble outlasted its limit; safe to run again.
    Temporary,
    /// It was stopped on purpose, with work left.
    Stopped,
    /// A safety rule stopped it.
    Safety,
    /// Something that must be there before the start is not: a table, a bucket, a queue.
    Preflight,
    /// The run, upload, space or state asked for does not exist.
    NotFound,
    /// A lease or lock is another's, or was lost.
    Lease,
    /// Credentials or proofs were refused.
    Credentials,
    /// State or plan is of another version, plan or environment.
    Mismatch,
}

/// An error in three parts.
#[derive(Debug, Clone)]
pub struct CommandError {
    /// What sort it is.
    pub kind: Kind,
    /// What failed, with ids.
    pub what: String,
    /// The likely cause.
    pub cause: String,
    /// The next command to run.
    pub next: String,
}

impl CommandError {
    /// An error of `kind`: what failed, the likely cause, what to do next.
    pub fn new(
        kind: Kind,
        what: impl Into<String>,
        cause: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            what: what.into(),
            cause: cause.into(),
            next: next.into(),
        }
    }

    /// What a failed call to a service means for a command; `variable` says where the service is, `place` is its
    /// value.
    #[must_use]
    pub fn of_client(error: &client::ClientError, variable: &str, place: &str) -> Self {
        let look =
            format!("check {variable} with `sterna config show --origin`, then run it again");
        let (kind, cause, next) = match &error.cause {
            Cause::Timeout | Cause::Network(_) => (
                Kind::Temporary,
                format!("nothing answers at {place}, or the network path to it is broken"),
                look,
            ),
            Cause::Throttled { .. }
            | Cause::Unavailable { .. }
            | Cause::Unclear { .. }
            | Cause::Down(_) => (
                Kind::Temporary,
                format!("{place} is failing or busy"),
                "wait a moment and run it again".into(),
            ),
            Cause::Credentials(_) => (
                Kind::Credentials,
                format!("{place} does not accept our credentials"),
                "check AWS credentials, keys and proofs with `sterna config show --origin`"
                    .into(),
            ),
            Cause::Setting(_) => (
                Kind::Preflight,
                "the clock, the region or an endpoint is wrong".to_owned(),
                "set the clock, check AWS_REGION and the endpoints with `sterna config show --origin`, then run it again"
                    .into(),
            ),
            Cause::Missing | Cause::NoResource(_) => (
                Kind::Preflight,
                format!("the requested object does not exist at {place}"),
                look,
            ),
            _ => (
                Kind::Unexpected,
                format!("{place} is not the expected service, or it speaks another version"),
                look,
            ),
        };
        Self::new(kind, error.to_string(), cause, next)
    }

    /// What a failure outside of any item means for a command; `reasons` are those of its migration.
    #[must_use]
    pub fn of_failure(failure: &Failure, reasons: Reasons) -> Self {
        let (kind, cause) = match (failure.class, failure.reason) {
            (_, Reason::CREDENTIALS) => (
                Kind::Credentials,
                "AWS or R2 credentials are absent, have expired, or lack a permission",
            ),
            (_, Reason::UNAUTHORIZED | reasons::KEY_UNAVAILABLE) => {
                (Kind::Credentials, "a key or a proof was refused")
            }
            (_, Reason::NOT_FOUND | Reason::MISCONFIGURED) => (
                Kind::Preflight,
                "a table, bucket, queue or setting is wrong",
            ),
            // Of the tables it would be transient: these are the files of the state folder.
            (Class::Fatal, Reason::STATE_UNAVAILABLE) => (
                Kind::Temporary,
                "the state folder is not usable: its disk may be full, read-only or failing",
            ),
            (Class::Transient | Class::Unknown, _) => {
                (Kind::Temporary, "a service is failing, busy or unreachable")
            }
            _ => (Kind::Unexpected, "the run could not continue"),
        };
        let next = reasons.advice(failure.reason);
        Self::new(kind, failure.to_string(), cause, next)
    }

    /// What it means that a run could not begin or go on.
    #[must_use]
    pub fn of_engine(error: &engine::EngineError, reasons: Reasons) -> Self {
        match error {
            engine::EngineError::State(error) => Self::of_state(error),
            engine::EngineError::Foreign { path, .. } => Self::new(
                Kind::Mismatch,
                error.to_string(),
                "it was written for another environment, for other tables (they may have been recreated under the same \
                 name), or by another version of this program",
                format!(
                    "check --env and region, use another --state-dir, or move {} (and the .previous.json beside it) \
                     aside: the tables are enough to continue; nothing was changed",
                    path.display()
                ),
            ),
            engine::EngineError::ForeignJournal { path, .. } => Self::new(
                Kind::Mismatch,
                error.to_string(),
                "it was written for another environment, for other tables (they may have been recreated under the same \
                 name), or by another version of this program",
                format!(
                    "check --env and region, or name the right journals with --journal; keep {}: it is the only record of \
                     what can be undone there; nothing was changed",
                    path.display()
                ),
            ),
            engine::EngineError::Failed(failure) => Self::of_failure(failure, reasons),
            engine::EngineError::Journals(source) => Self::of_journals(&error_chain(error), source),
            engine::EngineError::NothingToResume { ended, .. } => Self::new(
                Kind::NotFound,
                error.to_string(),
                match ended {
                    Some(path) => format!("it is finished: {}", path.display()),
                    None => "the state folder has no report of such an audit".to_owned(),
                },
                "start a new one without --resume; resume an audit with its own flags",
            ),
            engine::EngineError::Report { source, .. } => Self {
                next: "start a new audit without --resume".to_owned(),
                ..Self::of_io(error_chain(error), source)
            },
            engine::EngineError::File { source, .. } => Self::of_io(error_chain(error), source),
        }
    }

    /// Journals that a rollback could not read.
    fn of_journals(what: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(
                Kind::NotFound,
                what,
                "there is no journal where --state-dir or --journal points",
                "correct the path, then run the rollback again; nothing was changed",
            ),
            io::ErrorKind::InvalidData => Self {
                next: "put an intact copy of the file in its place; or move it aside and add --allow-missing-journal, which \
                       undoes what the others know; nothing was changed"
                    .to_owned(),
                ..Self::of_io(what, error)
            },
            _ => Self::of_io(what, error),
        }
    }

    /// What it means that the file of `--state` cannot be opened.
    #[must_use]
    pub fn of_state_file(file: &Path, error: &state::StateError) -> Self {
        let said = match error {
            state::StateError::Rows(error) if !error.detail.is_empty() => error.detail.clone(),
            other => other.to_string(),
        };
        let what = || format!("use {} for state: {said}", file.display());
        if error.is_mismatch() {
            return Self::new(
                Kind::Mismatch,
                what(),
                "another program made the file, or a later version of this one, or it is damaged",
                "name another file with --state sqlite:FILE, or use the program that made it; nothing was done",
            );
        }
        if error.is_transient() {
            return Self::of_state(error);
        }
        Self::new(
            Kind::Usage,
            what(),
            "its folder does not exist, this user has no permission for it, or a link is in its place",
            "name another file with --state sqlite:FILE, or give this user access",
        )
    }

    /// What an error of the migration's own state means for a command.
    #[must_use]
    pub fn of_state(error: &state::StateError) -> Self {
        if let Some(source) = error.io() {
            return Self::of_io(error.to_string(), source);
        }
        let (kind, cause, next) = match error {
            error if error.is_missing_table() => (
                Kind::Preflight,
                "the migration tables do not exist yet, or have other names",
                "run `sterna init`, or check MIGRATION_*_TABLE_NAME with `sterna config show --origin`",
            ),
            error if error.is_denied() => (
                Kind::Credentials,
                "AWS credentials are absent, expired, or lack a permission",
                "check the AWS profile, role and region; `sterna init --print` shows the required policy",
            ),
            error if error.is_transient() => (
                Kind::Temporary,
                "DynamoDB, or the file of --state, is failing, busy or unreachable",
                "check STERNA_STATE and AWS_ENDPOINT_URL_DYNAMODB, wait a moment and run it again",
            ),
            error if error.is_lost_lease() => (
                Kind::Lease,
                "another process works on the same unit",
                "see `sterna monitor` for who holds it",
            ),
            state::StateError::Other { .. } => (
                Kind::Mismatch,
                "the tables are those of another environment, or a newer program works on them",
                "check --env and MIGRATION_*_TABLE_NAME with `sterna config show --origin`, or use the program that wrote them; nothing was done",
            ),
            state::StateError::Rows(_) if error.is_mismatch() => (
                Kind::Mismatch,
                "the row was written by another version or another program",
                "inspect it where the rows are kept (STERNA_STATE), or use the program that wrote it",
            ),
            error if error.is_mismatch() => (
                Kind::Mismatch,
                "it was written by another version or another program, or it was damaged",
                "move it aside and run again, or use the version that wrote it",
            ),
            _ => (
                Kind::Unexpected,
                "the state is malformed",
                "see the log, and report it",
            ),
        };
        Self::new(kind, error.failure().message, cause, next)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for CommandError {}
