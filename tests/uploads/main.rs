//! The uploads migration and its clients against the local network, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod auditing;
mod beside;
mod carparks;
mod crashing;
mod fixture;
mod flows;
mod forged;
mod grants;
mod hashes;
mod hostile;
mod led;
mod outage;
mod proxy;
mod services;
mod strangers;
mod tables;
mod undo;
mod unsure;
mod worker;
