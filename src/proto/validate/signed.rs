//! Whether a key signed a delegation, in the reference's words.

use crate::proto::Verifier;
use crate::proto::ucan::Delegation;

/// Checks the signature with one key.
pub(super) fn verify(delegation: &Delegation, verifier: &Verifier) -> Result<(), String> {
    if delegation.verify(verifier) {
        return Ok(());
    }
    let (cid, issuer, key) = (delegation.cid(), delegation.issuer(), verifier.key_did());
    if issuer.is_key() {
        return Err(format!(
            "Proof {cid} does not has a valid signature from {key}"
        ));
    }
    Err(format!(
        "Proof {cid} issued by {issuer} does not has a valid signature from {key}\n  ℹ️ Probably issuer signed with a \
         different key, which got rotated, invalidating delegations that were issued with prior keys"
    ))
}
