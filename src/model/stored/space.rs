//! How far a customer's migration space is made.

/// One thing about a migration space that is or is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceMark {
    /// Consumer and subscription rows are written.
    Provisioned(bool),
    /// The customer's account has its delegation, and it is stored.
    Delegated(bool),
}
