//! SQS: the calls in use, over queues kept in append-only files.

mod protocol;
mod queue;
mod store;

pub use queue::Message;
pub use store::Queues;

pub(crate) use protocol::router;
