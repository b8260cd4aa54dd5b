//! The folder of a local network: its lock, and what a restart must find again.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::{Config, SandboxError};
use super::network::Urls;
use super::service::Service;
use super::traffic::Token;
use crate::runtime::private;

/// The file whose lock says that a process has the folder.
const LOCK: &str = "sandbox.lock";

/// A folder held by this process until dropped.
pub(super) struct Home {
    pub(super) dir: PathBuf,
    pub(super) seed: u64,
    pub(super) ports: BTreeMap<Service, u16>,
    /// What the control listener asks for.
    pub(super) token: Token,
    _lock: File,
}

/// `sandbox.json`.
#[derive(Serialize, Deserialize)]
struct Stored {
    schema: String,
    v: u32,
    seed: u64,
    ports: BTreeMap<Service, u16>,
    /// None in folders of earlier versions.
    #[serde(default)]
    control_token: Option<Token>,
}

/// Where the control listener of a network is, and what lets in.
#[derive(Debug, Clone)]
pub struct Control {
    /// Its base URL.
    pub url: String,
    /// What goes with every request, as `Authorization: Bearer …`.
    pub token: Token,
}

impl Home {
    /// Makes or takes the folder; refuses if another process has it.
    pub(super) fn take(config: &Config) -> Result<Self, SandboxError> {
        let dir = config.dir.clone();
        private::folder(&dir).map_err(at(&dir))?;
        let dir = dir.canonicalize().map_err(at(&config.dir))?;
        let lock = hold(&dir)?;
        let path = dir.join("sandbox.json");
        let stored = match private::read(&path) {
            Ok(json) => Some(read(&path, &json)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(&path)(error)),
        };
        let seed = match (&stored, config.seed) {
            (Some(stored), Some(asked)) if stored.seed != asked => {
                return Err(SandboxError::OtherSeed { dir, asked });
            }
            (Some(stored), _) => stored.seed,
            (None, Some(asked)) => asked,
            (None, None) => random_seed().map_err(at(&path))?,
        };
        let (ports, token) = stored
            .map(|stored| (stored.ports, stored.control_token))
            .unwrap_or_default();
        let token = match token {
            Some(token) => token,
            None => Token::random().map_err(at(&path))?,
        };
        Ok(Self {
            dir,
            seed,
            ports,
            token,
            _lock: lock,
        })
    }

    /// Writes the ports that were taken.
    pub(super) fn store(&self, ports: &BTreeMap<Service, u16>) -> Result<(), SandboxError> {
        let path = self.dir.join("sandbox.json");
        let stored = Stored {
            schema: "sterna.sandbox.state".to_owned(),
            v: 1,
            seed: self.seed,
            ports: ports.clone(),
            control_token: Some(self.token.clone()),
        };
        let json = serde_json::to_vec_pretty(&stored).map_err(|error| at(&path)(error.into()))?;
        write_secret(&path, &json)
    }
}

/// A seed that nobody guesses: the keys of a network follow from it.
fn random_seed() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Removes all that a network left in `dir`.
///
/// # Errors
/// Another process has the network, or something in the folder cannot be removed.
pub fn clear(dir: &Path) -> Result<(), SandboxError> {
    private::folder(dir).map_err(at(dir))?;
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

/// The control listener of the network in `dir`; `None` if there never was one.
///
/// # Errors
/// The file that says so cannot be read.
pub fn control(dir: &Path) -> Result<Option<Control>, SandboxError> {
    let path = dir.join("sandbox.json");
    let json = match private::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&path)(error)),
    };
    let stored = read(&path, &json)?;
    let url = Urls::new(stored.ports).known(Service::Control);
    let both = url.zip(stored.control_token);
    Ok(both.map(|(url, token)| Control { url, token }))
}

/// The process that has the network in `dir`; `None` if none has.
///
/// # Errors
/// The file of the lock cannot be read.
pub fn holder(dir: &Path) -> Result<Option<u32>, SandboxError> {
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
pub fn wait_until_free(dir: &Path) -> Result<(), SandboxError> {
    let path = dir.join(LOCK);
    match opened(&path)? {
        Some(file) => file.lock_shared().map_err(at(&path)),
        None => Ok(()),
    }
}

fn opened(path: &Path) -> Result<Option<File>, SandboxError> {
    match private::open(path) {
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
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = private::replace(&new).map_err(at(&new))?;
    file.write_all(bytes).map_err(at(&new))?;
    file.sync_all().map_err(at(&new))?;
    fs::rename(&new, path).map_err(at(path))
}

/// Locks the folder. The lock goes with the process, however it ends; the file tells whose it is.
fn hold(dir: &Path) -> Result<File, SandboxError> {
    let path = dir.join(LOCK);
    let mut file = private::update(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(SandboxError::Held {
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

fn read(path: &Path, json: &[u8]) -> Result<Stored, SandboxError> {
    let wrong = |reason: String| SandboxError::State {
        path: path.to_owned(),
        reason,
    };
    let stored: Stored = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
    if stored.v != 1 {
        return Err(wrong(format!("version {} is not known", stored.v)));
    }
    Ok(stored)
}

pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> SandboxError + use<> {
    let path = path.to_owned();
    move |source| SandboxError::File {
        path: path.clone(),
        source,
    }
}
