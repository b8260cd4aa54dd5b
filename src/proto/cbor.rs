//! DAG-CBOR of [`Ipld`] values: canonical writer, bounded reader.

use ipld_core::ipld::Ipld;

use super::raw_cbor::{self, Reader};

/// Largest block that is read, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Most items of a block that is read. In memory an item takes a hundred times the byte that it may take in a block.
pub const MAX_ITEMS: usize = 1 << 18;

/// Why a value is no DAG-CBOR.
#[derive(Debug, thiserror::Error)]
pub enum CborError {
    /// A value has no DAG-CBOR form: an integer beyond 64 bits, or a float that is not a number.
    #[error("encode DAG-CBOR: {0}")]
    Encode(String),
    /// Bytes are not one DAG-CBOR value.
    #[error("decode DAG-CBOR: {0}")]
    Decode(String),
    /// Bytes are longer than [`MAX_BYTES`].
    #[error("decode DAG-CBOR: {0} bytes are too many")]
    TooLong(usize),
    /// A block holds more than [`MAX_ITEMS`].
    #[error("decode DAG-CBOR: {0} items are too many")]
    TooMany(usize),
    /// Bytes are cut short, or nested too deep.
    #[error("decode DAG-CBOR: {0}")]
    Shape(#[from] raw_cbor::RawCborError),
}

/// Encodes a value canonically (map keys shorter first, then bytewise).
///
/// # Errors
/// An integer is beyond 64 bits, or a float is not finite.
pub fn encode(value: &Ipld) -> Result<Vec<u8>, CborError> {
    serde_ipld_dagcbor::to_vec(value).map_err(|error| CborError::Encode(error.to_string()))
}

/// Decodes exactly one value; map keys may stand in any order.
///
/// # Errors
/// The bytes are not one DAG-CBOR value, or more than [`MAX_BYTES`] or [`MAX_ITEMS`], or nested too deep.
pub fn decode(bytes: &[u8]) -> Result<Ipld, CborError> {
    if bytes.len() > MAX_BYTES {
        return Err(CborError::TooLong(bytes.len()));
    }
    let items = Reader::new(bytes).survey(|_| {})?;
    if items > MAX_ITEMS {
        return Err(CborError::TooMany(items));
    }
    serde_ipld_dagcbor::from_slice(bytes).map_err(|error| CborError::Decode(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks that a stranger may send: small, and large or endless in memory.
    #[test]
    fn a_block_that_is_larger_in_memory_than_it_looks_is_refused() {
        let list = |items: usize| {
            let length = u32::try_from(items).unwrap().to_be_bytes();
            [&[0x9a], &length[..], &vec![0x00; items]].concat()
        };
        // The list is an item, too.
        assert!(decode(&list(MAX_ITEMS - 1)).is_ok());
        let refused = decode(&list(MAX_ITEMS));
        assert!(matches!(refused, Err(CborError::TooMany(items)) if items == MAX_ITEMS + 1));
        let deep = [vec![0x81; 100_000], vec![0x00]].concat();
        assert!(matches!(decode(&deep), Err(CborError::Shape(_))));
        assert!(decode(&[vec![0x81; 60], vec![0x00]].concat()).is_ok());
    }
}
