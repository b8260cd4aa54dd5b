//! The local network, through the clients that production uses and through plain HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod aws;
mod dynamo;
mod network;
mod objects;
mod queues;
mod slices;
