//! The checkpoint file of an instance: `instance-N-checkpoint.json` in the state folder.

use std::path::PathBuf;
use std::sync::Arc;

use super::files::{Disk, Generation, Sealed};
use super::{Config, StateError};
use crate::model::{CHECKPOINT_VERSION, Checkpoint, InstanceId};

const SCHEMA: &str = "sterna.checkpoint";

fn file(disk: &Arc<dyn Disk>, config: &Config, instance: &InstanceId) -> Sealed {
    Sealed::new(path(config, instance), SCHEMA, CHECKPOINT_VERSION).on(disk)
}

/// The path of an instance's checkpoint.
#[must_use]
pub fn path(config: &Config, instance: &InstanceId) -> PathBuf {
    config.file(instance, "-checkpoint.json")
}

/// Reads an instance's checkpoint, or the previous one if the newest is damaged. `None` if there is none. Blocks.
///
/// # Errors
/// A file of another version, or damage of both.
pub fn load(
    disk: &Arc<dyn Disk>,
    config: &Config,
    instance: &InstanceId,
) -> Result<Option<Checkpoint>, StateError> {
    let read = file(disk, config, instance).read()?;
    Ok(read.map(|(checkpoint, generation)| {
        if generation == Generation::Previous {
            tracing::warn!(
                instance = %instance,
                "{} is damaged or missing; the previous one is used, and nothing is lost",
                path(config, instance).display()
            );
        }
        checkpoint
    }))
}

/// Writes an instance's checkpoint, durably: all of it or nothing. Blocks.
///
/// # Errors
/// The file could not be written.
pub fn save(
    disk: &Arc<dyn Disk>,
    config: &Config,
    checkpoint: &Checkpoint,
) -> Result<(), StateError> {
    Ok(file(disk, config, &checkpoint.instance).write(checkpoint)?)
}
