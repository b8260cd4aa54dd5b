//! Subscription ids (docs/protocol/tables.md §2).

use cid::Cid;

use super::Did;
use super::multihash::{Multihash, codec};
use super::raw_cbor::Writer;

/// The id of the subscription of a space: CID of `{"consumer": <DID text>}`; the same for every customer and provider.
#[must_use]
pub fn id(consumer: &Did) -> Cid {
    Multihash::link(codec::DAG_CBOR, &block(consumer))
}

/// The block that [`id`] is the CID of.
#[must_use]
pub fn block(consumer: &Did) -> Vec<u8> {
    let mut writer = Writer::default();
    writer
        .map(1)
        .text(b"consumer")
        .text(consumer.as_str().as_bytes());
    writer.finish()
}
