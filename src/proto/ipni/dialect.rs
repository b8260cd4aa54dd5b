//! The two spellings of a job.

/// Whose spelling is written. Readers take both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Keys in camel case, digests as lists of numbers.
    Js,
    /// Keys as Go's fields, digests in base64.
    Go,
}
