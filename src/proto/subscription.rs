//! Subscription ids (protocol: tables §2).

use cid::Cid;

use super::Did;
use super::multihash::{Multihash, codec};
use super::raw_cbor::Writer;

/// The id of the subscription of a space: CID of `{"consumer": <DID text>}`; the same for every customer and provider.
#[must_use]
pub fn id(consumer: &Did) -> Cid {
    Multihash::sha256(&block(consumer))
        .cid(codec::DAG_CBOR)
        .expect("32 bytes of digest fit a link")
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
