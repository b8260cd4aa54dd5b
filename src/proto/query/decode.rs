//! Reading an answer.
//!
//! An answer may be hostile: small when it is packed, and many times as large in memory as on the wire. What is kept of
//! it is bounded before it is made, and nothing is read but what the root, its claims and its indexes name.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;

use super::encode::VARIANT;
use super::error::QueryError;
use super::{IndexBlock, QueryResult};
use crate::proto::multihash::Multihash;
use crate::proto::raw_cbor::{self, Reader};
use crate::proto::ucan::Delegation;
use crate::proto::{Block, Blocks, car};

/// Most of a body that an error repeats, in bytes.
const MESSAGE: usize = 400;
/// Claims, and indexes, of one answer.
const ENTRIES: usize = 1 << 14;
/// Bytes of all claims of an answer, with what they rest on.
const CLAIM_BYTES: usize = 8 << 20;
/// CBOR items in all of them; a claim has about sixty.
const CLAIM_ITEMS: usize = 1 << 18;
/// Bytes that an item takes in memory, at most, keys and maps counted.
const ITEM: usize = 256;

/// Reads an answer of the service: its status and its body, already unpacked.
///
/// # Errors
/// As [`decode`], or any other status than 200.
pub fn respond(status: u16, body: &[u8]) -> Result<QueryResult, QueryError> {
    if status == 200 {
        return decode(body);
    }
    let message = String::from_utf8_lossy(&body[..body.len().min(MESSAGE)]).into_owned();
    Err(QueryError::Status { status, message })
}

/// Reads a copy of the body of an answer, whatever it takes; see [`Answer`].
///
/// # Errors
/// As [`Answer::open`] and [`Answer::read`].
pub fn decode(body: &[u8]) -> Result<QueryResult, QueryError> {
    Answer::open(&Bytes::copy_from_slice(body))?.read()
}

/// An answer whose blocks are found and checked and whose claims are not read yet.
///
/// One claim that cannot be read fails the whole, as it does for other clients: leaving it out would make a claim
/// that is there look absent. So does one named block whose bytes are not those that its CID names: each is hashed
/// before anything is read of it, once, the archive of an index as a whole. Blocks that nothing names are passed over.
#[derive(Debug)]
pub struct Answer {
    claims: Vec<Cid>,
    indexes: Vec<IndexBlock>,
    /// The claims and what they rest on.
    blocks: Blocks,
    items: usize,
}

impl Answer {
    /// Finds the blocks that the root names, checks them, and counts what is in the claims. The archives of indexes are
    /// parts of `body`; the blocks of claims, which are small, are not.
    ///
    /// # Errors
    /// The body is not a CAR of a query result, lacks a block that it links to, holds more than is read of one answer, or
    /// holds a named block whose CID does not name the bytes, or whose hash function is not computed here.
    pub fn open(body: &Bytes) -> Result<Self, QueryError> {
        let car = car::read(body)?;
        let root = car.header.root()?;
        let named = car.entries.iter();
        // Of two blocks of one name the first counts.
        let sections: HashMap<Cid, &[u8]> = named
            .rev()
            .filter_map(|entry| Some((entry.id.cid().ok()?, entry.payload)))
            .collect();
        let find = |cid: &Cid| sections.get(cid).copied();
        let links = read_root(verified(&root, find(&root).ok_or(QueryError::Root(root))?)?)?;
        let mut answer = Self {
            claims: links.claims,
            indexes: Vec::new(),
            blocks: Blocks::new(),
            items: 0,
        };
        for (key, link) in links.indexes {
            let archive = find(&link).ok_or(QueryError::MissingIndex(link))?;
            let archive = body.slice_ref(verified(&link, archive)?);
            answer.indexes.push(IndexBlock { key, link, archive });
        }
        answer.gather(find)?;
        Ok(answer)
    }

    /// Bytes that [`Answer::read`] takes in memory at most, beside the body.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.items * ITEM
    }

    /// Reads the claims.
    ///
    /// # Errors
    /// One of them is no delegation.
    pub fn read(self) -> Result<QueryResult, QueryError> {
        let blocks = Arc::new(self.blocks);
        let claims = self.claims.into_iter().map(|cid| {
            Delegation::view_shared(&cid, &blocks).map_err(|source| QueryError::Claim {
                cid,
                source: Box::new(source),
            })
        });
        Ok(QueryResult {
            claims: claims.collect::<Result<_, _>>()?,
            indexes: self.indexes,
        })
    }

    /// Takes the claims and, as far as they are there, the blocks to which these link, and so on; indexes have their
    /// own place.
    fn gather<'a>(&mut self, find: impl Fn(&Cid) -> Option<&'a [u8]>) -> Result<(), QueryError> {
        if let Some(cid) = self.claims.iter().find(|cid| find(cid).is_none()) {
            return Err(QueryError::MissingClaim(*cid));
        }
        let archives: HashSet<Cid> = self.indexes.iter().map(|index| index.link).collect();
        let mut bytes = 0;
        let mut waiting: Vec<Cid> = self.claims.iter().rev().copied().collect();
        while let Some(cid) = waiting.pop() {
            if archives.contains(&cid) || self.blocks.contains(&cid) {
                continue;
            }
            let Some(payload) = find(&cid) else {
                continue;
            };
            bytes += payload.len();
            bounded("bytes of claims", bytes, CLAIM_BYTES)?;
            self.blocks.insert(Block {
                cid,
                bytes: Bytes::copy_from_slice(verified(&cid, payload)?),
            });
            let mut links = Vec::new();
            let survey = Reader::new(payload).survey(|link| links.extend(Cid::try_from(link)));
            // What is no CBOR is no delegation and will not be read.
            self.items += survey.unwrap_or_default();
            bounded("items in claims", self.items, CLAIM_ITEMS)?;
            waiting.extend(links.into_iter().rev());
        }
        Ok(())
    }
}

/// The bytes of a block, checked against its CID.
fn verified<'a>(cid: &Cid, bytes: &'a [u8]) -> Result<&'a [u8], QueryError> {
    let checked = Multihash::of(cid).verify(bytes);
    checked.map_err(|source| QueryError::Block { cid: *cid, source })?;
    Ok(bytes)
}

fn bounded(what: &'static str, count: usize, limit: usize) -> Result<(), QueryError> {
    if count > limit {
        return Err(QueryError::TooMuch { what, limit });
    }
    Ok(())
}

#[derive(Default)]
struct Links {
    claims: Vec<Cid>,
    indexes: Vec<(Vec<u8>, Cid)>,
}

fn read_root(bytes: &[u8]) -> Result<Links, QueryError> {
    let mut reader = Reader::new(bytes);
    let unexpected = || {
        QueryError::Malformed(raw_cbor::RawCborError::Unexpected {
            expected: "claims and indexes",
            at: 0,
        })
    };
    if reader.map().map_err(QueryError::Malformed)? != 1 {
        return Err(unexpected());
    }
    let variant = reader.text().map_err(QueryError::Malformed)?;
    if variant != VARIANT {
        return Err(QueryError::Variant(
            String::from_utf8_lossy(&variant[..variant.len().min(80)]).into_owned(),
        ));
    }
    let mut links = Links::default();
    let mut seen = (false, false);
    for _ in 0..reader.map().map_err(QueryError::Malformed)? {
        match reader.text().map_err(QueryError::Malformed)? {
            b"claims" if !seen.0 => {
                seen.0 = true;
                for _ in 0..reader.list().map_err(QueryError::Malformed)? {
                    bounded("claims", links.claims.len() + 1, ENTRIES)?;
                    links.claims.push(link(&mut reader)?);
                }
            }
            b"indexes" if !seen.1 => {
                seen.1 = true;
                for _ in 0..reader.map().map_err(QueryError::Malformed)? {
                    bounded("indexes", links.indexes.len() + 1, ENTRIES)?;
                    let key = reader.text().map_err(QueryError::Malformed)?.to_vec();
                    links.indexes.push((key, link(&mut reader)?));
                }
            }
            _ => return Err(unexpected()),
        }
    }
    reader.end().map_err(QueryError::Malformed)?;
    if seen.0 { Ok(links) } else { Err(unexpected()) }
}

fn link(reader: &mut Reader<'_>) -> Result<Cid, QueryError> {
    Cid::try_from(reader.link().map_err(QueryError::Malformed)?).map_err(|_| QueryError::Link)
}
