//! The checkpoint file of an instance: `instance-N-checkpoint.json` in the state folder.

use std::path::{Path, PathBuf};

use super::Error;
use super::files::{Generation, Sealed, name_of};
use crate::model::{CHECKPOINT_VERSION, Checkpoint, InstanceId};

const SCHEMA: &str = "sterna.checkpoint";

fn file(dir: &Path, instance: &InstanceId) -> Sealed {
    Sealed::new(path(dir, instance), SCHEMA, CHECKPOINT_VERSION)
}

/// Where an instance's checkpoint lies.
#[must_use]
pub fn path(dir: &Path, instance: &InstanceId) -> PathBuf {
    dir.join(format!("instance-{}-checkpoint.json", name_of(instance)))
}

/// Reads an instance's checkpoint; the one before it if the newest is damaged; `None` if there is none. Blocks.
///
/// # Errors
/// Another version's file, and damage of both.
pub fn load(dir: &Path, instance: &InstanceId) -> Result<Option<Checkpoint>, Error> {
    let read = file(dir, instance).read()?;
    Ok(read.map(|(checkpoint, generation)| {
        if generation == Generation::Previous {
            tracing::warn!(instance = %instance, "checkpoint damaged or missing, the one before it is used");
        }
        checkpoint
    }))
}

/// Writes an instance's checkpoint, durably: all of it or nothing. Blocks.
pub fn save(dir: &Path, checkpoint: &Checkpoint) -> Result<(), Error> {
    Ok(file(dir, &checkpoint.instance).write(checkpoint)?)
}
