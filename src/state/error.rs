//! Errors of state, and what they mean for the work.

use crate::model::{Class, Failure, Reason, UnitId};

use super::files::Unreadable;
use super::rows::{self, ErrorKind};
use super::tables::LeaseHolder;

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A request to a table failed.
    #[error(transparent)]
    Rows(#[from] rows::RowsError),
    /// Another holds the lease of the unit, or it was released.
    #[error("lease of {unit} lost{}", by.as_ref().map_or_else(String::new, |by| format!(" to {} (epoch {})", by.holder, by.epoch)))]
    LeaseLost {
        /// The unit.
        unit: UnitId,
        /// Who holds it now.
        by: Option<LeaseHolder>,
    },
    /// The row has a status of another program, so it must not be changed.
    #[error(
        "the progress row of {unit} has the status {status:?}, which is not one of ours; it is left as it is"
    )]
    ForeignStatus {
        /// The unit.
        unit: UnitId,
        /// The word.
        status: String,
    },
    /// The tables hold rows of another version or environment.
    #[error("the tables of {table} belong to {found}, expected {wanted}")]
    Other {
        /// The table.
        table: String,
        /// Version and environment of the rows.
        found: String,
        /// Version and environment wanted.
        wanted: String,
    },
    /// A local file cannot be used.
    #[error(transparent)]
    File(#[from] Unreadable),
    /// The journal could not be written.
    #[error("write the journal")]
    Journal(#[source] std::io::Error),
}

impl StateError {
    /// Whether a lease was lost. The work on its unit must stop, and nothing else.
    #[must_use]
    pub fn is_lost_lease(&self) -> bool {
        matches!(self, Self::LeaseLost { .. })
    }

    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Rows(error) if error.kind.passes())
    }

    /// Whether nothing can work, for example because tables or credentials are missing.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.class() == Class::Fatal
    }

    /// Whether a table does not exist.
    #[must_use]
    pub fn is_missing_table(&self) -> bool {
        matches!(self, Self::Rows(error) if error.kind == ErrorKind::Missing)
    }

    /// Whether credentials were missing, expired or refused.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Rows(error) if error.kind.is_about_credentials())
    }

    /// Whether rows or a file belong to another version, program or environment.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        match self {
            Self::Rows(error) => error.kind == ErrorKind::Shape,
            Self::ForeignStatus { .. } | Self::Other { .. } => true,
            Self::File(error) => {
                matches!(error, Unreadable::Other { .. } | Unreadable::Damaged { .. })
            }
            Self::LeaseLost { .. } | Self::Journal(_) => false,
        }
    }

    /// The error of the system, if a local file could not be read or written.
    #[must_use]
    pub fn io(&self) -> Option<&std::io::Error> {
        match self {
            Self::File(Unreadable::Read { source, .. } | Unreadable::Write { source, .. })
            | Self::Journal(source) => Some(source),
            _ => None,
        }
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Rows(error) => error.kind.class(),
            Self::LeaseLost { .. } => Class::Transient,
            Self::ForeignStatus { .. } => Class::Permanent,
            Self::Other { .. } | Self::File(_) | Self::Journal(_) => Class::Fatal,
        }
    }

    /// The error as a failure of the work that met it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let reason = match self {
            Self::Rows(error) => match error.kind {
                ErrorKind::Missing | ErrorKind::Clock | ErrorKind::Region => Reason::MISCONFIGURED,
                kind if kind.is_about_credentials() => Reason::CREDENTIALS,
                ErrorKind::Shape => Reason::BAD_RECORD,
                _ => Reason::STATE_UNAVAILABLE,
            },
            Self::LeaseLost { .. } => Reason::LEASE_LOST,
            Self::ForeignStatus { .. } | Self::Other { .. } => Reason::BAD_RECORD,
            Self::File(_) | Self::Journal(_) => Reason::STATE_UNAVAILABLE,
        };
        let text = match self.io() {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        };
        let after = match self {
            Self::Rows(error) => error.retry_after,
            _ => None,
        };
        Failure::new(self.class(), reason, text)
            .from_dependency("dynamodb")
            .after(after)
    }
}
