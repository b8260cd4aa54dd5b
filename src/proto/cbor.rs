//! DAG-CBOR of [`Ipld`] values: canonical writer, bounded reader.

use ipld_core::ipld::Ipld;

/// Largest block that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// Why a value is no DAG-CBOR.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value has no DAG-CBOR form: an integer beyond 64 bits, or a float that is no number.
    #[error("encode DAG-CBOR: {0}")]
    Encode(String),
    /// Bytes are not one DAG-CBOR value.
    #[error("decode DAG-CBOR: {0}")]
    Decode(String),
    /// Bytes are longer than [`MAX_BYTES`].
    #[error("decode DAG-CBOR: {0} bytes are too many")]
    TooLong(usize),
}

/// Encodes a value canonically (map keys shorter first, then bytewise).
pub fn encode(value: &Ipld) -> Result<Vec<u8>, Error> {
    serde_ipld_dagcbor::to_vec(value).map_err(|error| Error::Encode(error.to_string()))
}

/// Decodes exactly one value; map keys may stand in any order.
pub fn decode(bytes: &[u8]) -> Result<Ipld, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLong(bytes.len()));
    }
    serde_ipld_dagcbor::from_slice(bytes).map_err(|error| Error::Decode(error.to_string()))
}
