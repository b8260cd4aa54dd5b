//! Content claims: typed words of `assert/location`, `assert/index`, `assert/equals` and `claim/cache`, from and to
//! capabilities (docs/protocol/claims.md §1).
//!
//! Readers take what the network holds: content as a link or as `{digest}`, a space as principal bytes or as DID
//! text. Writers give the present form: `{digest}` for locations, principal bytes for spaces.

mod caveats;
mod claim;
mod error;
mod location;

pub use claim::{Cache, Claim, Equals, Index};
pub use error::Error;
pub use location::{Location, Range, relocate};

mod content;
pub use content::Content;

#[cfg(test)]
mod tests;
