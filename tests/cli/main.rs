//! The command line as its users meet it: the real binary, its exit codes, its standard output and error.

#![expect(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on shall panic; its modules are its own"
)]

mod answers;
#[cfg(feature = "sandbox")]
mod auditing;
mod blobs;
#[cfg(feature = "sandbox")]
mod conflict;
#[cfg(feature = "sandbox")]
mod control;
#[cfg(feature = "sandbox")]
mod counts;
#[cfg(feature = "sandbox")]
mod credentials;
#[cfg(feature = "sandbox")]
mod demo;
#[cfg(feature = "sandbox")]
mod elsewhere;
#[cfg(feature = "sandbox")]
mod flags;
#[cfg(feature = "sandbox")]
mod foreign;
#[cfg(feature = "sandbox")]
mod hashes;
#[cfg(feature = "sandbox")]
mod help;
mod inputs;
mod inspect;
#[cfg(feature = "sandbox")]
mod modes;
#[cfg(feature = "sandbox")]
mod network;
#[cfg(feature = "sandbox")]
mod plan;
#[cfg(feature = "sandbox")]
mod private;
mod proofs;
#[cfg(feature = "sandbox")]
mod readme;
#[cfg(feature = "sandbox")]
mod rollback;
#[cfg(feature = "sandbox")]
mod roots;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod settings;
#[cfg(feature = "sandbox")]
mod sharing;
#[cfg(feature = "sandbox")]
mod signals;
#[cfg(feature = "sandbox")]
mod sqlite;
#[cfg(feature = "sandbox")]
mod surroundings;
#[cfg(feature = "sandbox")]
mod tables;
#[cfg(feature = "sandbox")]
mod takeover;
#[cfg(feature = "sandbox")]
mod terminal;
#[cfg(feature = "sandbox")]
mod twins;
mod usage;
