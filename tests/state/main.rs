//! One suite for the shared state, on every store of rows: in memory, in one file, on the embedded `DynamoDB`, and on the endpoint
//! that `STERNA_TEST_DYNAMODB` names (any engine that speaks `DynamoDB`; credentials are made up).

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::print_stdout,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "a test tells one story to its end and fails where it cannot go on"
)]

mod customers;
mod earlier;
mod escapes;
mod failures;
mod fleet;
mod leases;
mod monitor;
mod parts;
mod place;
mod plans;
mod progress;
mod rows;
mod spaces;
mod sqlite;
mod tables;
mod totals;
#[cfg(feature = "sandbox")]
mod untold;
mod words;
