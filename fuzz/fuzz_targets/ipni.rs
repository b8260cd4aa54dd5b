//! Multiaddrs, metadata, peer ids and jobs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna::proto::ipni::{
    Job, Multiaddr, PeerId, decode_metadata, digests_from_body, encode_metadata,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(address) = Multiaddr::from_bytes(bytes) {
        assert_eq!(
            Multiaddr::from_bytes(&address.to_bytes()).expect("just written"),
            address
        );
        let _ = (address.url(), address.to_string());
    }
    if let Ok(all) = decode_metadata(bytes) {
        assert_eq!(
            decode_metadata(&encode_metadata(&all)).expect("just written"),
            all
        );
    }
    let _ = digests_from_body(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (
            Multiaddr::parse(text),
            PeerId::parse(text),
            Job::from_message(text),
        );
    }
});
