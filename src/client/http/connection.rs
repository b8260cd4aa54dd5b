//! What a broken connection means.

use std::error::Error as _;

use super::reach::NotPublic;
use crate::client::Cause;
use crate::client::error::excerpt;
use crate::runtime::{error_chain, root_cause};

/// Classifies an error of the connection itself.
pub(crate) fn network(error: &reqwest::Error) -> Cause {
    if error.is_timeout() {
        return Cause::Timeout;
    }
    let first = error.source();
    let mut chain = std::iter::successors(first, |cause| (*cause).source());
    match chain.find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        Some(refused) => Cause::Address(excerpt(&refused.to_string())),
        // Where to is known; the URL with all its hashes would hide why.
        None if error.is_connect() => Cause::Network(excerpt(&root_cause(error))),
        None => Cause::Network(excerpt(&error_chain(error))),
    }
}
