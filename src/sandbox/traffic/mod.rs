//! What happens to every request before and after its service: it is counted, delayed,
//! refused, cut or slowed, by one layer around every listener.

mod admit;
mod answer;
mod control;
mod faults;
mod gate;
mod meter;
mod operation;
mod token;

pub use faults::{Faults, Plan, When};
pub use meter::{Count, Meter, ServiceCount};
pub use operation::Operation;
pub use token::Token;

pub(crate) use control::router;
pub(crate) use gate::{INTERNAL, guard};
