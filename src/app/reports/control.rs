//! What a command of the operator came to.

use serde::Serialize;

/// What a command of the operator came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlReport {
    /// Nothing was asked: `holds` says what would hold.
    pub dry_run: bool,
    /// Whom it was for: `fleet`, `instance 3`.
    pub scope: String,
    /// What was asked.
    pub wish: String,
    /// Who asked, as `user@host`.
    pub by: String,
    /// Why.
    pub why: String,
    /// What is asked of the scope now, in words; `None` when nothing is.
    pub holds: Option<String>,
    /// Instances of the scope that run and will act on it at their next look.
    pub running: Vec<String>,
    /// What the operator may not expect.
    pub notes: Vec<String>,
}
