//! Which network is meant.

use std::fmt;
use std::str::FromStr;

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

impl Environment {
    /// Its name, as in `STORACHA_ENV`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "staging" => Ok(Self::Staging),
            "production" | "prod" => Ok(Self::Production),
            other => Err(format!("`{other}` is not an environment")),
        }
    }
}
