//! Wire formats against the golden vectors: every file, in every direction its content allows.
//!
//! The vectors lie beside this file; the environment variable `STERNA_VECTORS` names another folder of the same
//! format. No test knows the names, keys or number of vectors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod data;
mod load;
mod ucan;
