//! Reading an answer.

use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;

use super::encode::VARIANT;
use super::error::Error;
use super::{IndexBlock, QueryResult};
use crate::proto::multihash::Multihash;
use crate::proto::raw_cbor::{self, Reader};
use crate::proto::ucan::Delegation;
use crate::proto::{Block, Blocks, car};

/// Most of a body that an error repeats, in bytes.
const MESSAGE: usize = 400;

/// Reads an answer of the service: its status and its body, already unpacked.
pub fn respond(status: u16, body: &[u8]) -> Result<QueryResult, Error> {
    if status == 200 {
        return decode(body);
    }
    let message = String::from_utf8_lossy(&body[..body.len().min(MESSAGE)]).into_owned();
    Err(Error::Status { status, message })
}

/// Reads the body of an answer.
///
/// One claim that cannot be read fails the whole, as it does for other clients: leaving it out would make a claim
/// that is there look absent. So does one block whose bytes are not those that its CID names: every block is hashed
/// before anything is read of it, once, the archive of an index as a whole.
///
/// # Errors
/// The body is no CAR of a query result, lacks a block that it links to, or holds one that its CID does not name, or
/// whose hash function is not computed here.
pub fn decode(body: &[u8]) -> Result<QueryResult, Error> {
    let car = car::read(body)?;
    let root = car.header.root()?;
    let blocks = car.entries.iter().filter_map(verified);
    let blocks: Arc<Blocks> = Arc::new(blocks.collect::<Result<_, _>>()?);
    let links = read_root(&blocks.get(&root).ok_or(Error::Root(root))?.bytes)?;
    let claims = links.claims.into_iter().map(|cid| {
        if !blocks.contains(&cid) {
            return Err(Error::MissingClaim(cid));
        }
        Delegation::view_shared(&cid, &blocks).map_err(|source| Error::Claim {
            cid,
            source: Box::new(source),
        })
    });
    let indexes = links.indexes.into_iter().map(|(key, link)| {
        let archive = blocks.get(&link).ok_or(Error::MissingIndex(link))?.bytes;
        Ok(IndexBlock { key, link, archive })
    });
    Ok(QueryResult {
        claims: claims.collect::<Result<_, _>>()?,
        indexes: indexes.collect::<Result<_, Error>>()?,
    })
}

/// A section as a block, checked against its CID; `None` if no link can name it.
fn verified(entry: &car::Entry<'_>) -> Option<Result<Block, Error>> {
    let cid = entry.id.cid().ok()?;
    let checked = Multihash::of(&cid).verify(entry.payload);
    let block = checked.map(|()| Block {
        cid,
        bytes: Bytes::copy_from_slice(entry.payload),
    });
    Some(block.map_err(|source| Error::Block { cid, source }))
}

#[derive(Default)]
struct Links {
    claims: Vec<Cid>,
    indexes: Vec<(Vec<u8>, Cid)>,
}

fn read_root(bytes: &[u8]) -> Result<Links, Error> {
    let mut reader = Reader::new(bytes);
    let unexpected = || {
        Error::Malformed(raw_cbor::Error::Unexpected {
            expected: "claims and indexes",
            at: 0,
        })
    };
    if reader.map().map_err(Error::Malformed)? != 1 {
        return Err(unexpected());
    }
    let variant = reader.text().map_err(Error::Malformed)?;
    if variant != VARIANT {
        return Err(Error::Variant(
            String::from_utf8_lossy(&variant[..variant.len().min(80)]).into_owned(),
        ));
    }
    let mut links = Links::default();
    let mut seen = (false, false);
    for _ in 0..reader.map().map_err(Error::Malformed)? {
        match reader.text().map_err(Error::Malformed)? {
            b"claims" if !seen.0 => {
                seen.0 = true;
                for _ in 0..reader.list().map_err(Error::Malformed)? {
                    links.claims.push(link(&mut reader)?);
                }
            }
            b"indexes" if !seen.1 => {
                seen.1 = true;
                for _ in 0..reader.map().map_err(Error::Malformed)? {
                    let key = reader.text().map_err(Error::Malformed)?.to_vec();
                    links.indexes.push((key, link(&mut reader)?));
                }
            }
            _ => return Err(unexpected()),
        }
    }
    reader.end().map_err(Error::Malformed)?;
    if seen.0 { Ok(links) } else { Err(unexpected()) }
}

fn link(reader: &mut Reader<'_>) -> Result<Cid, Error> {
    Cid::try_from(reader.link().map_err(Error::Malformed)?).map_err(|_| Error::Link)
}
