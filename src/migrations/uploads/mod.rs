//! The uploads migration: every upload gets an index that covers its shards, and location claims that name its space.
//!
//! | folder | what |
//! |---|---|
//! | [`mod@self`] | the migration as the engine sees it, and what operators ask of one upload |
//! | `find` | one probe of the world: claims, indexes, sizes |
//! | `decide` | pure: what counts, what is missing or wrong |
//! | `grants` | the delegation by which the gateway may serve a space |
//! | `rows` | what the migration keeps for itself in shared state |
//! | `spaces` | the migration space of a customer |
//! | `deep` | the probe of every byte |
//! | `sample` | a probe of one upload of a space before a run |
//! | `reasons` | why an upload or space cannot be migrated |
//! | `steps` | what is done, one file each; `steps/all.rs` lists them |

mod decide;
mod deep;
mod explain;
mod find;
mod grants;
mod handle;
mod item;
mod migration;
mod parts;
pub mod plan;
pub mod reasons;
mod rows;
mod sample;
mod spaces;
mod steps;
mod unit;
mod vocabulary;

pub use decide::{IndexState, LocationState, Review, Trust};
pub use explain::Explanation;
pub use find::{Absent, Claims, FoundIndex, FoundLocation, Observation, Shard, Signed};
pub use handle::Uploads;
pub use item::Upload;
pub use parts::Settings;
pub use rows::{
    Assignment, CUSTOMERS, CustomerRollup, CustomerRow, CustomerTables, MigrationSpace, NAME,
    Placed, SPACES, SpaceMark, SpaceStatus, Stored, named, namespace,
};
pub use sample::Sample;
pub use steps::{GATEWAY, LOCATION, REGISTER_INDEX, STORE_INDEX};
pub use vocabulary::VOCABULARY;
