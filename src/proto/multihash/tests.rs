//! Tests of hashes and what they check.

use proptest::prelude::*;

use super::*;

#[test]
fn identity_hashes_above_64_bytes_are_kept_but_are_no_link() {
    let hash = Multihash::identity(&[7; 200]);
    assert_eq!(Multihash::from_bytes(hash.as_bytes()).unwrap(), hash);
    assert_eq!(hash.digest(), &[7; 200]);
    assert_eq!(hash.cid(codec::RAW), Err(MultihashError::TooLong(200)));
    hash.verify(&[7; 200]).unwrap();
    assert_eq!(
        hash.verify(&[7; 199]),
        Err(MultihashError::Mismatch(hash.clone()))
    );
}

#[test]
fn unknown_hash_functions_are_named() {
    // MD5, and a digest that was cut.
    for (code, length) in [(0xd5, 16), (SHA2_256, 20)] {
        let hash = Multihash::wrap(code, &vec![0; length]);
        assert_eq!(
            hash.verify(b"x"),
            Err(MultihashError::Unverifiable { code, length })
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(hash) = Multihash::from_bytes(&bytes) {
            prop_assert_eq!(hash.as_bytes(), &bytes[..]);
            let _ = (hash.code(), hash.digest(), hash.cid(codec::RAW), hash.verify(&bytes));
        }
    }

    #[test]
    fn pieces_hash_like_the_whole(data: Vec<u8>, cut: prop::sample::Index) {
        let whole = Multihash::sha256(&data);
        let (head, tail) = data.split_at(cut.index(data.len() + 1));
        let mut hasher = whole.hasher().unwrap();
        hasher.update(head);
        hasher.update(tail);
        prop_assert_eq!(hasher.check(&whole), Ok(()));
        prop_assert_eq!(Multihash::parse(&whole.base58()), Ok(whole));
    }
}
