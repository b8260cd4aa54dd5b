//! What is done to an upload and its space, one file each.

mod build;
mod gateway;
mod location;
mod place;
mod publish;
mod register_index;
mod remove_index;
mod store_index;

use crate::model::StepName;

pub(super) use build::build;
pub(super) use gateway::AuthorizeGateway;
pub(super) use location::RepublishLocation;
pub(super) use register_index::RegisterIndex;
pub(super) use remove_index::RemoveIndex;
pub(super) use store_index::StoreIndex;

/// Build the index and store it in the customer's migration space.
pub const STORE_INDEX: StepName = StepName::new("store-index");
/// Make the index findable.
pub const REGISTER_INDEX: StepName = StepName::new("register-index");
/// Publish a location claim that names the space, per shard.
pub const LOCATION: StepName = StepName::new("location-claims");
/// Let the gateway serve the space, once per space.
pub const GATEWAY: StepName = StepName::new("gateway-auth");
