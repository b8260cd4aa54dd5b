//! The indexing service: asking for claims, caching a location claim, registering an index (docs/protocol/claims.md).

mod cache;
mod index;
mod query;
mod service;

pub use cache::CacheRequest;
pub use index::lacks_location;
pub use query::{Answer, HASHES, Indexed, QueryKind};
pub use service::IndexingClient;
