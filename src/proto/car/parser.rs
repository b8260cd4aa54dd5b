//! A CAR in pieces: bytes go in, events come out.

use super::block_id::BlockId;
use super::error::{CarError, HeaderError};
use super::event::{Event, Limits, Section, Summary};
use super::header::{self, Header};
use crate::proto::varint;

/// Takes a CAR in pieces of any size.
///
/// Call [`Parser::next`] until it gives `None`, then again with the next piece; [`Parser::finish`] at the end of the
/// file. An error is final.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    state: State,
    /// Head bytes that came with earlier pieces.
    pub(super) held: Vec<u8>,
    /// Bytes taken from the file.
    at: u64,
    /// Where the inner CARv1 of a CARv2 ends.
    end: Option<u64>,
    sections: u64,
    padding: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The length of a header, at the start of the file or of the data of a CARv2.
    HeaderLength,
    Header {
        length: u64,
    },
    /// The 40 bytes after the pragma of a CARv2.
    Placement,
    /// Between the head of a CARv2 and its data.
    Gap {
        until: u64,
    },
    /// The length and the CID of a section.
    Head,
    Payload {
        start: u64,
        left: u64,
    },
    Padding {
        start: u64,
    },
    /// After the data of a CARv2.
    Tail,
}

/// Bytes of a CARv2 before its data can start: pragma, characteristics, three offsets.
const V2_HEAD: u64 = 51;

impl Parser {
    /// A parser at the start of a file.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::HeaderLength,
            held: Vec::new(),
            at: 0,
            end: None,
            sections: 0,
            padding: 0,
        }
    }

    /// The next event; takes what it needs from the front of `input`. `None` when `input` is used up.
    ///
    /// # Errors
    /// The bytes are no CAR of version 1 or 2, or something in it is above its limit.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, CarError> {
        loop {
            if let State::Payload { left: 0, .. } = self.state {
                self.state = State::Head;
                return Ok(Some(Event::SectionEnd));
            }
            if self.end == Some(self.at) && self.state == State::Head {
                self.state = if self.held.is_empty() {
                    State::Tail
                } else {
                    return Err(self.cut_short());
                };
            }
            if input.is_empty() {
                return Ok(None);
            }
            if let Some(event) = self.step(input)? {
                return Ok(Some(event));
            }
        }
    }

    /// The end of the file.
    ///
    /// # Errors
    /// The file is empty, or ends where it may not: in its header, in a section, or before its data does.
    pub fn finish(self) -> Result<Summary, CarError> {
        let whole = match self.state {
            State::Head => self.held.is_empty() && self.end.is_none_or(|end| end == self.at),
            State::Padding { .. } => self.end.is_none_or(|end| end == self.at),
            State::Payload { left, .. } => left == 0 && self.end.is_none_or(|end| end == self.at),
            State::Tail => true,
            State::HeaderLength | State::Header { .. } | State::Placement | State::Gap { .. } => {
                false
            }
        };
        if whole {
            Ok(Summary {
                size: self.at,
                sections: self.sections,
                padding: self.padding,
            })
        } else {
            Err(self.cut_short())
        }
    }

    /// One move of the state machine; `input` is not empty.
    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, CarError> {
        match self.state {
            State::HeaderLength => self.header_length(input).map(|()| None),
            State::Header { length } => self.header(length, input),
            State::Placement => self.placement(input).map(|()| None),
            State::Gap { until } => {
                self.take(input, until - self.at);
                if self.at == until {
                    self.state = State::HeaderLength;
                }
                Ok(None)
            }
            State::Head => self.head(input),
            State::Payload { start, left } => {
                let piece = self.take(input, left);
                let left = left - piece.len() as u64;
                self.state = State::Payload { start, left };
                if piece.is_empty() {
                    Err(self.cut_short())
                } else {
                    Ok(Some(Event::Payload(piece)))
                }
            }
            State::Padding { start } => self.padding(start, input).map(|()| None),
            State::Tail => {
                self.take(input, u64::MAX);
                Ok(None)
            }
        }
    }

    fn header_length(&mut self, input: &mut &[u8]) -> Result<(), CarError> {
        while let Some(byte) = self.take(input, 1).first() {
            self.held.push(*byte);
            let length = varint::decode(&self.held)
                .map_err(|error| CarError::Header(HeaderError::Length(error)))?;
            if let Some((length, _)) = length {
                if length > self.limits.header {
                    return Err(CarError::LargeHeader {
                        size: length,
                        limit: self.limits.header,
                    });
                }
                self.held.clear();
                self.state = State::Header { length };
                return Ok(());
            }
        }
        self.inner_end()
    }

    fn header<'a>(
        &mut self,
        length: u64,
        input: &mut &'a [u8],
    ) -> Result<Option<Event<'a>>, CarError> {
        if !self.hold(length, input)? {
            return Ok(None);
        }
        let parsed = header::parse(&std::mem::take(&mut self.held)).map_err(CarError::Header)?;
        match (parsed.version, parsed.roots) {
            (1, Some(roots)) => {
                self.state = State::Head;
                Ok(Some(Event::Header(Header {
                    version: if self.end.is_some() { 2 } else { 1 },
                    roots,
                })))
            }
            (1, None) => Err(CarError::Header(HeaderError::NoRoots)),
            (2, None) if self.end.is_none() => {
                self.state = State::Placement;
                Ok(None)
            }
            (version, _) => Err(CarError::Version(version)),
        }
    }

    fn placement(&mut self, input: &mut &[u8]) -> Result<(), CarError> {
        if !self.hold(40, input)? {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        let number = |at: usize| {
            held[at..at + 8]
                .iter()
                .rev()
                .fold(0_u64, |value, &byte| value << 8 | u64::from(byte))
        };
        let (offset, size) = (number(16), number(24));
        let end = offset
            .checked_add(size)
            .filter(|_| offset >= V2_HEAD.max(self.at) && size > 0);
        self.end = Some(end.ok_or(CarError::Placement { offset, size })?);
        self.state = if offset == self.at {
            State::HeaderLength
        } else {
            State::Gap { until: offset }
        };
        Ok(())
    }

    fn head<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, CarError> {
        if self.held.is_empty() {
            let view = &input[..self.within(input.len() as u64)];
            match self.section(view, self.at)? {
                Head::Zero => {
                    self.state = State::Padding { start: self.at };
                    return Ok(None);
                }
                Head::Whole(section, used) => {
                    self.take(input, used as u64);
                    return self.start(section).map(Some);
                }
                Head::Part => {}
            }
        }
        while let Some(byte) = self.take(input, 1).first() {
            self.held.push(*byte);
            if let Head::Whole(section, _) =
                self.section(&self.held, self.at - self.held.len() as u64)?
            {
                self.held.clear();
                return self.start(section).map(Some);
            }
        }
        Ok(None)
    }

    fn start<'a>(&mut self, section: Section) -> Result<Event<'a>, CarError> {
        if self.sections == self.limits.sections {
            return Err(CarError::Sections(self.limits.sections));
        }
        self.sections += 1;
        self.state = State::Payload {
            start: section.start,
            left: section.length,
        };
        Ok(Event::Section(section))
    }

    /// Reads the length and CID at the front of `bytes`, which start at `start` in the file.
    fn section(&self, bytes: &[u8], start: u64) -> Result<Head, CarError> {
        let length = varint::decode(bytes).map_err(|source| CarError::Length {
            offset: start,
            source,
        })?;
        let Some((length, first)) = length else {
            return Ok(Head::Part);
        };
        if length == 0 {
            return Ok(Head::Zero);
        }
        let limit = usize::try_from(length).unwrap_or(usize::MAX);
        let rest = &bytes[first..];
        let rest = &rest[..rest.len().min(limit)];
        let cid_error = |source| CarError::Cid {
            offset: start,
            source,
        };
        let id = BlockId::prefix(rest).map_err(cid_error)?;
        let size = match &id {
            Some((_, size)) => Some(*size as u64),
            None => BlockId::length(rest).map_err(cid_error)?,
        };
        if size.is_some_and(|size| size > length) || (id.is_none() && rest.len() == limit) {
            return Err(CarError::ShortSection(start));
        }
        if let Some(size) = size.filter(|&size| size > self.limits.cid) {
            return Err(CarError::LargeCid {
                offset: start,
                size,
                limit: self.limits.cid,
            });
        }
        if let Some(size) = size
            .map(|size| length - size)
            .filter(|&size| size > self.limits.block)
        {
            return Err(CarError::LargeBlock {
                offset: start,
                size,
                limit: self.limits.block,
            });
        }
        let Some((id, second)) = id else {
            return Ok(Head::Part);
        };
        let used = first + second;
        let section = Section {
            id,
            start,
            offset: start + used as u64,
            length: length - second as u64,
        };
        Ok(Head::Whole(section, used))
    }

    fn padding(&mut self, start: u64, input: &mut &[u8]) -> Result<(), CarError> {
        let zeros = self.take(input, u64::MAX);
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(CarError::ZeroLengthSection(start));
        }
        self.padding += zeros.len() as u64;
        if self.end == Some(self.at) {
            self.state = State::Tail;
        }
        Ok(())
    }

    /// Takes bytes into `held` until it has `length`; whether it has.
    fn hold(&mut self, length: u64, input: &mut &[u8]) -> Result<bool, CarError> {
        let piece = self.take(input, length - self.held.len() as u64);
        self.held.extend_from_slice(piece);
        if self.held.len() as u64 == length {
            return Ok(true);
        }
        self.inner_end().map(|()| false)
    }

    /// Fails if the data of a CARv2 ended while something was still wanted from it.
    fn inner_end(&self) -> Result<(), CarError> {
        if self.end == Some(self.at) {
            Err(self.cut_short())
        } else {
            Ok(())
        }
    }

    /// Takes at most `most` bytes from the front of `input`, and none beyond the data of a CARv2.
    fn take<'a>(&mut self, input: &mut &'a [u8], most: u64) -> &'a [u8] {
        let most = if self.state == State::Tail {
            most
        } else {
            most.min(self.within(most) as u64)
        };
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
        let (taken, rest) = input.split_at(length);
        *input = rest;
        self.at += length as u64;
        taken
    }

    /// As much of `most` as lies inside the data of a CARv2.
    fn within(&self, most: u64) -> usize {
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.at));
        usize::try_from(most.min(left)).unwrap_or(usize::MAX)
    }

    /// What it means that no more bytes come.
    fn cut_short(&self) -> CarError {
        let start = self.at - self.held.len() as u64;
        match self.state {
            State::HeaderLength if self.at == 0 => CarError::Empty,
            State::HeaderLength | State::Header { .. } | State::Placement => {
                CarError::TruncatedHeader(self.at)
            }
            State::Head
                if matches!(varint::decode(&self.held), Ok(None)) && !self.held.is_empty() =>
            {
                CarError::TruncatedLength(start)
            }
            State::Head if !self.held.is_empty() => CarError::TruncatedSection {
                offset: start,
                size: self.at,
            },
            State::Payload { start, left } if left > 0 => CarError::TruncatedSection {
                offset: start,
                size: self.at,
            },
            State::Gap { .. }
            | State::Head
            | State::Payload { .. }
            | State::Padding { .. }
            | State::Tail => CarError::TruncatedData {
                end: self.end.unwrap_or(self.at),
                size: self.at,
            },
        }
    }
}

/// What stands where a section may start.
enum Head {
    /// A length of zero.
    Zero,
    /// More bytes are needed.
    Part,
    /// A section, and the bytes of its length and CID.
    Whole(Section, usize),
}
