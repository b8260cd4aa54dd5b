//! Where values come from.

use std::fmt;
use std::path::PathBuf;

use super::environment::Environment;

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(&'static str),
    /// The environment of the process.
    Process,
    /// A line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The preset of the environment.
    Preset(Environment),
    /// Another variable, which counts where this one is not set, and where that was found.
    Instead(&'static str, Box<Origin>),
    /// Nobody said anything else.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Process => f.write_str("environment"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Preset(environment) => write!(f, "preset {environment}"),
            Self::Instead(name, origin) => write!(f, "{name} ({origin})"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A text and where it was found.
#[derive(Clone)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl Value {
    pub(super) fn default_of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            origin: Origin::Default,
        }
    }
}
