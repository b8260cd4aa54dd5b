//! Reads a CAR as the index worker does, with its quirks (docs/protocol/index.md §6): a section begins only once 8
//! bytes are there, so a shorter tail is dropped; no hash is checked; CARv2 and empty sections are errors.

use bytes::{Buf, BytesMut};

/// Bytes that must be there before a section's length is read.
const WANTED: usize = 8;

/// The header that the worker puts before a CAR it enters in the middle has no bytes of the
/// object, so such a CAR begins with a section.
pub(super) struct Slicer {
    state: State,
    held: BytesMut,
    /// Where in the object the first held byte is.
    at: u64,
}

/// The position of one block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) multihash: Vec<u8>,
    pub(super) offset: u64,
    pub(super) length: u64,
}

enum State {
    HeaderLength,
    Header { left: u64 },
    SectionLength,
    BlockId { length: u64 },
    Payload { slice: Slice, left: u64 },
}

impl Slicer {
    /// Reads an object from `offset`, which is a section's start unless it is 0.
    pub(super) fn at(offset: u64) -> Self {
        Self {
            state: match offset {
                0 => State::HeaderLength,
                _ => State::SectionLength,
            },
            held: BytesMut::new(),
            at: offset,
        }
    }

    /// Takes the next bytes and gives every slice that is complete.
    pub(super) fn push(&mut self, bytes: &[u8], mut give: impl FnMut(Slice)) -> Result<(), String> {
        self.held.extend_from_slice(bytes);
        while self.step(&mut give)? {}
        Ok(())
    }

    /// Ends the object; an error if a section is open.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        match self.state {
            State::SectionLength => Ok(()),
            _ => Err("unexpected end of data".to_owned()),
        }
    }

    /// One step; whether there may be another.
    fn step(&mut self, give: &mut impl FnMut(Slice)) -> Result<bool, String> {
        match &mut self.state {
            State::HeaderLength | State::SectionLength => {
                if self.held.len() < WANTED {
                    return Ok(false);
                }
                let (length, used) = varint(&self.held)?.ok_or("the length is too long")?;
                self.state = match self.state {
                    State::HeaderLength => State::Header { left: length },
                    _ => State::BlockId { length },
                };
                self.consume(used);
                Ok(true)
            }
            State::Header { left } => {
                let (taken, rest) = take(&self.held, *left);
                *left = rest;
                let done = rest == 0;
                self.consume(taken);
                if done {
                    self.state = State::SectionLength;
                }
                Ok(done)
            }
            State::BlockId { length } => {
                let length = *length;
                let Some((used, multihash)) = block_id(&self.held)? else {
                    return Ok(false);
                };
                let left = length
                    .checked_sub(used as u64)
                    .ok_or("the section is shorter than its CID")?;
                self.consume(used);
                let slice = Slice {
                    multihash,
                    offset: self.at,
                    length: left,
                };
                self.state = State::Payload { slice, left };
                Ok(true)
            }
            State::Payload { left, .. } => {
                let (taken, rest) = take(&self.held, *left);
                *left = rest;
                self.consume(taken);
                if rest > 0 {
                    return Ok(false);
                }
                let before = std::mem::replace(&mut self.state, State::SectionLength);
                if let State::Payload { slice, .. } = before {
                    give(slice);
                }
                Ok(true)
            }
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.held.advance(bytes);
        self.at += bytes as u64;
    }
}

/// How many of the held bytes belong to something with `left` bytes to come, and what is left.
fn take(held: &[u8], left: u64) -> (usize, u64) {
    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(held.len());
    (taken, left - taken as u64)
}

/// The length of the CID at the start and its multihash; `None` if more bytes are needed.
fn block_id(bytes: &[u8]) -> Result<Option<(usize, Vec<u8>)>, String> {
    let Some((version, mut at)) = varint(bytes)? else {
        return Ok(None);
    };
    if version == 0x12 {
        // A CIDv0 is the multihash itself.
        at = 0;
    } else if version == 1 {
        let Some((_codec, used)) = varint(&bytes[at..])? else {
            return Ok(None);
        };
        at += used;
    } else {
        return Err(format!("unexpected CID version ({version})"));
    }
    let start = at;
    let Some((_code, used)) = varint(&bytes[at..])? else {
        return Ok(None);
    };
    at += used;
    let Some((size, used)) = varint(&bytes[at..])? else {
        return Ok(None);
    };
    at += used;
    let size = usize::try_from(size).map_err(|_| "the digest is too long")?;
    let end = at.checked_add(size).ok_or("the digest is too long")?;
    Ok(bytes
        .get(start..end)
        .map(|multihash| (end, multihash.to_vec())))
}

/// A varint and its length; `None` if more bytes are needed.
fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, String> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    if bytes.len() >= 9 {
        return Err("the varint is too long".to_owned());
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn bytes_of(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    /// Reads a CAR in chunks of `size`; the slices before any fault, and the fault.
    fn read(car: &[u8], size: usize) -> (Vec<Slice>, Option<String>) {
        let mut slicer = Slicer::at(0);
        let mut found = Vec::new();
        for chunk in car.chunks(size) {
            if let Err(reason) = slicer.push(chunk, |slice| found.push(slice)) {
                return (found, Some(reason));
            }
        }
        let end = slicer.finish().err();
        (found, end)
    }

    #[test]
    fn odd_cars_are_read_as_the_worker_reads_them() {
        let text = include_str!("../../../tests/vectors/car-edge.json");
        let file: Value = serde_json::from_str(text).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            let car = bytes_of(vector["car_hex"].as_str().unwrap());
            let expected: Vec<Slice> = vector["carstream"]["slices"]
                .as_array()
                .unwrap()
                .iter()
                .map(|slice| Slice {
                    multihash: bytes_of(slice[1].as_str().unwrap()),
                    offset: slice[2][0].as_u64().unwrap(),
                    length: slice[2][1].as_u64().unwrap(),
                })
                .collect();
            for chunk in [1, 7, 4096] {
                let (found, fault) = read(&car, chunk);
                let name = &vector["name"];
                let wanted = vector["carstream"]["error"].as_str();
                assert_eq!(fault.as_deref(), wanted, "{name}");
                // A fault takes with it what the worker read of the same chunk before it.
                let kept = if wanted.is_some() {
                    expected.len()
                } else {
                    found.len()
                };
                assert_eq!(found.get(..kept), Some(&expected[..]), "{name}");
            }
        }
    }
}
