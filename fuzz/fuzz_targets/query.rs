//! Answers of the indexing service, and the claims in them.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sterna::proto::{claims::Claim, query};

fuzz_target!(|bytes: &[u8]| {
    let body = Bytes::copy_from_slice(bytes);
    let Ok(answer) = query::Answer::open(&body) else {
        return;
    };
    // What is made of an answer of this size stays within what it is said to weigh and what is read of one.
    assert!(answer.weight() <= 256 << 18);
    if let Ok(result) = answer.read() {
        for claim in &result.claims {
            let _ = Claim::of(claim);
        }
        for form in [query::Form::JS, query::Form::GO] {
            let _ = query::decode(&query::encode(&result, form));
        }
    }
});
