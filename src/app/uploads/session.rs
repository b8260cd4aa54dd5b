//! What a session over uploads has beside that of every migration.

use crate::app::session::Session;
use crate::config::{Settings, options};
use crate::migrations::uploads;

/// What is told when a run was stopped before it began.
pub(super) const BEGIN: &str = "migrate uploads";

/// Rows that are read or written at once.
pub(super) const ROWS: usize = 16;

/// The uploads of one network.
#[derive(Clone)]
pub(super) struct UploadsWorkload {
    pub(super) settings: Settings,
    /// What the command is about.
    pub(super) scope: options::Scope,
    pub(super) choices: uploads::Settings,
}

/// A session over uploads.
pub(super) type UploadsSession = Session<UploadsWorkload>;
