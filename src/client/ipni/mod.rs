//! IPNI publishing: a job object, then a message in the queue (docs/protocol/ipni.md §5).

mod publish;

pub use publish::Publisher;
