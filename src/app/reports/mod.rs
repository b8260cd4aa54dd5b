//! What commands answer, as data: `cli` prints it as a table or as JSON. What only one migration says is in a part of its
//! own.

mod audit;
mod control;
mod init;
mod plan;
mod progress;
mod rollback;
mod run;

pub use audit::{AuditReport, AuditedItem, UnlistedUnit};
pub use control::ControlReport;
pub use init::{InitReport, InitTable};
pub use plan::PlanReport;
pub use progress::{ProgressSink, ProgressUpdate};
pub use rollback::{RollbackPlan, RollbackReport, UnaccountedUnit};
pub use run::RunReport;
