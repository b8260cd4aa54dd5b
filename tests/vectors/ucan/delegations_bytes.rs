//! `delegations-bytes.json`: several delegations in one file.

use sterna::proto::ucan::{Delegation, from_bytes, to_bytes};

use super::delegations::{assert_outline, build_all};
use crate::load::{hex, load, section, texts};

#[test]
fn groups_have_the_same_bytes_and_read_back() {
    let built = build_all();
    for vector in section(&load("delegations-bytes.json"), "vectors") {
        let group: Vec<Delegation> = texts(vector, "delegations")
            .into_iter()
            .map(|name| built[name].clone())
            .collect();
        let bytes = to_bytes(&group);
        assert_eq!(bytes, hex(vector, "hex"));
        assert_outline(&bytes, &vector["outline"]);
        let read = from_bytes(&bytes).unwrap();
        assert_eq!(read, group);
        assert_eq!(
            read.iter()
                .map(|read| read.cid().to_string())
                .collect::<Vec<_>>(),
            texts(vector, "roots")
        );
        assert_eq!(to_bytes(&read), bytes);
    }
}
