//! Reading a CAR that is in memory.

use cid::Cid;

use super::block_id::BlockId;
use super::error::CarError;
use super::event::{Event, Limits, Summary};
use super::header::Header;
use super::parser::Parser;

/// A CAR whose payloads borrow from the bytes it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Car<'a> {
    /// Version and roots.
    pub header: Header,
    /// The sections in the order of the file.
    pub entries: Vec<Entry<'a>>,
    /// What was seen besides.
    pub summary: Summary,
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its CID.
    pub id: BlockId,
    /// Where its payload starts in the file.
    pub offset: u64,
    /// Its payload; not checked against the CID.
    pub payload: &'a [u8],
}

impl Entry<'_> {
    /// The CID as a link.
    ///
    /// # Errors
    /// The digest is above 64 bytes.
    pub fn cid(&self) -> Result<Cid, CarError> {
        self.id.cid().map_err(CarError::Link)
    }
}

/// Reads a whole CAR, version 1 or 2, of as much as [`Limits::HELD`] allows. Payloads are not checked against their CIDs.
///
/// # Errors
/// As [`Parser::next`] and [`Parser::finish`].
pub fn read(bytes: &[u8]) -> Result<Car<'_>, CarError> {
    let mut parser = Parser::new(Limits::HELD);
    let mut input = bytes;
    let mut header = None;
    let mut entries: Vec<Entry<'_>> = Vec::new();
    while let Some(event) = parser.next(&mut input)? {
        match event {
            Event::Header(seen) => header = Some(seen),
            Event::Section(section) => entries.push(Entry {
                id: section.id,
                offset: section.offset,
                payload: &[],
            }),
            Event::Payload(payload) => {
                if let Some(entry) = entries.last_mut() {
                    entry.payload = payload;
                }
            }
            Event::SectionEnd => {}
        }
    }
    let summary = parser.finish()?;
    let header = header.ok_or(CarError::TruncatedHeader(summary.size))?;
    Ok(Car {
        header,
        entries,
        summary,
    })
}
