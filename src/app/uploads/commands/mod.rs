//! The commands over uploads, one file each.

mod explain;
mod migrate;
mod retry;
mod rollback;
mod verify;

pub use explain::explain;
pub use migrate::migrate;
pub use retry::retry;
pub use rollback::rollback;
pub use verify::verify;
