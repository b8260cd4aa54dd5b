//! The customers file of an instance, in both shapes of the existing tool.

use std::path::PathBuf;

use crate::proto::did::Did;

/// Customers of one instance, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomersFile {
    /// Where it was read.
    pub path: PathBuf,
    /// The instance it was written for, when it says so.
    pub instance: Option<u32>,
    /// The customers.
    pub customers: Vec<CustomerShare>,
}

/// A customer, or some of its spaces when it was split over instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerShare {
    /// The customer.
    pub customer: Did,
    /// Only these spaces; `None` is all of them.
    pub spaces: Option<Vec<Did>>,
}
