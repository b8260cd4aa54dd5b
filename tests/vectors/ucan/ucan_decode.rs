//! `ucan-decode.json`: blocks of other writers.

use sterna::proto::ucan::{Delegation, Ucan, read_any};
use sterna::proto::{Block, Blocks, Verifier};

use crate::load::{cid, did, hex, load, name, section};

#[test]
fn blocks_of_other_writers_are_read_and_judged() {
    for vector in section(&load("ucan-decode.json"), "vectors") {
        let block = Block::new(0x71, hex(vector, "bytes_hex"));
        assert_eq!(block.cid, cid(vector, "cid"), "{}", name(vector));
        Ucan::decode(&block.bytes).unwrap();
        let delegation =
            Delegation::view(&cid(vector, "cid"), &Blocks::from_iter([block.clone()])).unwrap();
        assert_eq!(
            delegation.issuer(),
            &did(vector, "issuer"),
            "{}",
            name(vector)
        );
        assert_eq!(delegation.block(), &block, "received bytes are kept");
        let verifier = Verifier::from_did(delegation.issuer()).unwrap();
        assert_eq!(
            delegation.verify(&verifier),
            vector["signature_valid"].as_bool().unwrap(),
            "{}",
            name(vector)
        );
        assert_eq!(read_any(&block.bytes).unwrap(), [delegation]);
    }
}
