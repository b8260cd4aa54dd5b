//! Log lines: fields, not sentences, to standard error or a file; repeated warnings are folded.

mod dedup;
mod start;

pub(super) use start::Log;
