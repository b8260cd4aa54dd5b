//! Refusals, worded as the JavaScript validator words them.

use ipld_core::ipld::Ipld;

use super::Flaw;
use crate::proto::Did;

/// A claim that no chain of delegations supports. On the wire its name is `Unauthorized`.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
#[error("{message}")]
pub struct Unauthorized {
    /// Several lines: the claim, and why each way to the resource failed.
    pub message: String,
    /// The same as data: the delegations that fell short, in the order in which they were met, each fault once.
    pub flaws: Vec<Flaw>,
}

impl Unauthorized {
    /// Name on the wire.
    pub const NAME: &'static str = "Unauthorized";

    /// The map for a receipt.
    #[must_use]
    pub fn to_ipld(&self) -> Ipld {
        error_map(Self::NAME, &self.message)
    }
}

/// An invocation for somebody else. On the wire its name is `InvalidAudience`.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("Expected literal \"{expected}\" instead got \"{got}\"")]
pub struct InvalidAudience {
    /// The service's own DID.
    pub expected: Did,
    /// The audience of the invocation.
    pub got: Did,
}

impl InvalidAudience {
    /// Name on the wire.
    pub const NAME: &'static str = "InvalidAudience";

    /// The map for a receipt.
    #[must_use]
    pub fn to_ipld(&self) -> Ipld {
        error_map(Self::NAME, &self.to_string())
    }
}

fn error_map(name: &str, message: &str) -> Ipld {
    let text = |text: &str| Ipld::String(text.to_owned());
    Ipld::Map(
        [
            ("name".to_owned(), text(name)),
            ("message".to_owned(), text(message)),
        ]
        .into(),
    )
}
