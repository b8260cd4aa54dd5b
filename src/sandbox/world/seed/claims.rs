//! What the indexing service and the gateway know of an upload before the migration.

use super::Error;
use super::accounts::Account;
use crate::sandbox::Network;
use crate::sandbox::world::content::{Content, Shard};
use crate::sandbox::world::plan::Upload;

/// Puts the claims that the condition of `upload` asks for.
pub(super) async fn write(
    _network: &Network,
    _account: &Account,
    _upload: &Upload,
    _content: &Content,
    _shards: &[Shard],
) -> Result<(), Error> {
    Ok(())
}
