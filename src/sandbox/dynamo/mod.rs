//! DynamoDB: `dynoxide` in process over `dynamodb.db`, for the network's own
//! services as typed calls and for everyone else over the real protocol.

mod database;
mod http;
mod row;
mod tables;

pub use database::{Db, Put};
pub use row::Row;

pub(crate) use http::router;
