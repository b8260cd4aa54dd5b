//! The words of a run, pure.
