//! One short file per command: arguments, run, exit code.
//!
//! Results go to standard output, talk to standard error. May import `proto`, `config`, `app`, `model` and `monitor`. Holds
//! no logic of the domain, and opens nothing but what its flags name.

mod args;
mod commands;
mod confirm;
mod context;
mod exit;
mod failure;
mod log;
mod output;
mod plan;
mod progress;
mod run;
mod scope;
#[cfg(test)]
mod snapshots;
mod summary;
mod terminal;
mod values;

pub use exit::Exit;
pub use run::main;
