//! Unsigned varints (LEB128, 64 bits, minimal), the lengths and codes of every multiformat.

use thiserror::Error;

/// Why bytes are no varint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VarintError {
    /// The value needs more than 64 bits.
    #[error("varint is longer than 64 bits")]
    Overflow,
    /// The same value has a shorter form.
    #[error("varint is not in its shortest form")]
    NotMinimal,
}

/// Appends the varint of a number.
pub(crate) fn write(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits fit a byte");
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Reads one varint; gives it with the bytes after it. Nothing if cut short, beyond 64 bits, or not minimal.
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, length) = decode(bytes).ok()??;
    Some((number, &bytes[length..]))
}

/// Reads one varint from bytes that may go on later: its value and its length, or `None` if more bytes are needed.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(u64, usize)>, VarintError> {
    let mut number = 0_u64;
    for (at, &byte) in bytes.iter().enumerate() {
        let low = u64::from(byte & 0x7f);
        if at > 9 || (at == 9 && low > 1) {
            return Err(VarintError::Overflow);
        }
        number |= low << (7 * at);
        if byte & 0x80 == 0 {
            return if byte == 0 && at > 0 {
                Err(VarintError::NotMinimal)
            } else {
                Ok(Some((number, at + 1)))
            };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn varints_above_32_bits_keep_every_bit() {
        for value in [
            0,
            127,
            128,
            1 << 31,
            1 << 32,
            (1 << 35) + 5,
            1 << 53,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            write(value, &mut bytes);
            assert_eq!(decode(&bytes), Ok(Some((value, bytes.len()))));
        }
    }

    #[test]
    fn long_and_endless_varints_are_refused() {
        assert_eq!(decode(&[0x80, 0x00]), Err(VarintError::NotMinimal));
        assert_eq!(decode(&[0xff; 11]), Err(VarintError::Overflow));
        assert_eq!(
            decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            Err(VarintError::Overflow)
        );
        assert_eq!(decode(&[0x80]), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u64, tail: Vec<u8>) {
            let mut bytes = Vec::new();
            write(number, &mut bytes);
            bytes.extend_from_slice(&tail);
            prop_assert_eq!(read(&bytes), Some((number, &tail[..])));
        }

        #[test]
        fn any_bytes_are_safe(bytes: Vec<u8>) {
            if let Some((number, rest)) = read(&bytes) {
                let mut again = Vec::new();
                write(number, &mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }
}
