//! Keys of rows.

use super::row::Row;

/// Key of a row: the partition attribute, and the sort attribute where the table has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Partition attribute and its value.
    pub partition: (&'static str, String),
    /// Sort attribute and its value.
    pub sort: Option<(&'static str, String)>,
}

impl Key {
    /// A key of one attribute.
    #[must_use]
    pub fn one(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            partition: (name, value.into()),
            sort: None,
        }
    }

    /// A key of two attributes.
    #[must_use]
    pub fn two(partition: (&'static str, &str), sort: (&'static str, &str)) -> Self {
        Self {
            partition: (partition.0, partition.1.to_owned()),
            sort: Some((sort.0, sort.1.to_owned())),
        }
    }

    /// A row with the attributes of its key.
    pub(super) fn keyed(&self, mut row: Row) -> Row {
        row.set(self.partition.0, self.partition.1.clone());
        if let Some((name, value)) = &self.sort {
            row.set(name, value.clone());
        }
        row
    }
}

/// The number of a partition, stored with each row. Rows of one partition have the same.
pub(super) fn share(partition: &str) -> u32 {
    partition.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    })
}
