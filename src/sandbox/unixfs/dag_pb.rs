//! DAG-PB blocks: a list of named links and some data.

use cid::Cid;

use super::protobuf::{ProtobufError, field, put_bytes, put_number};

/// One link of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The block linked to.
    pub cid: Cid,
    /// Its name; empty in files.
    pub name: String,
    /// Size in bytes of everything below, as its writer counted.
    pub total: u64,
}

/// A DAG-PB node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PbNode {
    /// Its links, in the order of the block.
    pub links: Vec<Link>,
    /// Its data, a UnixFS message in all that is read here.
    pub data: Option<Vec<u8>>,
}

impl PbNode {
    /// Reads a block. Takes links and data in either order; never panics.
    ///
    /// # Errors
    /// The block is cut short, has an unknown field, or a link of it has no CID or a name that is not UTF-8.
    pub fn decode(mut block: &[u8]) -> Result<Self, ProtobufError> {
        let mut node = Self::default();
        while let Some((number, value)) = field(&mut block)? {
            match number {
                1 => node.data = Some(value.bytes(1)?.to_vec()),
                2 => node.links.push(decode_link(value.bytes(2)?)?),
                _ => return Err(ProtobufError::Field(number)),
            }
        }
        Ok(node)
    }

    /// Writes the block: links first, then data, as DAG-PB wants it. Links are written in the order given.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut block = Vec::new();
        for link in &self.links {
            let mut bytes = Vec::new();
            put_bytes(1, &link.cid.to_bytes(), &mut bytes);
            put_bytes(2, link.name.as_bytes(), &mut bytes);
            put_number(3, link.total, &mut bytes);
            put_bytes(2, &bytes, &mut block);
        }
        if let Some(data) = &self.data {
            put_bytes(1, data, &mut block);
        }
        block
    }
}

fn decode_link(mut bytes: &[u8]) -> Result<Link, ProtobufError> {
    let mut cid = None;
    let mut name = String::new();
    let mut total = 0;
    while let Some((number, value)) = field(&mut bytes)? {
        match number {
            1 => cid = Some(Cid::try_from(value.bytes(1)?).map_err(|_| ProtobufError::Cid)?),
            2 => String::from_utf8(value.bytes(2)?.to_vec())
                .map_err(|_| ProtobufError::Name)?
                .clone_into(&mut name),
            3 => total = value.number(3)?,
            _ => return Err(ProtobufError::Field(number)),
        }
    }
    Ok(Link {
        cid: cid.ok_or(ProtobufError::Cid)?,
        name,
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Link {
        Link {
            cid: Cid::try_from("bafkreibkclesebwsjthytrgykldoss5g4zp6us3txbpekcs3ir3cceh6uq")
                .unwrap(),
            name: name.to_owned(),
            total: 300,
        }
    }

    #[test]
    fn nodes_survive_the_round_trip() {
        let node = PbNode {
            links: vec![link("a"), link("")],
            data: Some(vec![8, 1]),
        };
        assert_eq!(PbNode::decode(&node.encode()), Ok(node));
    }

    #[test]
    fn every_cut_of_a_node_is_refused_or_read_and_never_panics() {
        let bytes = PbNode {
            links: vec![link("a")],
            data: Some(vec![8, 1]),
        }
        .encode();
        let refused = (0..bytes.len())
            .filter(|end| PbNode::decode(&bytes[..*end]).is_err())
            .count();
        assert!(refused > bytes.len() / 2);
    }
}
