//! What may be wrong with a shard or an index.

use cid::Cid;
use thiserror::Error as ThisError;

use crate::proto::car;
use crate::proto::multihash::{self, Multihash};
use crate::proto::raw_cbor;

/// Why a shard cannot be indexed, or bytes are no index.
#[derive(Debug, ThisError)]
pub enum IndexError {
    /// The shard or archive is not a CAR that can be read to its end.
    #[error("CAR cannot be read")]
    Car(#[from] car::CarError),
    /// A block does not have the hash that names it, or its hash cannot be checked.
    #[error("block {id} at byte {offset} fails its check")]
    Block {
        /// The CID of the section.
        id: car::BlockId,
        /// Where its payload starts.
        offset: u64,
        /// What is wrong.
        source: multihash::MultihashError,
    },
    /// The shard as a whole has another hash than was said.
    #[error("shard {expected} hashes to {actual}")]
    Shard {
        /// The hash it goes by.
        expected: Multihash,
        /// The hash of its bytes.
        actual: Multihash,
    },
    /// The shard has another size than was said.
    #[error("shard {shard} has {actual} bytes instead of {expected}")]
    Size {
        /// The shard.
        shard: Multihash,
        /// The size it should have.
        expected: u64,
        /// Bytes that came.
        actual: u64,
    },
    /// A block of the archive is missing.
    #[error("block {0} is missing from the archive")]
    Missing(Cid),
    /// A block of the archive does not have the hash that names it.
    #[error("block {id} of the archive fails its check")]
    Corrupt {
        /// The block.
        id: Cid,
        /// What is wrong.
        source: multihash::MultihashError,
    },
    /// The root block is of another kind.
    #[error("index is of the unknown kind `{0}`")]
    Variant(String),
    /// A block is not the CBOR that the kind asks for.
    #[error("{part} of the index is malformed")]
    Malformed {
        /// Which block.
        part: &'static str,
        /// What is wrong.
        source: raw_cbor::RawCborError,
    },
    /// A multihash inside is damaged.
    #[error("index holds a bad multihash")]
    Multihash(#[source] multihash::MultihashError),
    /// A link inside is damaged.
    #[error("index holds a bad link")]
    Link,
    /// It holds more than is read of one index.
    #[error("index has more than {1} {0}")]
    TooMany(&'static str, usize),
    /// Reading the shard failed.
    #[error("shard cannot be read")]
    Read(#[from] std::io::Error),
}
