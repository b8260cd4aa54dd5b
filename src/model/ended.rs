//! How a run ended.

use serde::Serialize;

/// How a run ended; the worst that holds. What ends it as an error is none of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ended {
    /// Everything in scope was checked and has its final outcome.
    #[default]
    Finished,
    /// As many items as were allowed are settled; more are left.
    Limit,
    /// Asked to stop: a signal, a time limit, the operator.
    Stopped {
        /// Why.
        reason: String,
        /// What was in flight was dropped.
        #[serde(skip)]
        aborted: bool,
    },
    /// A safety rule stopped it.
    Safety {
        /// Which rule and by how much.
        reason: String,
    },
    /// A failure that may pass outlasted its limit; units are left.
    Trouble {
        /// What it was.
        reason: String,
    },
    /// Others hold all that is left.
    Held {
        /// Who.
        reason: String,
    },
}
