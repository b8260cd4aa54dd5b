//! The command line as its users meet it: the real binary, its exit codes, its standard output and error.

mod inspect;
mod proofs;
mod run;
mod settings;
mod usage;
