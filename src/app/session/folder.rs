//! The state folder of a process: its lock, and the id that makes a lease holder of an instance number.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::app::{CommandError, Kind};
use crate::model::{FolderId, InstanceId};
use crate::runtime::private;
use crate::state::files::identify;
use crate::state::{self, Config};

/// Takes the lock of an instance in a state folder; the system frees it with the process.
pub(super) fn lock(state: &Config, instance: &InstanceId) -> Result<File> {
    let dir = &state.dir;
    private::folder(dir).with_context(|| format!("make {}", dir.display()))?;
    let path = state.file(instance, ".lock");
    let file = private::update(&path).with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CommandError::new(
            Kind::Lease,
            format!("run as instance {instance} in {}", dir.display()),
            "another process runs as this instance in this folder",
            "wait for it or stop it (SIGTERM drains); or run this one in another state folder (--state-dir), which is another \
             holder",
        )
        .into()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", path.display()))
        }
    }
}

/// The id of a state folder. Says when the folder is a copy, which is another holder than the one it was copied from.
pub(super) fn id(dir: &Path) -> Result<FolderId> {
    let found =
        identify(dir).map_err(|error| CommandError::of_state(&state::StateError::File(error)))?;
    if let Some(host) = &found.copied_from {
        tracing::warn!(
            folder = %dir.display(),
            id = found.id.short(),
            "this state folder was copied or moved (it was made on {host}) and has a new id: leases of the \
             original folder must expire before this instance takes them over"
        );
    }
    Ok(found.id)
}
