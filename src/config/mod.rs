//! The one reader of flags, environment and files. Reports every fault at once; opens nothing but files.
//!
//! Precedence: flag, process environment, `--env-file`, `.env-<environment>`, `.env`,
//! `<state dir>/local/sandbox.env` when the environment is `local`, preset. May import the configuration types
//! and ids of the rooms above it.

mod address;
mod environment;
mod fault;
mod files;
mod mask;
mod names;
mod network;
pub mod options;
mod origin;
mod reader;
mod secrets;
mod settings;
mod sources;
mod variables;

pub use environment::Environment;
pub use fault::{Fault, Faults};
pub use files::{
    CustomerShare, CustomersFile, PlanOfFile, Root, customer_did, is_stdin, read_key_file,
    read_roots, read_text, space_did,
};
pub use names::nearest;
pub use origin::Origin;
pub use secrets::known_key;
pub use settings::{CONCURRENCY, Need, Settings, Shown, color_wish, show, user};
pub use sources::Flags;
