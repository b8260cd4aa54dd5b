//! The network's own DynamoDB tables (docs/protocol/tables.md §2). Lists are read to the end, whatever a page holds.

mod allocations;
mod consumers;
mod count;
mod delegations;
mod item;
mod provision;
mod revocations;
mod shards;
mod sizes;
mod storage_providers;
mod table;
mod uploads;

pub use consumers::{Consumer, ConsumerEntry, SpaceOfCustomer};
pub use delegations::DelegationRow;
pub use provision::Provision;
pub use sizes::{Protocol, ShardRow};
pub use table::NetworkTables;
pub(in crate::client) use table::required;
pub use uploads::{UploadPage, UploadRow};
