//! What is done to an upload and its space, one file each.

mod build;
mod gateway;
mod location;
mod names;
mod place;
mod publish;
mod register_index;
mod remove_index;
mod store_index;

pub(super) use build::build;
pub(super) use gateway::AuthorizeGateway;
pub(super) use location::RepublishLocation;
pub(super) use register_index::RegisterIndex;
pub(super) use store_index::StoreIndex;

pub use names::{GATEWAY, LOCATION, REGISTER_INDEX, STORE_INDEX};
