//! Delegations as one line of text, the form of environment variables (docs/protocol/ucan.md §6).

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use multibase::Base;

use super::archive::{archive, extract_from};
use super::{Delegation, UcanError};
use crate::proto::carrier;
use crate::proto::varint;

/// Multicodec of CAR files.
const CAR: u64 = 0x0202;
/// Multihash code of the identity "hash".
const IDENTITY: u64 = 0;
/// Longest text that is read, in bytes.
const MAX_LENGTH: usize = 16 << 20;
/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Writes a proof string: base64 of a CID whose identity hash is the archive.
///
/// # Errors
/// As [`archive`].
pub fn format_proof(delegation: &Delegation) -> Result<String, UcanError> {
    let archive = archive(delegation)?;
    let mut cid = Vec::with_capacity(archive.len() + 16);
    for code in [1, CAR, IDENTITY, archive.len() as u64] {
        varint::write(code, &mut cid);
    }
    cid.extend_from_slice(&archive);
    Ok(multibase::encode(Base::Base64, cid))
}

/// Reads a proof string: a CID of an archive or of a legacy CAR, or base64 of such a CAR without prefix. White space
/// around and inside is ignored.
///
/// # Errors
/// The text is too long or empty, is neither a CID nor base64, or holds no delegation.
pub fn parse_proof(text: &str) -> Result<Delegation, UcanError> {
    if text.len() > MAX_LENGTH {
        return Err(UcanError::Limit("the length of a proof"));
    }
    let text: String = text
        .chars()
        .filter(|letter| !letter.is_ascii_whitespace())
        .collect();
    if text.is_empty() {
        return Err(UcanError::Proof("it is empty"));
    }
    match multibase::decode(&text)
        .ok()
        .and_then(|(_, bytes)| Some(content(&bytes)?.to_vec()))
    {
        Some(car) => {
            extract_from(carrier::read(&car)?).or_else(|error| legacy(&car).map_err(|_| error))
        }
        None => legacy(
            &BASE64
                .decode(&text)
                .map_err(|_| UcanError::Proof("it is neither a CID nor base64"))?,
        ),
    }
}

/// The content of a CAR CID with identity hash.
fn content(cid: &[u8]) -> Option<&[u8]> {
    let mut rest = cid;
    for expected in [1, CAR, IDENTITY] {
        let (code, after) = varint::read(rest)?;
        if code != expected {
            return None;
        }
        rest = after;
    }
    let (length, content) = varint::read(rest)?;
    (usize::try_from(length).ok()? == content.len()).then_some(content)
}

/// A plain CAR of blocks, the last of which is the UCAN.
fn legacy(car: &[u8]) -> Result<Delegation, UcanError> {
    let blocks = carrier::read(car)?.blocks;
    let last = blocks
        .iter()
        .last()
        .ok_or(UcanError::Proof("it holds no block"))?;
    Delegation::view_shared(&last.cid, &Arc::new(blocks))
}
