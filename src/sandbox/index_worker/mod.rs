//! The index worker: the positions of a CAR's blocks as lines of DAG-JSON (protocol: index §5).

mod serve;
mod slicer;

pub(crate) use serve::router;
