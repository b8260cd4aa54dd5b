//! DAG-CBOR by hand, for the places that the data model cannot hold.
//!
//! Two of them: links with identity digests above 64 bytes, and maps whose text keys are not UTF-8 (query results as
//! the Go service writes them). Everything else goes through `cbor`.

use thiserror::Error;

/// Why bytes are not the CBOR that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RawCborError {
    /// The bytes end inside an item.
    #[error("cut short at byte {0}")]
    Truncated(usize),
    /// Another kind of item stands there.
    #[error("expected {expected} at byte {at}")]
    Unexpected {
        /// The kind looked for.
        expected: &'static str,
        /// Where.
        at: usize,
    },
    /// Bytes are left after the item.
    #[error("bytes are left at byte {0}")]
    Trailing(usize),
}

const UINT: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const LINK_TAG: u64 = 42;
/// Levels of items that are passed over.
const DEPTH: usize = 64;

/// Reads items one after another; definite lengths only.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next item starts.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn uint(&mut self) -> Result<u64, RawCborError> {
        self.head(UINT, "a number")
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], RawCborError> {
        let length = self.head(BYTES, "bytes")?;
        self.take(length)
    }

    /// A text string as bytes: it may not be UTF-8.
    pub(crate) fn text(&mut self) -> Result<&'a [u8], RawCborError> {
        let length = self.head(TEXT, "text")?;
        self.take(length)
    }

    /// The number of items that follow.
    pub(crate) fn list(&mut self) -> Result<u64, RawCborError> {
        self.head(LIST, "a list")
    }

    /// The number of pairs that follow.
    pub(crate) fn map(&mut self) -> Result<u64, RawCborError> {
        self.head(MAP, "a map")
    }

    /// The bytes of a link, without the multibase zero before them.
    pub(crate) fn link(&mut self) -> Result<&'a [u8], RawCborError> {
        let at = self.at;
        let tag = self.head(TAG, "a link")?;
        let bytes = self.bytes()?;
        match (tag, bytes.split_first()) {
            (LINK_TAG, Some((0, cid))) => Ok(cid),
            _ => Err(RawCborError::Unexpected {
                expected: "a link",
                at,
            }),
        }
    }

    /// Passes over one item of any kind, at most [`DEPTH`] levels deep.
    pub(crate) fn skip(&mut self) -> Result<(), RawCborError> {
        self.survey(|_| {}).map(drop)
    }

    /// As [`Reader::skip`]; gives the bytes of every link inside to `link`, and the number of items: of values, keys,
    /// lists and maps.
    pub(crate) fn survey(&mut self, mut link: impl FnMut(&'a [u8])) -> Result<usize, RawCborError> {
        let mut items = 0;
        let mut open = vec![1_u64];
        while let Some(left) = open.last_mut() {
            if *left == 0 {
                open.pop();
                continue;
            }
            *left -= 1;
            items += 1;
            let at = self.at;
            let major = self.bytes.get(at).ok_or(RawCborError::Truncated(at))? >> 5;
            let number = self.head(major, "an item")?;
            match major {
                BYTES | TEXT => drop(self.take(number)?),
                LIST => open.push(number),
                MAP => open.push(number.saturating_mul(2)),
                TAG if number == LINK_TAG => {
                    if let Some((0, cid)) = self.bytes()?.split_first() {
                        link(cid);
                    }
                }
                TAG => open.push(1),
                _ => {}
            }
            if open.len() > DEPTH {
                return Err(RawCborError::Unexpected {
                    expected: "less depth",
                    at,
                });
            }
        }
        Ok(items)
    }

    pub(crate) fn end(&self) -> Result<(), RawCborError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(RawCborError::Trailing(self.at))
        }
    }

    /// The number of an item of this major type.
    fn head(&mut self, major: u8, expected: &'static str) -> Result<u64, RawCborError> {
        let at = self.at;
        let first = *self.bytes.get(at).ok_or(RawCborError::Truncated(at))?;
        if first >> 5 != major {
            return Err(RawCborError::Unexpected { expected, at });
        }
        self.at += 1;
        match first & 0x1f {
            small @ 0..=23 => Ok(u64::from(small)),
            size @ 24..=27 => {
                let bytes = self.take(1 << (size - 24))?;
                Ok(bytes
                    .iter()
                    .fold(0, |value, &byte| value << 8 | u64::from(byte)))
            }
            _ => Err(RawCborError::Unexpected { expected, at }),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], RawCborError> {
        let rest = &self.bytes[self.at..];
        let length = usize::try_from(length).map_err(|_| RawCborError::Truncated(self.at))?;
        let taken = rest.get(..length).ok_or(RawCborError::Truncated(self.at))?;
        self.at += length;
        Ok(taken)
    }
}

/// Writes items one after another, numbers in their shortest form.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(BYTES, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(&mut self, text: &[u8]) -> &mut Self {
        self.head(TEXT, text.len() as u64);
        self.0.extend_from_slice(text);
        self
    }

    pub(crate) fn list(&mut self, length: usize) -> &mut Self {
        self.head(LIST, length as u64)
    }

    pub(crate) fn map(&mut self, pairs: usize) -> &mut Self {
        self.head(MAP, pairs as u64)
    }

    pub(crate) fn link(&mut self, cid: &[u8]) -> &mut Self {
        self.head(TAG, LINK_TAG);
        self.head(BYTES, cid.len() as u64 + 1);
        self.0.push(0);
        self.0.extend_from_slice(cid);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let be = value.to_be_bytes();
        let (small, tail): (u8, &[u8]) = match value {
            0..=23 => (be[7], &[]),
            24..=0xff => (24, &be[7..]),
            0x100..=0xffff => (25, &be[6..]),
            0x1_0000..=0xffff_ffff => (26, &be[4..]),
            _ => (27, &be),
        };
        self.0.push(major << 5 | small);
        self.0.extend_from_slice(tail);
        self
    }
}
