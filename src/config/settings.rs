//! Everything a command may need to know, checked.

use std::path::PathBuf;

use crate::state;

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// The local network; the default, so that nothing real is touched by accident.
    Local,
    /// The staging network.
    Staging,
    /// The production network.
    Production,
}

/// The settings of one command.
#[derive(Clone)]
pub struct Settings {
    /// Which network.
    pub environment: Environment,
    /// Folder of checkpoints, journals, customers files and the local network's data.
    pub state_dir: PathBuf,
    /// Migration tables and local state.
    pub state: state::Config,
}
