//! Unsigned varints (LEB128, 64 bits, minimal), the lengths and codes of every multiformat.

/// Appends the varint of a number.
pub(crate) fn write(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let low = (number & 0x7f) as u8;
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
    let mut number = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let low = u64::from(byte & 0x7f);
        if at == 9 && low > 1 {
            return None;
        }
        number |= low << (7 * at);
        if byte & 0x80 == 0 {
            let minimal = at == 0 || *byte != 0;
            return minimal.then(|| (number, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
