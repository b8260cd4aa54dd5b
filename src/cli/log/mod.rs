//! Log lines: fields, not sentences, to standard error or a file; repeated warnings are folded.

mod fold;
mod start;

pub(super) use start::Log;
