//! The UnixFS message inside a DAG-PB node.

use super::dag_pb::PbNode;
use super::protobuf::{ProtobufError, field, number, put_bytes, put_number};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A leaf of a file, in old trees.
    Raw,
    /// A directory in one block.
    Directory,
    /// A file, or a part of one.
    File,
    /// Metadata; never seen.
    Metadata,
    /// A symbolic link.
    Symlink,
    /// A directory in many blocks.
    Shard,
}

/// A UnixFS message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// What the node is.
    pub kind: Kind,
    /// Bytes of the file that are in this node.
    pub bytes: Vec<u8>,
    /// Bytes of the file below and in this node.
    pub size: Option<u64>,
    /// Bytes of the file below each link.
    pub sizes: Vec<u64>,
    /// Number of slots of a sharded directory.
    pub fanout: Option<u64>,
}

/// The hash function of sharded directories: murmur3-x64-64.
const MURMUR3: u64 = 0x22;

impl Data {
    /// A message of a kind, otherwise empty.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            bytes: Vec::new(),
            size: None,
            sizes: Vec::new(),
            fanout: None,
        }
    }

    /// Reads the message of a node.
    ///
    /// # Errors
    /// The node has no data, or as [`Data::decode`].
    pub fn of(node: &PbNode) -> Result<Self, ProtobufError> {
        Self::decode(node.data.as_deref().ok_or(ProtobufError::NoData)?)
    }

    /// Reads a message. Takes block sizes packed and unpacked; skips modes and times.
    ///
    /// # Errors
    /// The message is cut short, a field has another type, or the kind or fanout is none that exists.
    pub fn decode(mut message: &[u8]) -> Result<Self, ProtobufError> {
        let mut kind = None;
        let mut data = Self::new(Kind::Raw);
        while let Some((at, value)) = field(&mut message)? {
            match at {
                1 => kind = Some(kind_of(value.number(at)?)?),
                2 => data.bytes = value.bytes(at)?.to_vec(),
                3 => data.size = Some(value.number(at)?),
                4 => match value.number(at) {
                    Ok(size) => data.sizes.push(size),
                    Err(_) => data.sizes.extend(packed(value.bytes(at)?)?),
                },
                6 => data.fanout = Some(value.number(at)?),
                _ => {}
            }
        }
        data.kind = kind.ok_or(ProtobufError::NoData)?;
        if let Some(fanout) = data.fanout
            && !(fanout.is_power_of_two() && (8..=1024).contains(&fanout))
        {
            return Err(ProtobufError::Fanout(fanout));
        }
        Ok(data)
    }

    /// Writes the message, block sizes unpacked as the network's writers do.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Vec::new();
        put_number(1, kind_code(self.kind), &mut message);
        if !self.bytes.is_empty() {
            put_bytes(2, &self.bytes, &mut message);
        }
        if let Some(size) = self.size {
            put_number(3, size, &mut message);
        }
        for size in &self.sizes {
            put_number(4, *size, &mut message);
        }
        if let Some(fanout) = self.fanout {
            put_number(5, MURMUR3, &mut message);
            put_number(6, fanout, &mut message);
        }
        message
    }
}

fn packed(mut bytes: &[u8]) -> Result<Vec<u64>, ProtobufError> {
    let mut sizes = Vec::new();
    while !bytes.is_empty() {
        sizes.push(number(&mut bytes)?);
    }
    Ok(sizes)
}

fn kind_of(code: u64) -> Result<Kind, ProtobufError> {
    Ok(match code {
        0 => Kind::Raw,
        1 => Kind::Directory,
        2 => Kind::File,
        3 => Kind::Metadata,
        4 => Kind::Symlink,
        5 => Kind::Shard,
        other => return Err(ProtobufError::Kind(other)),
    })
}

fn kind_code(kind: Kind) -> u64 {
    match kind {
        Kind::Raw => 0,
        Kind::Directory => 1,
        Kind::File => 2,
        Kind::Metadata => 3,
        Kind::Symlink => 4,
        Kind::Shard => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_round_trip() {
        let file = Data {
            bytes: vec![1, 2],
            size: Some(7),
            sizes: vec![2, 300],
            ..Data::new(Kind::File)
        };
        assert_eq!(Data::decode(&file.encode()), Ok(file));
        let shard = Data {
            bytes: vec![0x80],
            fanout: Some(256),
            ..Data::new(Kind::Shard)
        };
        assert_eq!(Data::decode(&shard.encode()), Ok(shard));
    }

    #[test]
    fn packed_sizes_are_read() {
        let message = [8, 2, 0x22, 3, 5, 0xac, 2];
        assert_eq!(Data::decode(&message).unwrap().sizes, [5, 300]);
    }

    #[test]
    fn odd_fanouts_are_refused() {
        for fanout in [0, 1, 7, 255, 1 << 40] {
            let shard = Data {
                fanout: Some(fanout),
                ..Data::new(Kind::Shard)
            };
            assert_eq!(
                Data::decode(&shard.encode()),
                Err(ProtobufError::Fanout(fanout))
            );
        }
    }
}
