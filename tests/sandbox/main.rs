//! The local network, through the clients that production uses and through plain HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod aws;
mod blobs;
mod claims;
mod dynamo;
mod gateway;
mod network;
mod objects;
mod queues;
mod slices;
mod ucan;
mod world;
