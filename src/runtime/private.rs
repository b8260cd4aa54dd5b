//! Files, folders and memory for their owner alone. Nobody else can read them, and no planted link redirects a write.
//!
//! Permissions of new files are 0600 and of new folders 0700, whatever the umask. An existing folder keeps its
//! permissions. One that others can write to is refused, because they could replace every file in it.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Permissions of a file for its owner alone.
const FILE: u32 = 0o600;
/// Permissions of a folder for its owner alone.
const FOLDER: u32 = 0o700;
/// What others than the owner may do.
const OTHERS: u32 = 0o077;
/// The right of others than the owner to write.
const OTHERS_WRITE: u32 = 0o022;

/// Why a file or folder is refused although the system allows its use. It comes inside an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is a symbolic link in the place of the file.
    #[error("it is a symbolic link, which is not followed")]
    Link,
    /// There is a pipe, a device or a socket in the place of the file.
    #[error("it is not a regular file")]
    Special,
    /// Others than its owner can write to a folder.
    #[error("{} can write to {} (mode {mode:o})", if mode & 0o002 == 0 { "its group" } else { "everybody" }, folder.display())]
    OpenFolder {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl Refused {
    /// The refusal inside an error, if there is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Why this is dangerous.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Link | Self::Special => {
                "somebody may have planted it to make this program read or write another file, or hang"
            }
            Self::OpenFolder { .. } => {
                "whoever can write to a folder can replace any file in it: state, keys, and the record of what to undo"
            }
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Link => {
                "check where it leads (`ls -l`), then remove it, or name that file itself"
                    .to_owned()
            }
            Self::Special => "check what it is (`ls -l`), then remove it".to_owned(),
            Self::OpenFolder { folder, .. } => format!(
                "check its content, then run `chmod go-w {}`; or name another folder (--state-dir for state)",
                folder.display()
            ),
        }
    }
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refused)
    }
}

/// Protects this process: it writes no core dump, no other process of this user can read its memory or environment, and
/// all files that it makes are for its owner alone.
pub fn process() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Where the system refuses, the process runs unprotected, as others do.
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Opens a file for reading.
///
/// # Errors
/// Those of the system; a symbolic link is one.
pub fn open(path: &Path) -> io::Result<File> {
    opened(OpenOptions::new().read(true), path)
}

/// The whole of a file.
///
/// # Errors
/// Those of the system; a symbolic link is one.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Creates a file and opens it for writing.
///
/// # Errors
/// Those of the system; the name exists, even as a link.
pub fn create_new(path: &Path) -> io::Result<File> {
    opened(OpenOptions::new().write(true).create_new(true), path)
}

/// Replaces whatever has this name by a new file. The target of a link is not changed.
///
/// # Errors
/// Those of the system.
pub fn replace(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create_new(path)
}

/// Opens a file for appending; creates it if it does not exist.
///
/// # Errors
/// Those of the system; a symbolic link is one.
pub fn append(path: &Path) -> io::Result<File> {
    let file = opened(OpenOptions::new().append(true).create(true), path)?;
    close_to_others(&file)?;
    Ok(file)
}

/// Opens a file for reading and writing without truncating it; creates it if it does not exist.
///
/// # Errors
/// Those of the system; a symbolic link is one.
pub fn update(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = opened(
        options.read(true).write(true).create(true).truncate(false),
        path,
    )?;
    close_to_others(&file)?;
    Ok(file)
}

/// The metadata of a path; `None` if nothing is there.
///
/// # Errors
/// Those of the system; a symbolic link is one.
pub fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(Refused::Link.into()),
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a folder with its parents. Refuses one that others can write to.
///
/// # Errors
/// Those of the system; others can write to the folder.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(path)?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & OTHERS_WRITE == 0 {
        return Ok(());
    }
    Err(Refused::OpenFolder {
        folder: path.to_path_buf(),
        mode: mode & 0o7777,
    }
    .into())
}

/// Removes the permissions of others from a file of this user. The file of another user is not changed.
///
/// # Errors
/// Those of the system.
pub fn close_to_others(file: &File) -> io::Result<()> {
    let found = file.metadata()?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw();
    if found.is_file() && found.mode() & OTHERS != 0 && is_ours {
        file.set_permissions(Permissions::from_mode(found.mode() & 0o7777 & !OTHERS))?;
    }
    Ok(())
}

fn opened(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // A pipe is opened without waiting for its other end, and then refused.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let opened = options.mode(FILE).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(number) if number == Errno::LOOP.raw_os_error() => Refused::Link.into(),
        // A pipe without a reader, or a socket.
        Some(number) if number == Errno::NXIO.raw_os_error() => Refused::Special.into(),
        _ => error,
    })?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_dir() {
        return Ok(file);
    }
    Err(Refused::Special.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_planted_link_is_refused_and_what_it_leads_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::write(&target, "precious").unwrap();
        let [link, dangling] = ["link", "dangling"].map(|name| dir.path().join(name));
        symlink(&target, &link).unwrap();
        symlink(dir.path().join("nowhere"), &dangling).unwrap();
        for path in [&link, &dangling] {
            for opened in [open(path), append(path), update(path)] {
                let error = opened.unwrap_err().to_string();
                assert!(error.contains("symbolic link"), "{error}");
            }
            assert!(create_new(path).is_err());
            assert!(metadata(path).is_err());
        }
        replace(&link).unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "new");
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for opened in [open(&pipe), append(&pipe), update(&pipe)] {
            let error = opened.unwrap_err();
            assert_eq!(Refused::of(&error), Some(&Refused::Special), "{error}");
        }
    }

    #[test]
    fn files_are_for_their_owner_and_those_of_before_become_so() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("a/b");
        folder(&made).unwrap();
        assert_eq!((mode(&made), mode(&dir.path().join("a"))), (0o700, 0o700));
        let [new, old] = ["new", "old"].map(|name| made.join(name));
        append(&new).unwrap();
        assert_eq!(mode(&new), 0o600);
        std::fs::write(&old, "x").unwrap();
        std::fs::set_permissions(&old, Permissions::from_mode(0o666)).unwrap();
        append(&old).unwrap();
        assert_eq!(mode(&old), 0o600);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused_with_what_repairs_it() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, good) in [
            (0o700, true),
            (0o755, true),
            (0o500, true),
            (0o770, false),
            (0o777, false),
            (0o1777, false),
        ] {
            std::fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            let made = folder(dir.path());
            assert_eq!(made.is_ok(), good, "{mode:o}");
            if let Err(error) = made {
                assert!(error.to_string().contains("can write to"), "{error}");
                let fix = format!("`chmod go-w {}`", dir.path().display());
                assert!(Refused::of(&error).unwrap().remedy().contains(&fix));
            }
        }
    }
}
