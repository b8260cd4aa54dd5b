//! The hash walk of sharded directories.

use super::dag_pb::{Link, PbNode};

/// The bits of a name's hash, taken from the front, a few per level.
#[derive(Debug, Clone)]
pub struct HashBits {
    hash: u64,
    left: u32,
}

impl HashBits {
    /// Hashes a name: the first 64 bits of murmur3-x64-128.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let low = fastmurmur3::hash(name.as_bytes()) & u128::from(u64::MAX);
        Self {
            hash: u64::try_from(low).unwrap_or_default(),
            left: 64,
        }
    }

    /// The slot on the next level of `fanout` slots (a power of two); `None` when the hash is used up.
    pub fn slot(&mut self, fanout: u64) -> Option<u64> {
        let bits = fanout.trailing_zeros();
        self.left = self.left.checked_sub(bits)?;
        Some(self.hash >> self.left & (fanout - 1))
    }
}

/// What a slot holds for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// The entry itself.
    Found(&'a Link),
    /// A further level.
    Below(&'a Link),
}

/// Hexadecimal digits of a slot number in link names.
#[must_use]
pub fn prefix_width(fanout: u64) -> usize {
    format!("{:X}", fanout - 1).len()
}

/// Looks for `name` in one level of a sharded directory.
#[must_use]
pub fn entry<'a>(
    level: &'a PbNode,
    fanout: u64,
    bits: &mut HashBits,
    name: &str,
) -> Option<Entry<'a>> {
    let prefix = format!(
        "{:0width$X}",
        bits.slot(fanout)?,
        width = prefix_width(fanout)
    );
    let mut in_slot = level
        .links
        .iter()
        .filter_map(|link| Some((link, link.name.strip_prefix(&prefix)?)));
    in_slot.find_map(|(link, rest)| match rest {
        "" => Some(Entry::Below(link)),
        rest if rest == name => Some(Entry::Found(link)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots that the network's JavaScript writer (@ipld/unixfs) gives these names.
    #[test]
    fn names_have_the_slots_of_the_javascript_writer() {
        let slots = [
            ("a-rather-long-name-of-more-than-sixteen-bytes.bin", 0x0e),
            ("other", 0x1a),
            ("file.txt", 0xb5),
            ("b c.txt", 0xd5),
            ("ünïcode", 0xdd),
        ];
        for (name, slot) in slots {
            assert_eq!(HashBits::of(name).slot(256), Some(slot), "{name}");
        }
    }

    #[test]
    fn a_hash_has_eight_levels_of_256_slots() {
        let mut bits = HashBits::of("file.txt");
        let levels = std::iter::from_fn(|| bits.slot(256));
        assert_eq!(levels.count(), 8);
    }
}
