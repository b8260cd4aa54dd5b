//! As much of protobuf as DAG-PB and UnixFS need: varints and length-delimited fields.

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// The message ends inside a field.
    #[error("read protobuf: cut short")]
    Short,
    /// A varint holds more than 64 bits.
    #[error("read protobuf: number too large")]
    Number,
    /// A field has a type that its number does not have.
    #[error("read protobuf: field {0} has another type")]
    Field(u64),
    /// A link holds no CID.
    #[error("read DAG-PB: a link holds no CID")]
    Cid,
    /// A name is not UTF-8.
    #[error("read DAG-PB: a name is not UTF-8")]
    Name,
    /// A UnixFS type that does not exist.
    #[error("read UnixFS: unknown type {0}")]
    Kind(u64),
    /// The node has no data.
    #[error("read UnixFS: the node has no data")]
    NoData,
    /// The fanout of a sharded directory is no power of two from 8 to 1024.
    #[error("read UnixFS: fanout {0} is not allowed")]
    Fanout(u64),
}

/// One field's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Wire type 0.
    Number(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The number, or that field `number` has another type.
    pub(super) fn number(self, number: u64) -> Result<u64, ProtobufError> {
        match self {
            Self::Number(value) => Ok(value),
            Self::Bytes(_) => Err(ProtobufError::Field(number)),
        }
    }

    /// The bytes, or that field `number` has another type.
    pub(super) fn bytes(self, number: u64) -> Result<&'a [u8], ProtobufError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(ProtobufError::Field(number)),
        }
    }
}

/// Takes the next field off the front; `None` at the end.
pub(super) fn field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u64, Value<'a>)>, ProtobufError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let key = number(rest)?;
    let value = match key & 7 {
        0 => Value::Number(number(rest)?),
        2 => {
            let length = usize::try_from(number(rest)?).map_err(|_| ProtobufError::Short)?;
            let (bytes, after) = rest.split_at_checked(length).ok_or(ProtobufError::Short)?;
            *rest = after;
            Value::Bytes(bytes)
        }
        _ => return Err(ProtobufError::Field(key >> 3)),
    };
    Ok(Some((key >> 3, value)))
}

/// Takes a varint off the front.
pub(super) fn number(rest: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut value = 0_u64;
    for at in 0..10_u32 {
        let (byte, after) = rest.split_first().ok_or(ProtobufError::Short)?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if at == 9 && bits > 1 {
            return Err(ProtobufError::Number);
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ProtobufError::Number)
}

/// Appends a varint.
fn write_number(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    into.push(value.to_le_bytes()[0]);
}

/// Appends a number field.
pub(super) fn put_number(field: u64, value: u64, into: &mut Vec<u8>) {
    write_number(field << 3, into);
    write_number(value, into);
}

/// Appends a bytes field.
pub(super) fn put_bytes(field: u64, bytes: &[u8], into: &mut Vec<u8>) {
    write_number(field << 3 | 2, into);
    write_number(bytes.len() as u64, into);
    into.extend_from_slice(bytes);
}
