//! The steps of a blob: `copy` puts it on the target, `verify` reads it back.

mod copy;
mod undo;
mod verify;

pub use copy::COPY;
pub(super) use copy::Copy;
pub use verify::VERIFY;
pub(super) use verify::Verify;
