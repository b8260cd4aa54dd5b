//! The commands of the blobs migration (docs/blobs.md §7).
//!
//! | file | what |
//! |---|---|
//! | `open` | the state of the migration, and a job with both of its backends |
//! | `workload` | what the migration adds to a session |
//! | `plan` | counts the blobs of a job |
//! | `copy` | runs it |
//! | `status` | how far it is |
//! | `verify` | audits the target |
//! | `flip` | sends readers to the target |
//! | `rollback` | sends them back, and removes the copies |
//! | `get` | reads one blob as a reader does |

mod copy;
mod flip;
mod get;
mod open;
mod plan;
mod rollback;
mod status;
mod verify;
mod workload;

pub use copy::{CopyOptions, CopyReport, copy};
pub use flip::{FlipOptions, FlipReport, flip};
pub use get::{Got, get};
pub use plan::{Left, PlanOptions, PlanReport, plan};
pub use rollback::{RollbackOptions, RollbackReport, rollback};
pub use status::{JobStatus, status};
pub use verify::{VerifyOptions, verify};
pub use workload::{BlobsWorkload, reasons};
