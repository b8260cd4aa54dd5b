//! Which tables there are: those of the existing tool keep their names and columns (docs/protocol/tables.md §3).

use std::fmt;

use crate::model::MigrationName;
use crate::state::define::{BY_STATUS, Definition};
use crate::state::rows::Rows;
use crate::state::{Columns, FilePrefix, Namespace, OwnTable, Store, Tables};

/// Name of the migration in rows, files and events.
pub const NAME: &str = "uploads";

/// The table of customers.
pub const CUSTOMERS: &str = "customers";
/// The table of migration spaces.
pub const SPACES: &str = "spaces";

/// As the existing tool names them.
const COLUMNS: Columns = Columns {
    owner: "customer",
    unit: "space",
    owner_index: "customer-index",
    planned: "totalUploads",
    completed: "completedUploads",
    last: "lastProcessedUpload",
    plan: ["customers", "spaces", "uploads"],
    title: "Migration",
};

/// The state of the uploads migration: tables `PREFIXprogress` and so on, where the prefix ends in `migration-`
/// (`staging-migration-`, `local-migration-`); files `instance-N-…`.
#[must_use]
pub fn namespace(prefix: &str) -> Namespace {
    let names = [CUSTOMERS, SPACES].map(|what| format!("{prefix}{what}"));
    named(Tables::with_prefix(prefix), names)
}

/// The same with every name given: customers and migration spaces last.
#[must_use]
pub fn named(tables: Tables, [customers, spaces]: [String; 2]) -> Namespace {
    let own = |what, title: &str, name, indexes| OwnTable {
        what,
        definition: Definition {
            name,
            title: title.to_owned(),
            partition: COLUMNS.owner,
            sort: None,
            indexes,
        },
    };
    Namespace {
        migration: MigrationName::new(NAME),
        tables,
        columns: COLUMNS,
        own: vec![
            own(CUSTOMERS, "MigrationCustomers", customers, vec![BY_STATUS]),
            own(SPACES, "MigrationSpaces", spaces, Vec::new()),
        ],
        files: FilePrefix::default(),
    }
}

/// The two tables by customer, over the store of the migration. Cheap to clone.
#[derive(Clone)]
pub struct CustomerTables {
    pub(super) store: Store,
}

impl CustomerTables {
    /// Those of a store, which must be one of this migration's namespace.
    #[must_use]
    pub fn of(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    /// Name of the table of customers.
    #[must_use]
    pub fn customers_table(&self) -> &str {
        self.named(CUSTOMERS)
    }

    /// Name of the table of migration spaces.
    #[must_use]
    pub fn spaces_table(&self) -> &str {
        self.named(SPACES)
    }

    pub(super) fn rows(&self) -> &dyn Rows {
        self.store.rows()
    }

    /// A namespace of another migration has no such table: what is asked of it fails as of a missing one.
    fn named(&self, what: &'static str) -> &str {
        let namespace = &self.store.config().namespace;
        namespace.own_table(what).unwrap_or(what)
    }
}

impl fmt::Debug for CustomerTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerTables").finish_non_exhaustive()
    }
}
