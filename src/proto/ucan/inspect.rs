//! Delegations as JSON for people and scripts.

use std::sync::Arc;

use cid::Cid;
use serde_json::{Map, Value, json};

use super::archive::{extract_from, views_of};
use super::proof_string::parse_proof;
use super::{Capability, Delegation, UcanError};
use crate::proto::carrier;
use crate::proto::{Block, Blocks, Did, Signature, Verifier, json};

/// Multicodec of UCAN blocks.
const DAG_CBOR: u64 = 0x71;

/// Gives a key for an issuer that is no did:key; nothing if it is unknown.
pub type Keys<'a> = &'a dyn Fn(&Did) -> Option<Verifier>;

/// Reads any form that delegations travel in, but agent messages: an archive, a `delegationsToBytes` file, a legacy
/// CAR whose last block is the UCAN, a proof string, or a bare UCAN block.
///
/// # Errors
/// The input has none of these forms, or a block does not match its CID.
pub fn read_any(input: &[u8]) -> Result<Vec<Delegation>, UcanError> {
    if let Ok(text) = std::str::from_utf8(input) {
        return Ok(vec![parse_proof(text)?]);
    }
    let block = Block::new(DAG_CBOR, input.to_vec());
    let cid = block.cid;
    if let Ok(bare) = Delegation::view_shared(&cid, &Arc::new(Blocks::from_iter([block]))) {
        return Ok(vec![bare]);
    }
    let car = || carrier::read(input);
    if let Ok(delegation) = extract_from(car()?) {
        return Ok(vec![delegation]);
    }
    match views_of(car()?) {
        Ok(delegations) if !delegations.is_empty() => Ok(delegations),
        result => {
            let blocks = car()?.blocks;
            let last = blocks.iter().last().ok_or(UcanError::Variant)?.cid;
            match Delegation::view_shared(&last, &Arc::new(blocks)) {
                Ok(delegation) => Ok(vec![delegation]),
                Err(error) => Err(result.err().unwrap_or(error)),
            }
        }
    }
}

/// A delegation as JSON: `cid`, `issuer`, `audience`, `capabilities` (DAG-JSON), `expiration` (null = never),
/// `notBefore`, `nonce`, `facts` (DAG-JSON), `proofs` (CIDs), and `signature`: `valid`, `invalid`, `absentee`
/// or `unresolved`.
///
/// # Errors
/// A capability or fact holds a float that is not finite.
pub fn describe(delegation: &Delegation, keys: Keys<'_>) -> Result<Value, UcanError> {
    let ucan = delegation.ucan();
    let capabilities = ucan.capabilities.iter().map(Capability::to_ipld);
    let capabilities: Vec<_> = capabilities
        .map(|value| json::to_value(&value))
        .collect::<Result<_, _>>()?;
    let facts = ucan.facts.iter().cloned().map(ipld_core::ipld::Ipld::Map);
    let facts: Vec<_> = facts
        .map(|fact| json::to_value(&fact))
        .collect::<Result<_, _>>()?;
    let mut entries = Map::new();
    entries.insert("cid".into(), text(delegation.cid()));
    entries.insert("issuer".into(), json!(ucan.issuer));
    entries.insert("audience".into(), json!(ucan.audience));
    entries.insert("capabilities".into(), json!(capabilities));
    entries.insert("expiration".into(), json!(ucan.expiration));
    entries.insert("notBefore".into(), json!(ucan.not_before));
    entries.insert("nonce".into(), json!(ucan.nonce));
    entries.insert("facts".into(), json!(facts));
    entries.insert("proofs".into(), ucan.proofs.iter().map(text).collect());
    let state = signature_state(&ucan.signature, Some(&ucan.issuer), keys, |verifier| {
        delegation.verify(verifier)
    });
    entries.insert("signature".into(), json!(state));
    Ok(Value::Object(entries))
}

/// The word for a signature: `absentee`, `unresolved` (no key for the issuer), `valid` or `invalid`.
pub(crate) fn signature_state(
    signature: &Signature,
    issuer: Option<&Did>,
    keys: Keys<'_>,
    verify: impl Fn(&Verifier) -> bool,
) -> &'static str {
    if signature.is_absentee() {
        return "absentee";
    }
    let key = match issuer {
        Some(issuer) if issuer.is_key() => Verifier::from_did(issuer).ok(),
        Some(issuer) => keys(issuer).map(|verifier| verifier.with_did(issuer.clone())),
        None => None,
    };
    match key {
        None => "unresolved",
        Some(verifier) if verify(&verifier) => "valid",
        Some(_) => "invalid",
    }
}

fn text(cid: &Cid) -> Value {
    Value::String(cid.to_string())
}
