//! Agent messages: invocations on their way to a service, receipts on their way back (protocol: transport).

mod conclude;
mod error;
mod inspect;
mod outcome;
mod receipt;
mod wire;

pub use conclude::{conclude, concluded, find_receipt};
pub use error::Error;
pub use inspect::inspect;
pub use outcome::Outcome;
pub use receipt::{Effects, Receipt, Task};
pub use wire::Message;

/// Content type of requests and replies.
pub const CONTENT_TYPE: &str = "application/vnd.ipld.car";
