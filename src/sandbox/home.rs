//! The folder of a local network: its lock, and what a restart must find again.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::{Config, Error};
use super::network::Urls;
use super::service::Service;

/// The file whose lock says that a process has the folder.
const LOCK: &str = "sandbox.lock";
/// The seed of a new folder when none is asked for.
const SEED: u64 = 1;

/// A folder held by this process until dropped.
pub(super) struct Home {
    pub(super) dir: PathBuf,
    pub(super) seed: u64,
    pub(super) ports: BTreeMap<Service, u16>,
    _lock: File,
}

/// `sandbox.json`.
#[derive(Serialize, Deserialize)]
struct Stored {
    schema: String,
    v: u32,
    seed: u64,
    ports: BTreeMap<Service, u16>,
}

impl Home {
    /// Makes or takes the folder; refuses if another process has it.
    pub(super) fn take(config: &Config) -> Result<Self, Error> {
        let dir = config.dir.clone();
        fs::create_dir_all(&dir).map_err(at(&dir))?;
        let dir = dir.canonicalize().map_err(at(&config.dir))?;
        let lock = hold(&dir)?;
        let path = dir.join("sandbox.json");
        let stored = match fs::read(&path) {
            Ok(json) => Some(read(&path, &json)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(&path)(error)),
        };
        let seed = match (&stored, config.seed) {
            (Some(stored), Some(asked)) if stored.seed != asked => {
                let stored = stored.seed;
                return Err(Error::OtherSeed { dir, asked, stored });
            }
            (Some(stored), _) => stored.seed,
            (None, asked) => asked.unwrap_or(SEED),
        };
        Ok(Self {
            dir,
            seed,
            ports: stored.map(|stored| stored.ports).unwrap_or_default(),
            _lock: lock,
        })
    }

    /// Writes the ports that were taken.
    pub(super) fn store(&self, ports: &BTreeMap<Service, u16>) -> Result<(), Error> {
        let path = self.dir.join("sandbox.json");
        let stored = Stored {
            schema: "sterna.sandbox.state".to_owned(),
            v: 1,
            seed: self.seed,
            ports: ports.clone(),
        };
        let json = serde_json::to_vec_pretty(&stored).map_err(|error| at(&path)(error.into()))?;
        write_secret(&path, &json)
    }
}

/// Removes all that a network left in `dir`; refuses if a process has it.
pub fn clear(dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(at(dir))?;
    let _held = hold(dir)?;
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        if path.file_name().is_some_and(|name| name == LOCK) {
            continue;
        }
        let gone = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        gone.map_err(at(&path))?;
    }
    Ok(())
}

/// Where the control listener of the network in `dir` is; `None` if there never was one.
pub fn control_url(dir: &Path) -> Result<Option<String>, Error> {
    let path = dir.join("sandbox.json");
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&path)(error)),
    };
    let stored = read(&path, &json)?;
    Ok(Urls::new(stored.ports).known(Service::Control))
}

/// The process that has the network in `dir`; `None` if none has.
///
/// # Errors
/// The file of the lock cannot be read.
pub fn holder(dir: &Path) -> Result<Option<u32>, Error> {
    let path = dir.join(LOCK);
    let Some(mut file) = opened(&path)? else {
        return Ok(None);
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(pid_in(&mut file))),
        Err(TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

/// Waits until no process has the network in `dir`. Blocks.
///
/// # Errors
/// The file of the lock cannot be read.
pub fn wait_until_free(dir: &Path) -> Result<(), Error> {
    let path = dir.join(LOCK);
    match opened(&path)? {
        Some(file) => file.lock_shared().map_err(at(&path)),
        None => Ok(()),
    }
}

fn opened(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn pid_in(file: &mut File) -> u32 {
    let mut text = String::new();
    file.read_to_string(&mut text).ok();
    text.trim().parse().unwrap_or_default()
}

/// Writes a file that only its owner may read, in one step.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    fs::remove_file(&new).ok();
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .map_err(at(&new))?;
    file.write_all(bytes).map_err(at(&new))?;
    file.sync_all().map_err(at(&new))?;
    fs::rename(&new, path).map_err(at(path))
}

/// Locks the folder. The lock goes with the process, however it ends; the file tells whose it is.
fn hold(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Held {
                dir: dir.to_owned(),
                pid: pid_in(&mut file),
            });
        }
        Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
    }
    file.set_len(0).map_err(at(&path))?;
    file.seek(SeekFrom::Start(0)).map_err(at(&path))?;
    writeln!(file, "{}", std::process::id()).map_err(at(&path))?;
    Ok(file)
}

fn read(path: &Path, json: &[u8]) -> Result<Stored, Error> {
    let wrong = |reason: String| Error::State {
        path: path.to_owned(),
        reason,
    };
    let stored: Stored = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
    if stored.v != 1 {
        return Err(wrong(format!("version {} is not known", stored.v)));
    }
    Ok(stored)
}

pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::File {
        path: path.clone(),
        source,
    }
}
