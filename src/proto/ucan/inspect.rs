//! Delegations as JSON for people and scripts.

use super::Error;
use crate::proto::{Did, Verifier};

/// Reads any form that delegations travel in (archive, `delegationsToBytes`, agent message, proof string as bytes,
/// bare UCAN block) and gives a JSON list with one object per delegation.
///
/// `resolve` gives keys for issuers that are no did:key.
pub fn inspect(
    input: &[u8],
    resolve: &dyn Fn(&Did) -> Option<Verifier>,
) -> Result<serde_json::Value, Error> {
    let _ = (input, resolve);
    todo!()
}
