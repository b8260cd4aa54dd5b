//! The index worker: the positions of a CAR's blocks as lines of DAG-JSON (docs/protocol/index.md §5).

mod serve;
mod slicer;

pub(crate) use serve::router;
