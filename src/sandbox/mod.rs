//! A local network on loopback that speaks the real wire protocols.
//!
//! Owns stand-ins for everything a migration talks to: `DynamoDB`, S3, SQS, the upload service,
//! a storage node, the indexing service, the gateway, the carpark's public URL, the index worker.
//! They keep their state in one folder, verify signatures and delegation chains for real, count
//! every request and strike planned faults.
//!
//! May import `proto` and `runtime`. Never imports `client`: both sides agree with the protocol,
//! not with each other.

mod blob;
mod carpark;
mod config;
mod dynamo;
mod env;
mod gateway;
mod home;
mod identity;
mod index_worker;
mod indexer;
mod kv_store;
mod layout;
mod network;
mod node;
mod ranges;
mod s3;
mod server;
mod service;
mod sqs;
mod traffic;
mod ucan_server;
pub mod unixfs;
mod upload;
#[cfg(test)]
mod vectors;
pub mod world;

pub use config::{Config, Lifetimes, SandboxError};
pub use dynamo::{Db, Put, Row};
pub use home::{Control, clear, control, holder, wait_until_free};
pub use identity::{Keys, derive};
pub use indexer::{Advert, Provider};
pub use kv_store::{Item, KvStore};
pub use layout::{
    ACCESS_KEY, MIGRATION_TABLE_PREFIX, REGION, SECRET_KEY, TABLE_PREFIX, Table, bucket, queue,
};
pub use network::{Network, Urls};
pub use s3::{Condition, Listing, Meta, ObjectError, Objects, Page, PutOptions};
pub use server::Sandbox;
pub use service::Service;
pub use sqs::{Message, Queues};
pub use traffic::{Count, Faults, Meter, Operation, Plan, ServiceCount, Token, When};
