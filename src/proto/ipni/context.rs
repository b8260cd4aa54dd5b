//! The id under which a provider's advert can be replaced, and by which a query is filtered by space.

use crate::proto::Did;
use crate::proto::multihash::{Multihash, Sha256};

/// The context id of a location: SHA2-256 multihash of the space's principal bytes and the content's multihash;
/// without a space, of the multihash alone.
#[must_use]
pub fn context_id(space: Option<&Did>, content: &Multihash) -> Multihash {
    hashed(&space.map(Did::to_bytes).unwrap_or_default(), content)
}

/// The context id that the JavaScript migration tool wrote: over the DID's *text*. No query filtered by space finds
/// it; made here only to detect such records.
#[must_use]
pub fn text_context_id(space: &Did, content: &Multihash) -> Multihash {
    hashed(space.as_str().as_bytes(), content)
}

fn hashed(space: &[u8], content: &Multihash) -> Multihash {
    let mut hasher = Sha256::new();
    hasher.update(space);
    hasher.update(content.as_bytes());
    hasher.finish()
}
