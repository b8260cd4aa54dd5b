//! What `setup` shares out, and the files in which it hands shares over: whose spaces take part, and the customers file.

mod choose;
mod customers_file;
mod filter;
#[cfg(test)]
mod tests;

pub use choose::{Chosen, Conflict, ConsumerRow, choose};
pub use customers_file::{
    CUSTOMERS_FILE, CUSTOMERS_FILE_FIELDS, Entry, Head, Totals, customers_file,
    customers_file_instance, customers_file_name,
};
pub use filter::{Filter, SkipList};
