//! May they? Delegation chains from an invocation to the owner of a resource (docs/protocol/ucan.md §7).

mod access;
mod authorization;
mod context;
mod error;
mod flaw;
mod matching;
mod rule;
mod session;
mod signed;
#[cfg(test)]
mod tests;
mod walk;
mod wording;

pub use access::{access, audience, claim, held};
pub use authorization::Authorization;
pub use context::Context;
pub use error::{InvalidAudience, Unauthorized};
pub use flaw::{Fault, Flaw};
pub use rule::{Derives, Rule, derives_equal, derives_with};
