//! CAR files: reading with payload offsets, writing, and what to make of odd ones (docs/protocol/index.md §4, §6).
//!
//! [`Parser`] takes a file in pieces of any size and holds nothing but the header and the CID it is reading, so its
//! memory does not grow with blocks or files; [`read`] takes a whole file at once; [`write()`] makes one. Offsets are
//! absolute in the file, also in CARv2, because they become byte ranges of the stored object.
//!
//! | the file | decision |
//! |---|---|
//! | CARv1 with or without roots | read |
//! | header and nothing else | read, no sections |
//! | CARv2 | read through to its inner CARv1; its index is passed over |
//! | CARv2 inside CARv2, other versions | [`CarError::Version`] |
//! | CARv2 whose data leaves the file | [`CarError::TruncatedData`] |
//! | CARv2 whose data overlaps its head or wraps | [`CarError::Placement`] |
//! | CIDv0, identity CIDs of any length | read |
//! | empty payload | read, length 0 |
//! | last section shorter than 8 bytes | read |
//! | empty object | [`CarError::Empty`] |
//! | nothing but zeros after the last section | padding: read, and counted in [`Summary::padding`] |
//! | zero length, then anything else | [`CarError::ZeroLengthSection`] |
//! | end inside a section's length | [`CarError::TruncatedLength`] |
//! | end inside a section | [`CarError::TruncatedSection`] |
//! | end inside the header | [`CarError::TruncatedHeader`] |
//! | section too short for its CID | [`CarError::ShortSection`] |
//! | CID of version 2 and above, or damaged | [`CarError::Cid`] |
//! | length that is no minimal 64-bit varint | [`CarError::Length`] |
//! | header, CID or block above [`Limits`] | [`CarError::LargeHeader`], [`CarError::LargeCid`], [`CarError::LargeBlock`] |
//! | more sections than [`Limits`] | [`CarError::Sections`] |
//! | other bytes after the last section | read as a section, so one of the errors above |
//! | digest that does not belong to the payload | not looked at here; `index` refuses it by [`crate::proto::index::IndexError`] |

mod block_id;
mod error;
mod event;
mod header;
mod parser;
mod read;
mod write;

pub use block_id::{BlockId, CidError};
pub use error::{CarError, HeaderError};
pub use event::{Event, Limits, Section, Summary};
pub use header::Header;
pub use parser::Parser;
pub use read::{Car, Entry, read};
pub use write::write;

#[cfg(test)]
mod tests;
