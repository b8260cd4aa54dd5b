//! Opening and naming files below a root, component by component and without following links.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::{fs, io::Errno};

use crate::client::blobs::{Head, Identity, Tag};

/// A folder is opened to look up names in it.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A file is opened without waiting for anybody, should a pipe have taken its place.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// The folder below which everything lies. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Root {
    folder: Arc<OwnedFd>,
}

/// A folder below the root, and the name of a file in it.
pub(super) struct Place<'a> {
    folder: OwnedFd,
    name: &'a str,
}

impl Root {
    /// Opens the root itself. The operator named it: here links are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = FOLDER.difference(OFlags::NOFOLLOW);
        let folder = fs::open(path, flags, Mode::empty())?;
        Ok(Self {
            folder: Arc::new(folder),
        })
    }

    /// Which folder it is, by device and inode.
    pub(super) fn place(&self) -> io::Result<String> {
        let stat = fs::fstat(&*self.folder)?;
        Ok(format!("{}-{}", stat.st_dev, stat.st_ino))
    }

    /// What a file or folder below the root may be used for: what the root may be.
    fn mode(&self, of: Mode) -> io::Result<Mode> {
        let stat = fs::fstat(&*self.folder)?;
        Ok(Mode::from_raw_mode(stat.st_mode) & of)
    }

    /// Gives a new file the permissions of the root.
    pub(super) fn share(&self, file: impl AsFd) -> io::Result<()> {
        Ok(fs::fchmod(file, self.mode(Mode::from_raw_mode(0o666))?)?)
    }

    /// The folder of a key; `None` if it is not there.
    pub(super) fn find<'a>(&self, key: &'a str) -> io::Result<Option<Place<'a>>> {
        let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
        match self.folder(folders) {
            Ok(folder) => Ok(Some(Place { folder, name })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The folder of a key, made durably if it is not there.
    pub(super) fn make<'a>(&self, key: &'a str) -> io::Result<Place<'a>> {
        let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
        let mut folder = self.itself()?;
        for component in components(folders) {
            folder = match fs::mkdirat(&folder, component, Mode::from_raw_mode(0o777)) {
                Ok(()) => {
                    fs::fsync(&folder)?;
                    let made = enter(&folder, component)?;
                    fs::fchmod(&made, self.mode(Mode::from_raw_mode(0o777))?)?;
                    made
                }
                Err(Errno::EXIST) => enter(&folder, component)?,
                Err(error) => return Err(error.into()),
            };
        }
        Ok(Place { folder, name })
    }

    /// A folder below the root, by its path; the root itself by the empty one.
    pub(super) fn folder(&self, path: &str) -> io::Result<OwnedFd> {
        let mut folder = self.itself()?;
        for component in components(path) {
            folder = enter(&folder, component)?;
        }
        Ok(folder)
    }

    fn itself(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(&*self.folder, 0)?)
    }
}

impl Place<'_> {
    /// What is there; `None` if nothing is. Links are not followed.
    pub(super) fn look(&self) -> io::Result<Option<Stat>> {
        match fs::statat(&self.folder, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the file; `None` if nothing is there. Whatever is not a file is not opened.
    pub(super) fn open(&self) -> io::Result<Option<(OwnedFd, Stat)>> {
        let Some(stat) = self.look()? else {
            return Ok(None);
        };
        must_be_file(&stat)?;
        let file = match fs::openat(&self.folder, self.name, FILE, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = fs::fstat(&file)?;
        must_be_file(&stat)?;
        Ok(Some((file, stat)))
    }

    /// Moves a temporary file here. `false` if something is here and `replace` is not set.
    pub(super) fn take(&self, temporary: (&OwnedFd, &str), replace: bool) -> io::Result<bool> {
        let (from, name) = temporary;
        let moved = if replace {
            fs::renameat(from, name, &self.folder, self.name)
        } else {
            rename_new((from.as_fd(), name), (self.folder.as_fd(), self.name))
        };
        match moved {
            Ok(()) => {
                fs::fsync(&self.folder)?;
                Ok(true)
            }
            Err(Errno::EXIST) if !replace => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the file.
    pub(super) fn remove(&self) -> io::Result<()> {
        fs::unlinkat(&self.folder, self.name, AtFlags::empty())?;
        Ok(fs::fsync(&self.folder)?)
    }
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty())
}

/// Opens a folder in a folder.
pub(super) fn enter(folder: &OwnedFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    Ok(fs::openat(folder, name, FOLDER, Mode::empty())?)
}

/// Moves a file to a name that nobody has. Where the system cannot do it in one step, a second name comes before the
/// first one goes.
fn rename_new(
    (from, name): (std::os::fd::BorrowedFd<'_>, &str),
    (to, new): (std::os::fd::BorrowedFd<'_>, &str),
) -> rustix::io::Result<()> {
    #[cfg(target_os = "linux")]
    match fs::renameat_with(from, name, to, new, fs::RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        moved => return moved,
    }
    fs::linkat(from, name, to, new, AtFlags::empty())?;
    fs::unlinkat(from, name, AtFlags::empty())
}

/// What a file that is not a blob is called.
pub(super) fn kind_of(stat: &Stat) -> Option<&'static str> {
    use fs::FileType;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a folder"),
        FileType::Symlink => Some("a symbolic link"),
        FileType::Fifo => Some("a pipe"),
        FileType::Socket => Some("a socket"),
        FileType::BlockDevice | FileType::CharacterDevice => Some("a device"),
        FileType::Unknown => Some("of an unknown kind"),
    }
}

/// Refuses what is not a file.
pub(super) fn must_be_file(stat: &Stat) -> io::Result<()> {
    match kind_of(stat) {
        None => Ok(()),
        Some(kind) => Err(io::Error::new(
            ErrorKind::IsADirectory,
            format!("it is {kind}"),
        )),
    }
}

/// What is known of a file without reading it.
pub(super) fn head(stat: &Stat) -> Head {
    let identity = format!(
        "{}-{}-{}.{}",
        stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec
    );
    Head {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        tag: Tag(format!(
            "{identity}-{}.{}",
            stat.st_ctime, stat.st_ctime_nsec
        )),
        identity: Identity(identity),
    }
}
