//! Tools that look at one thing: an index, a delegation, the claims about a CID. They change nothing on the network.

mod claims;
mod index;
mod input;
mod ucan;

pub use claims::claims;
pub use index::{build as index_build, show as index_show};
pub use ucan::{Issue, issue as ucan_issue, show as ucan_show};
