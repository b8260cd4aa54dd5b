//! One suite for the shared state, on every store of rows: in memory, on the embedded `DynamoDB`, and on the endpoint
//! that `STERNA_TEST_DYNAMODB` names (any engine that speaks `DynamoDB`; credentials are made up).

mod customers;
mod failures;
mod fleet;
mod leases;
mod monitor;
mod place;
mod progress;
mod rows;
mod spaces;
mod tables;
