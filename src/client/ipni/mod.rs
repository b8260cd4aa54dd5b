//! IPNI publishing: a job object, then a message in the queue (protocol: ipni §5).

mod publish;

pub use publish::Publisher;
