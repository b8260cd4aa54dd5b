//! What is done to an upload and its space, one file each; `all` lists them.

mod all;
mod build;
mod gateway;
mod location;
mod place;
mod publish;
mod register_index;
mod remove_index;
mod store_index;

pub(super) use all::{STEP_GROUPS, STEPS, steps, unit_steps};
pub(super) use build::build;

pub use gateway::GATEWAY;
pub use location::LOCATION;
pub use register_index::REGISTER_INDEX;
pub use store_index::STORE_INDEX;
