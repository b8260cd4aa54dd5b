//! Keys and indexes of each table, as data.

use crate::state::namespace::{Columns, Namespace};

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Whole name.
    pub name: String,
    /// What its logical name in templates is: `MigrationProgress`.
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

/// Index over `status`, of the existing tool too.
pub const BY_STATUS: Index = Index {
    name: "status-index",
    partition: "status",
};
/// Failures met by an instance.
pub(in crate::state) const BY_INSTANCE: Index = Index {
    name: "instance-index",
    partition: "instanceId",
};
/// Failures of one reason.
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

/// Failures of an owner.
pub(in crate::state) fn by_owner(columns: &Columns) -> Index {
    Index {
        name: columns.owner_index,
        partition: columns.owner,
    }
}

/// Every table of a migration: those that it alone has come first.
#[must_use]
pub fn definitions(namespace: &Namespace) -> Vec<Definition> {
    let (tables, columns) = (&namespace.tables, &namespace.columns);
    let table = |name: &str, word: &str, (partition, sort), indexes: &[Index]| Definition {
        name: name.to_owned(),
        title: title(namespace, word),
        partition,
        sort,
        indexes: indexes.to_vec(),
    };
    let unit = (columns.owner, Some(columns.unit));
    let failure = (columns.unit, Some("item"));
    let failures = [by_owner(columns), BY_INSTANCE, BY_REASON];
    let own = namespace.own.iter().map(|own| own.definition.clone());
    own.chain([
        table(&tables.progress, "Progress", unit, &[BY_STATUS]),
        table(&tables.parts, "Parts", ("unit", Some("part")), &[BY_STATUS]),
        table(&tables.failures, "Failures", failure, &failures),
        table(&tables.fleet, "Fleet", ("instanceId", None), &[]),
        table(&tables.control, "Control", ("scope", Some("entry")), &[]),
    ])
    .collect()
}

/// `MigrationProgress`: what stands before the word is the namespace's, else the migration's name.
fn title(namespace: &Namespace, word: &str) -> String {
    let named = namespace.columns.title;
    if !named.is_empty() {
        return format!("{named}{word}");
    }
    let mut letters = namespace.migration.as_str().chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first
        .into_iter()
        .chain(letters)
        .chain(word.chars())
        .collect()
}
