//! The id of a state folder, in its `state-folder.json`. A lease holder is an instance number and this id.
//!
//! The id is random and made once, under a lock, so that processes that start together agree. The file also records
//! where it was made: the machine, and the number of the folder in its file system. In any other place, such as a copy
//! of the folder, a new id is made. A folder that moved to another file system, or whose machine was renamed, gets a
//! new id as well. This is safe: at worst an instance waits one lease term for leases of its own earlier process.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{Generation, Sealed, Unreadable};
use crate::model::FolderId;
use crate::runtime::private;

const SCHEMA: &str = "sterna.state-folder";
const VERSION: u32 = 1;

/// The id of the machine (systemd). A machine without it is identified by its name.
const MACHINE_ID: &str = "/etc/machine-id";
/// The name of the machine.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// Where a folder is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// A digest of the machine's id, which must not be published.
    machine: String,
    host: String,
    device: u64,
    inode: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    id: FolderId,
    place: Place,
}

/// The id of a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The id.
    pub id: FolderId,
    /// The machine where the id was made, if the folder was copied or moved since and has a new id now.
    pub copied_from: Option<String>,
}

/// Reads the id of a state folder, or makes it. Creates the folder if it does not exist. Blocks.
///
/// # Errors
/// The file could not be read or written, or is of another version.
pub fn identify(dir: &Path) -> Result<Identified, Unreadable> {
    let path = dir.join("state-folder.json");
    let fault = |source| Unreadable::Write {
        path: path.clone(),
        source,
    };
    let place = prepare(dir).map_err(fault)?;
    let guard = dir.join("state-folder.lock");
    let held = private::update(&guard).and_then(|lock| {
        // Held while two small files are written, and released with the process.
        lock.lock()?;
        Ok(lock)
    });
    let _held = held.map_err(|source| Unreadable::Write {
        path: guard,
        source,
    })?;
    let file = Sealed::new(&path, SCHEMA, VERSION);
    let mut copied_from = None;
    match file.read::<Identity>() {
        Ok(Some((found, Generation::Current))) if found.place == place => {
            return Ok(Identified {
                id: found.id,
                copied_from: None,
            });
        }
        Ok(Some((found, _))) if found.place != place => copied_from = Some(found.place.host),
        // A damaged file is replaced: a new id takes no lease from others.
        Ok(_) | Err(Unreadable::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    let id = FolderId::new(uuid::Uuid::new_v4().to_string());
    file.write(&Identity {
        id: id.clone(),
        place,
    })?;
    Ok(Identified { id, copied_from })
}

fn prepare(dir: &Path) -> io::Result<Place> {
    private::folder(dir)?;
    close_to_others(dir)?;
    let found = fs::metadata(dir)?;
    let machine = fs::read_to_string(MACHINE_ID).unwrap_or_default();
    let host = fs::read_to_string(HOSTNAME).unwrap_or_default();
    let sum = digest(&SHA256, format!("{SCHEMA}\n{}", machine.trim()).as_bytes());
    let hex = |text: String, byte: &u8| format!("{text}{byte:02x}");
    Ok(Place {
        machine: sum.as_ref().iter().fold(String::new(), hex),
        host: host.trim().to_owned(),
        device: found.dev(),
        inode: found.ino(),
    })
}

/// Makes the files of instances unreadable for others, because they name owners. Earlier versions left that to the
/// umask.
fn close_to_others(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().contains("instance-");
        if is_ours && entry.file_type()?.is_file() {
            // A file of another user that cannot be opened is skipped.
            if let Ok(file) = private::open(&entry.path()) {
                private::close_to_others(&file)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }

    #[test]
    fn a_folder_keeps_its_id() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("not/yet/there");
        let first = identify(&folder).unwrap();
        assert_eq!(first.copied_from, None);
        assert_eq!(identify(&folder).unwrap(), first);
        let other = identify(&dir.path().join("other")).unwrap();
        assert_ne!(other.id, first.id);
    }

    #[test]
    fn processes_that_start_together_agree() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<FolderId> = std::thread::scope(|scope| {
            let start = || scope.spawn(|| identify(dir.path()).unwrap().id);
            let started: Vec<_> = std::iter::repeat_with(start).take(8).collect();
            let ends = started.into_iter();
            ends.map(|thread| thread.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn a_copy_is_another_folder_and_leaves_the_first_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
        let original = identify(&first).unwrap();
        copy(&first, &second);
        let copied = identify(&second).unwrap();
        assert_ne!(copied.id, original.id);
        assert!(copied.copied_from.is_some());
        assert_eq!(identify(&first).unwrap(), original);
        assert_eq!(identify(&second).unwrap().id, copied.id);
        assert_eq!(identify(&second).unwrap().copied_from, None);
    }

    #[test]
    fn a_damaged_id_is_replaced_and_one_of_another_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = identify(dir.path()).unwrap();
        let path = dir.path().join("state-folder.json");
        fs::write(&path, "{").unwrap();
        let second = identify(dir.path()).unwrap();
        assert_ne!(second.id, first.id);
        Sealed::new(&path, SCHEMA, VERSION + 1).write(&7).unwrap();
        assert!(matches!(
            identify(dir.path()),
            Err(Unreadable::Other { .. })
        ));
    }
}
