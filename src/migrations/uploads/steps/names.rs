//! The names of the steps, as rows and journals hold them.

use crate::model::StepName;

/// Build the index and store it in the customer's migration space.
pub const STORE_INDEX: StepName = StepName::new("store-index");
/// Make the index findable.
pub const REGISTER_INDEX: StepName = StepName::new("register-index");
/// Publish a location claim that names the space, per shard.
pub const LOCATION: StepName = StepName::new("location-claims");
/// Let the gateway serve the space, once per space.
pub const GATEWAY: StepName = StepName::new("gateway-auth");
