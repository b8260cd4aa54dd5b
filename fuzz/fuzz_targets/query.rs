//! Answers of the indexing service, and the claims in them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna::proto::{claims::Claim, query};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(result) = query::decode(bytes) {
        for claim in &result.claims {
            let _ = Claim::of(claim);
        }
        for form in [query::Form::JS, query::Form::GO] {
            let _ = query::decode(&query::encode(&result, form));
        }
    }
});
