//! An error with a likely cause and a next command, and the kind that decides the exit code.

use std::fmt;

/// What sort of trouble ended a command; the command line maps each to one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nobody foresaw it.
    Unexpected,
    /// Wrong flags, settings or input files.
    Usage,
    /// Temporary trouble outlasted its limit; safe to run again.
    Temporary,
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
pub struct Trouble {
    /// What sort it is.
    pub kind: Kind,
    /// What failed, with ids.
    pub what: String,
    /// The likely cause.
    pub cause: String,
    /// The next command to run.
    pub next: String,
}

impl Trouble {
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
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Trouble {}
