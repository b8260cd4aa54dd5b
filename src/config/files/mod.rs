//! What is read from files, pipes and standard input: settings, customers, lists of roots, keys.

mod customers;
mod dotenv;
mod env_file;
mod input;
mod key_file;
mod roots;
mod trust;

pub use customers::{CustomerShare, CustomersFile, PlanOfFile, customer_did, space_did};
pub(super) use env_file::EnvFile;
pub use input::{is_stdin, read_text};
pub use key_file::read_key_file;
pub use roots::{Root, read_roots};
pub(super) use trust::{Named, User};
