//! The local network, through the clients that production uses and through plain HTTP.

mod aws;
mod dynamo;
mod network;
mod objects;
mod queues;
mod slices;
