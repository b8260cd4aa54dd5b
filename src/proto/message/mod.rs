//! Agent messages: invocations on their way to a service, receipts on their way back (docs/protocol/transport.md).

mod conclude;
mod error;
mod inspect;
mod negotiate;
mod outcome;
mod receipt;
mod wire;

pub use conclude::{conclude, concluded, find_receipt};
pub use error::MessageError;
pub use inspect::inspect;
pub use negotiate::{CONTENT_TYPE, Refused, negotiate};
pub use outcome::Outcome;
pub use receipt::{Effects, Receipt, Task};
pub use wire::Message;
