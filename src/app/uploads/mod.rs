//! The commands of the uploads migration: scopes of customers and spaces, and what comes before a run.
//!
//! | | what |
//! |---|---|
//! | `commands` | one file per command |
//! | `scope` | from what an operator asked for to spaces and uploads |
//! | `setup` | counting and distributing |
//! | `session`, `workload` | uploads as every session wants a migration |
//! | `steps` | the steps as operators name and choose them |
//! | `preflight`, `sample`, `takeover` | what comes before a run |

mod commands;
mod preflight;
mod sample;
mod scope;
mod session;
mod setup;
mod steps;
mod takeover;
mod workload;

pub use commands::{explain, migrate, retry, rollback, verify};
pub use preflight::{Reliance, preflight};
pub use setup::setup;
pub use steps::{STEPS, StepWords, readable, step_group_names, step_words, steps_named};
