//! Who does what, decided before anything runs: filter, weigh, distribute, estimate. Pure: may import `model` only.
//!
//! `consumer rows → chosen spaces → weighed spaces → shares`, each a plain value. The same rows in any order give the
//! same plan.

mod choose;
mod customers_file;
mod distribute;
mod estimate;
mod filter;
mod identity;
mod improve;
#[cfg(test)]
mod tests;

pub use choose::{Chosen, Conflict, ConsumerRow, choose};
pub use customers_file::{
    CUSTOMERS_FILE, CUSTOMERS_FILE_FIELDS, Head, customers_file, customers_file_instance,
    customers_file_name,
};
pub use distribute::{Options, Plan, Portion, Share, SpaceLoad, distribute, weigh};
pub use estimate::{Estimate, Pace, estimate};
pub use filter::{Filter, SkipList};
pub use identity::identify;
