//! The one reader of flags, environment and files. Reports every fault at once; opens nothing but files.
//!
//! Precedence: flag, process environment, `.env` files, `<state dir>/local/sandbox.env` when the environment is
//! `local`, preset. May import the configuration types and ids of the rooms above it.

mod customers;
pub mod options;
mod settings;

pub use customers::{CustomerShare, CustomersFile};
pub use settings::{Environment, Settings};
