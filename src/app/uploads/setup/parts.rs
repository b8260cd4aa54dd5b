//! What `setup` works with, and what it reads.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::migrations::uploads::plan::Chosen;
use crate::model::StateIdentity;
use crate::proto::SpaceDid;
use crate::runtime::Clock;
use crate::state::Store;

/// What `setup` works with.
#[derive(Debug, Clone)]
pub(super) struct Parts<C> {
    /// The network's consumers and uploads.
    pub(super) census: C,
    /// The migration's tables.
    pub(super) store: Store,
    /// Folder of the customers files.
    pub(super) dir: PathBuf,
    /// Providers of consumer rows, the one whose customer counts first.
    pub(super) providers: Vec<String>,
    /// The network's table that uploads are counted in; a count of another is refused.
    pub(super) uploads_table: String,
    /// What plans, customers files and the count belong to.
    pub(super) state: StateIdentity,
    /// Who makes the plan, as `user@host`.
    pub(super) by: String,
    /// When it is made.
    pub(super) clock: Clock,
}

/// What the network has.
pub(super) struct Read {
    pub(super) chosen: Chosen,
    /// Spaces of the migration itself, which are in no share.
    pub(super) migration_spaces: BTreeSet<SpaceDid>,
    /// How many of them have consumer rows.
    pub(super) own: usize,
    /// Consumer rows that make no sense.
    pub(super) odd: Vec<String>,
    /// Names of the skip file that fit no customer.
    pub(super) skips_nobody: Vec<String>,
}
