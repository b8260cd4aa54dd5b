//! UCAN over HTTP: invocations out, receipts back, signatures checked (docs/protocol/transport.md).

mod execute;
mod identity;
mod issuers;

pub(crate) use execute::{Connection, failed, failure, outage, signs, unfit};
pub(crate) use identity::Identity;
pub use identity::Keys;
pub use issuers::Issuers;
