//! Messages and delegations of any form as JSON for people and scripts.

use cid::Cid;
use serde_json::{Value, json};

use super::{Message, MessageError, Outcome, Receipt, Task};
use crate::proto::json;
use crate::proto::ucan::{self, Keys, describe, signature_state};

/// Longest input that is read, in bytes.
const MAX_BYTES: usize = 128 << 20;

/// Reads any form that delegations travel in (archive, `delegationsToBytes`, agent message, proof string, legacy CAR,
/// bare UCAN block) and gives one JSON object per delegation, as [`describe`] makes it.
///
/// A message gives its invocations, then one object per receipt: `receipt` (CID), `ran`, `issuer`, `out` (DAG-JSON),
/// `fork`, `join`, `signature`, and `invocation`, the object of what ran, if its block is in the message.
///
/// `keys` gives keys for issuers that are no did:key.
///
/// # Errors
/// The input is too long or has none of these forms, or a delegation or receipt in it cannot be read or shown.
pub fn inspect(input: &[u8], keys: Keys<'_>) -> Result<Vec<Value>, MessageError> {
    if input.len() > MAX_BYTES {
        return Err(ucan::UcanError::Limit("the length of the input").into());
    }
    if let Ok(message) = Message::decode(input) {
        let invocations = message.invocations()?;
        let receipts = message.receipts()?;
        let invocations = invocations
            .iter()
            .map(|invocation| Ok(describe(invocation, keys)?));
        return invocations
            .chain(
                receipts
                    .iter()
                    .map(|receipt| describe_receipt(receipt, keys)),
            )
            .collect();
    }
    ucan::read_any(input)?
        .iter()
        .map(|delegation| Ok(describe(delegation, keys)?))
        .collect()
}

fn describe_receipt(receipt: &Receipt, keys: Keys<'_>) -> Result<Value, MessageError> {
    let (name, value) = match receipt.outcome() {
        Outcome::Ok(value) => ("ok", value),
        Outcome::Err(value) => ("error", value),
    };
    let ran = receipt.ran();
    let invocation = ran
        .delegation()
        .map(|invocation| describe(invocation, keys))
        .transpose()?;
    Ok(json!({
        "receipt": text(receipt.cid()),
        "ran": text(ran.cid()),
        "issuer": receipt.issuer(),
        "out": { name: json::to_value(value).map_err(ucan::UcanError::from)? },
        "fork": receipt.forks().iter().map(Task::cid).map(text).collect::<Vec<_>>(),
        "join": receipt.join().as_ref().map(Task::cid).map(text),
        "signature": signature_state(receipt.signature(), receipt.issuer(), keys, |key| receipt.verify(key)),
        "invocation": invocation,
    }))
}

fn text(cid: &Cid) -> Value {
    Value::String(cid.to_string())
}
