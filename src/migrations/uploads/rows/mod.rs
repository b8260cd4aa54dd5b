//! Rows that the uploads migration keeps for itself, beside those that every migration has.
//!
//! | file | table |
//! |---|---|
//! | `customers` | `…-migration-customers`: what each customer was given and how far it is |
//! | `rollup` | its counters, a sum of progress rows |
//! | `spaces` | `…-migration-spaces`: each customer's one migration space with its sealed key |
//! | `tables` | the names of both, and the namespace of the migration |

mod customers;
mod rollup;
mod spaces;
mod tables;

pub use customers::{Assignment, CustomerRow, Placed};
pub use rollup::CustomerRollup;
pub use spaces::{MigrationSpace, SpaceMark, SpaceStatus, Stored};
pub use tables::{CUSTOMERS, CustomerTables, NAME, SPACES, named, namespace};
