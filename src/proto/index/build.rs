//! Indexing one shard as it comes in.

use super::error::IndexError;
use super::slices::{Position, Slices};
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

/// The block that is being checked.
struct Open {
    section: Section,
    check: Check,
}

/// How far the check of a block is.
enum Check {
    /// No payload came yet.
    Waiting,
    /// Some of it came.
    Hashing(Hasher),
    /// All of it came at once and is as it should be.
    Good,
    /// It cannot be checked, which was accepted.
    Skipped,
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
    ///
    /// # Errors
    /// The bytes are no CAR within the limits, or a block does not have the hash that names it or cannot be checked.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), IndexError> {
        if let Some(whole) = &mut self.whole {
            whole.update(piece);
        }
        while let Some(event) = self.parser.next(&mut piece)? {
            match event {
                Event::Header(_) => {}
                Event::Section(section) => self.start(section)?,
                Event::Payload(payload) => self.payload(payload)?,
                Event::SectionEnd => self.end()?,
            }
        }
        Ok(())
    }

    /// The end of the shard.
    ///
    /// # Errors
    /// As [`ShardBuilder::finish_as`].
    ///
    /// # Panics
    /// If the builder was made with [`Name::Later`], which ends with [`ShardBuilder::finish_as`].
    pub fn finish(self) -> Result<Shard, IndexError> {
        let hash = match (&self.name, &self.whole) {
            (Name::Known { hash, .. }, _) => hash.clone(),
            (_, Some(whole)) => whole.clone().finish(),
            (_, None) => panic!("a shard without a name ends with finish_as"),
        };
        self.finish_as(hash)
    }

    /// The end of a shard whose multihash was found out elsewhere.
    ///
    /// # Errors
    /// The shard ends too early, or has another size or hash than its [`Name`] says.
    pub fn finish_as(self, hash: Multihash) -> Result<Shard, IndexError> {
        let summary = self.parser.finish()?;
        match self.name {
            Name::Known { size, .. } if size != summary.size => {
                return Err(IndexError::Size {
                    shard: hash,
                    expected: size,
                    actual: summary.size,
                });
            }
            Name::Check(expected) if expected != hash => {
                return Err(IndexError::Shard {
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
        // Set first, so a section of the same name would have the last word.
        let mut slices = self.slices;
        let own = slices.get(&hash).copied().unwrap_or(own);
        slices.shift_insert(0, hash.clone(), own);
        Ok(Shard {
            hash,
            slices,
            summary,
            unverified: self.unverified,
        })
    }

    fn start(&mut self, section: Section) -> Result<(), IndexError> {
        let check = match (section.id.hash().checkable(), self.unverifiable) {
            (Ok(()), _) => Check::Waiting,
            (Err(_), Unverifiable::Accept) => Check::Skipped,
            (Err(source), Unverifiable::Refuse) => {
                return Err(fault(section.id, section.offset, source));
            }
        };
        self.unverified += u64::from(matches!(check, Check::Skipped));
        self.open = Some(Open { section, check });
        Ok(())
    }

    fn payload(&mut self, payload: &[u8]) -> Result<(), IndexError> {
        let Some(Open { section, check }) = &mut self.open else {
            return Ok(());
        };
        let fault = |source| fault(section.id.clone(), section.offset, source);
        match check {
            Check::Waiting if payload.len() as u64 == section.length => {
                section.id.hash().verify(payload).map_err(fault)?;
                *check = Check::Good;
            }
            Check::Waiting => {
                let mut hasher = section.id.hash().hasher().map_err(fault)?;
                hasher.update(payload);
                *check = Check::Hashing(hasher);
            }
            Check::Hashing(hasher) => hasher.update(payload),
            Check::Good | Check::Skipped => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), IndexError> {
        let Some(Open {
            section: Section {
                id, offset, length, ..
            },
            check,
        }) = self.open.take()
        else {
            return Ok(());
        };
        let good = match check {
            Check::Waiting => id.hash().verify(&[]),
            Check::Hashing(hasher) => hasher.check(id.hash()),
            Check::Good | Check::Skipped => Ok(()),
        };
        match good {
            Ok(()) => {
                self.slices
                    .insert(id.into_hash(), Position { offset, length });
                Ok(())
            }
            Err(source) => Err(fault(id, offset, source)),
        }
    }
}

fn fault(id: BlockId, offset: u64, source: multihash::MultihashError) -> IndexError {
    IndexError::Block { id, offset, source }
}
