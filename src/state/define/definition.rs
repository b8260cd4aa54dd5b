//! What a table is: its keys and its indexes, as data.

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Whole name.
    pub name: String,
    /// Its logical name in templates: `MigrationProgress`.
    pub title: String,
    /// Partition attribute.
    pub partition: &'static str,
    /// Sort attribute.
    pub sort: Option<&'static str>,
    /// Secondary indexes; all project every attribute and sort by `updatedAt`.
    pub indexes: Vec<Index>,
}

/// One secondary index: `partition`, sorted by `updatedAt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Name.
    pub name: &'static str,
    /// Partition attribute.
    pub partition: &'static str,
}

/// Sort attribute of every index.
pub(in crate::state) const SORTED_BY: &str = "updatedAt";

/// Index over `status`. The existing tool has it, too.
pub const BY_STATUS: Index = Index {
    name: "status-index",
    partition: "status",
};
/// Failures by instance.
pub(in crate::state) const BY_INSTANCE: Index = Index {
    name: "instance-index",
    partition: "instanceId",
};
/// Failures by reason.
pub(in crate::state) const BY_REASON: Index = Index {
    name: "reason-index",
    partition: "reason",
};

impl Definition {
    /// Names of the attributes that keys and indexes use, each once.
    #[must_use]
    pub fn attributes(&self) -> Vec<&'static str> {
        let mut names = vec![self.partition];
        names.extend(self.sort);
        names.extend(self.indexes.iter().map(|index| index.partition));
        names.extend((!self.indexes.is_empty()).then_some(SORTED_BY));
        names.sort_unstable();
        names.dedup();
        names
    }
}
