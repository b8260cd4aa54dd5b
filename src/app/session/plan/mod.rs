//! A plan: how it differs from what the tables hold, and its rows.

mod change;
mod make;
mod write;

pub(in crate::app) use change::{Change, Standing};
pub(in crate::app) use write::NewPlan;
pub use write::PlanBy;
