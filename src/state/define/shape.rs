//! The tables of a migration.

use super::definition::{BY_INSTANCE, BY_REASON, BY_STATUS, Definition, Index};
use crate::state::namespace::{Columns, Namespace};

/// Failures by owner.
pub(in crate::state) fn by_owner(columns: &Columns) -> Index {
    Index {
        name: columns.owner_index,
        partition: columns.owner,
    }
}

/// Every table of a migration. Its own tables come first.
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

/// `MigrationProgress`: the title of the namespace, or else the name of the migration, and the word.
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
