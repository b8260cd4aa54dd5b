//! The header of a CAR: `{roots: [...], version: 1}`, or the pragma of version 2.

use cid::Cid;

use super::block_id::BlockId;
use super::error::{CarError, HeaderError};
use crate::proto::raw_cbor::{Reader, Writer};
use crate::proto::varint;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// 1 or 2; with 2 the roots are those of the inner CARv1.
    pub version: u8,
    /// The roots, in the order of the file; they need not be in it.
    pub roots: Vec<BlockId>,
}

impl Header {
    /// The only root.
    ///
    /// # Errors
    /// There is not exactly one root, or its digest is above 64 bytes.
    pub fn root(&self) -> Result<Cid, CarError> {
        match &self.roots[..] {
            [root] => root.cid().map_err(CarError::Link),
            roots => Err(CarError::Roots(roots.len())),
        }
    }
}

/// The CBOR of a header: its version, and its roots if it has them.
pub(super) struct Parsed {
    pub(super) version: u64,
    pub(super) roots: Option<Vec<BlockId>>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let mut reader = Reader::new(bytes);
    let (mut version, mut roots) = (None, None);
    for _ in 0..reader.map().map_err(HeaderError::Cbor)? {
        match reader.text().map_err(HeaderError::Cbor)? {
            b"version" if version.is_none() => {
                version = Some(reader.uint().map_err(HeaderError::Cbor)?);
            }
            b"roots" if roots.is_none() => roots = Some(self::roots(&mut reader)?),
            _ => return Err(HeaderError::Key),
        }
    }
    reader.end().map_err(HeaderError::Cbor)?;
    Ok(Parsed {
        version: version.ok_or(HeaderError::NoVersion)?,
        roots,
    })
}

/// A CARv1 header with its length before it.
pub(super) fn encode(roots: &[Cid]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.map(2).text(b"roots").list(roots.len());
    for root in roots {
        writer.link(&root.to_bytes());
    }
    writer.text(b"version").uint(1);
    let body = writer.finish();
    let mut bytes = Vec::with_capacity(body.len() + 2);
    varint::write(body.len() as u64, &mut bytes);
    bytes.extend(body);
    bytes
}

fn roots(reader: &mut Reader<'_>) -> Result<Vec<BlockId>, HeaderError> {
    let mut roots = Vec::new();
    for _ in 0..reader.list().map_err(HeaderError::Cbor)? {
        let link = reader.link().map_err(HeaderError::Cbor)?;
        roots.push(BlockId::from_bytes(link).map_err(HeaderError::Root)?);
    }
    Ok(roots)
}
