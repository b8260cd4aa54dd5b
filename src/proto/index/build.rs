//! Indexing one shard as it comes in.

use super::error::Error;
use super::sharded::{Position, Slices};
use crate::proto::car::{BlockId, Event, Limits, Parser, Section, Summary};
use crate::proto::multihash::{self, Hasher, Multihash, Sha256};

/// What to do with a block whose hash cannot be computed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unverifiable {
    /// Refuse the shard and name the block.
    #[default]
    Refuse,
    /// Index it unchecked and count it.
    Accept,
}

/// How the shard itself is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// It goes by this hash, and its size is known. The size is compared; the hash of the whole is not computed, as
    /// every block in it is checked anyway.
    Known {
        /// Its multihash.
        hash: Multihash,
        /// Its size in bytes.
        size: u64,
    },
    /// Its name is the SHA2-256 of its bytes, which costs hashing everything twice.
    Compute,
    /// As [`Name::Compute`], but it must come out as this hash.
    Check(Multihash),
    /// Its name is found out elsewhere and given to [`ShardBuilder::finish_as`].
    Later,
}

/// One indexed shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The multihash of the shard.
    pub hash: Multihash,
    /// Its own slice first, then its blocks.
    pub slices: Slices,
    /// Size, sections, padding.
    pub summary: Summary,
    /// Blocks that were indexed without a check.
    pub unverified: u64,
}

/// Takes one shard in pieces of any size. Holds the slices, the header and one CID, never a block.
pub struct ShardBuilder {
    parser: Parser,
    name: Name,
    whole: Option<Sha256>,
    unverifiable: Unverifiable,
    open: Option<Open>,
    slices: Slices,
    unverified: u64,
}

/// The block that is being hashed.
struct Open {
    id: BlockId,
    offset: u64,
    hasher: Option<Hasher>,
}

impl ShardBuilder {
    /// A builder at the start of the shard.
    #[must_use]
    pub fn new(name: Name, limits: Limits, unverifiable: Unverifiable) -> Self {
        let whole = matches!(name, Name::Compute | Name::Check(_)).then(Sha256::new);
        let parser = Parser::new(limits);
        Self {
            parser,
            name,
            whole,
            unverifiable,
            open: None,
            slices: Slices::new(),
            unverified: 0,
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Error> {
        if let Some(whole) = &mut self.whole {
            whole.update(piece);
        }
        while let Some(event) = self.parser.next(&mut piece)? {
            match event {
                Event::Header(_) => {}
                Event::Section(section) => self.start(section)?,
                Event::Payload(payload) => {
                    if let Some(Open {
                        hasher: Some(hasher),
                        ..
                    }) = &mut self.open
                    {
                        hasher.update(payload);
                    }
                }
                Event::SectionEnd => self.end()?,
            }
        }
        Ok(())
    }

    /// The end of the shard.
    ///
    /// # Panics
    /// If the builder was made with [`Name::Later`], which ends with [`ShardBuilder::finish_as`].
    pub fn finish(self) -> Result<Shard, Error> {
        let hash = match (&self.name, &self.whole) {
            (Name::Known { hash, .. }, _) => hash.clone(),
            (_, Some(whole)) => whole.clone().finish(),
            (_, None) => panic!("a shard without a name ends with finish_as"),
        };
        self.finish_as(hash)
    }

    /// The end of a shard whose multihash was found out elsewhere.
    pub fn finish_as(self, hash: Multihash) -> Result<Shard, Error> {
        let summary = self.parser.finish()?;
        match self.name {
            Name::Known { size, .. } if size != summary.size => {
                return Err(Error::Size {
                    shard: hash,
                    expected: size,
                    actual: summary.size,
                });
            }
            Name::Check(expected) if expected != hash => {
                return Err(Error::Shard {
                    expected,
                    actual: hash,
                });
            }
            _ => {}
        }
        let own = Position {
            offset: 0,
            length: summary.size,
        };
        let mut slices = Slices::with_capacity(self.slices.len() + 1);
        slices.insert(hash.clone(), own);
        slices.extend(self.slices);
        Ok(Shard {
            hash,
            slices,
            summary,
            unverified: self.unverified,
        })
    }

    fn start(&mut self, section: Section) -> Result<(), Error> {
        let hasher = match (section.id.hash().hasher(), self.unverifiable) {
            (Ok(hasher), _) => Some(hasher),
            (Err(_), Unverifiable::Accept) => None,
            (Err(source), Unverifiable::Refuse) => {
                return Err(fault(section.id, section.offset, source));
            }
        };
        self.unverified += u64::from(hasher.is_none());
        let position = Position {
            offset: section.offset,
            length: section.length,
        };
        self.slices.insert(section.id.hash().clone(), position);
        self.open = Some(Open {
            id: section.id,
            offset: section.offset,
            hasher,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(Open {
                id,
                offset,
                hasher: Some(hasher),
            }) => hasher
                .check(id.hash())
                .map_err(|source| fault(id, offset, source)),
            _ => Ok(()),
        }
    }
}

fn fault(id: BlockId, offset: u64, source: multihash::Error) -> Error {
    Error::Block { id, offset, source }
}
