//! Sterna: a distributed content migration runner for the Storacha network.

pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod engine;
pub mod migrations;
pub mod model;
pub mod monitor;
pub mod plan;
pub mod proto;
pub mod runtime;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod state;
