//! `blob/allocate`: room for a blob, and where to put it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ipld_core::ipld::Ipld;

use super::state::Node;
use crate::sandbox::blob::{Blob, space_of};
use crate::sandbox::layout::bucket;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, map, text};

/// The largest blob that a node takes, in bytes.
const LARGEST: u64 = 127 << 25;
/// How long an address holds, in seconds.
const EXPIRES: i128 = 86_400;

/// What allocations are kept under.
pub(super) fn group(blob: &Blob) -> String {
    format!("node/allocation/{}", blob.digest)
}

/// Allocates; gives an address unless the bytes are there.
pub(super) fn allocate(node: &Node, call: &Call) -> Answer {
    let blob = Blob::from_ipld(call.caveat("blob")?)?;
    let space = space_of(call.caveat("space")?)?;
    if blob.size > LARGEST {
        let message = format!(
            "Blob of {} bytes, exceeds size limit of {LARGEST} bytes",
            blob.size
        );
        return Err(Failure::named("BlobSizeOutsideOfSupportedRange", &message));
    }
    let network = &node.network;
    let now = network.clock.now().0;
    let stored = network.objects.head(bucket::CARPARK, &blob.key()).is_some();
    let allocated = network
        .shelf
        .get(&group(&blob), space.as_str(), now)
        .is_some();
    if !allocated {
        network
            .shelf
            .put(&group(&blob), space.as_str(), blob.size.to_string(), None)?;
    }
    let reserved = if stored || allocated { 0 } else { blob.size };
    let size = ("size", Ipld::Integer(reserved.into()));
    if stored {
        return Ok(Success::with(map([size])));
    }
    let url = format!("{}/{}", network.urls.of(Service::Node), blob.key());
    let headers = map([
        ("content-length", text(&blob.size.to_string())),
        (
            "x-amz-checksum-sha256",
            text(&BASE64.encode(blob.digest.digest())),
        ),
    ]);
    let address = map([
        ("url", text(&url)),
        ("headers", headers),
        ("expires", Ipld::Integer(EXPIRES)),
    ]);
    Ok(Success::with(map([size, ("address", address)])))
}
