//! Where values come from, in order: process environment, `.env` files, the local network's file, presets.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::env_file::EnvFile;
use super::fault::{Fault, Faults};
use super::names::distance;
use super::variables::{self, FOREIGN};
use super::{Environment, Flags};

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(&'static str),
    /// The environment of the process.
    Process,
    /// A line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The preset of the environment.
    Preset(Environment),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Process => f.write_str("environment"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Preset(environment) => write!(f, "preset {environment}"),
        }
    }
}

/// A text and where it was found.
#[derive(Clone)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// All layers of one process.
pub(super) struct Sources {
    pub(super) environment: Environment,
    pub(super) state_dir: PathBuf,
    process: BTreeMap<String, String>,
    files: Vec<EnvFile>,
    /// The last file is the local network's.
    pub(super) local_network: Option<PathBuf>,
}

impl Sources {
    /// Reads the files that exist and finds out which environment is meant.
    pub(super) fn read(
        flags: &Flags,
        process: BTreeMap<String, String>,
        faults: &mut Faults,
    ) -> Self {
        let mut sources = Self {
            environment: Environment::Local,
            state_dir: PathBuf::new(),
            process,
            files: Vec::new(),
            local_network: None,
        };
        if let Some(path) = &flags.env_file {
            sources.open(path, Presence::Required, faults);
        }
        let named = sources.files.len();
        sources.open(&flags.folder.join(".env"), Presence::Optional, faults);
        sources.environment = sources.find_environment(flags, faults);
        let name = format!(".env-{}", sources.environment);
        let below = sources.files.split_off(named);
        sources.open(&flags.folder.join(name), Presence::Optional, faults);
        sources.files.extend(below);
        sources.state_dir = sources.find_state_dir(flags);
        if sources.environment == Environment::Local {
            let path = sources.state_dir.join("local").join("sandbox.env");
            if sources.open(&path, Presence::Optional, faults) {
                sources.local_network = Some(path);
            }
        }
        sources.refuse_misspelt(faults);
        sources
    }

    fn open(&mut self, path: &Path, presence: Presence, faults: &mut Faults) -> bool {
        match EnvFile::read(path) {
            Ok(Some(file)) => {
                self.files.push(file);
                return true;
            }
            Ok(None) if presence == Presence::Optional => {}
            Ok(None) => faults.push(Fault {
                name: "--env-file".into(),
                origin: None,
                problem: format!("{} does not exist", path.display()),
                remedy: "name an existing file, or leave the flag out".into(),
            }),
            Err(found) => faults.append(found),
        }
        false
    }

    fn find_environment(&self, flags: &Flags, faults: &mut Faults) -> Environment {
        if let Some(environment) = flags.environment {
            return environment;
        }
        let Some(value) = self.find("STORACHA_ENV") else {
            return Environment::Local;
        };
        value.text.parse().unwrap_or_else(|problem| {
            faults.push(Fault {
                name: "STORACHA_ENV".into(),
                origin: Some(value.origin.to_string()),
                problem,
                remedy: "set it to local, staging or production".into(),
            });
            Environment::Local
        })
    }

    fn find_state_dir(&self, flags: &Flags) -> PathBuf {
        let named = flags
            .state_dir
            .clone()
            .or_else(|| self.find("STERNA_STATE_DIR").map(|value| value.text.into()));
        named.unwrap_or_else(|| PathBuf::from("migration-state"))
    }

    /// The value of the highest layer that has one; an empty one counts as none.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        self.find(name).or_else(|| {
            let text = variables::variable(name)?.preset(self.environment)?;
            Some(Value {
                text: text.into(),
                origin: Origin::Preset(self.environment),
            })
        })
    }

    fn find(&self, name: &str) -> Option<Value> {
        if let Some(text) = self.process.get(name).filter(|text| !text.is_empty()) {
            return Some(Value {
                text: text.clone(),
                origin: Origin::Process,
            });
        }
        self.files.iter().find_map(|file| file.value(name))
    }

    /// The value in the local network's own file, whatever lies above it.
    pub(super) fn local(&self, name: &str) -> Option<Value> {
        self.local_network.as_ref()?;
        self.files.last()?.value(name)
    }

    /// A name in a file that is one or two letters from one of ours is a mistake, not a foreign variable.
    fn refuse_misspelt(&self, faults: &mut Faults) {
        for (path, line, name) in self.files.iter().flat_map(EnvFile::names) {
            if variables::variable(name).is_some() || FOREIGN.contains(&name) {
                continue;
            }
            let near = variables::all()
                .iter()
                .find(|variable| distance(variable.name, name) <= 2);
            if let Some(near) = near {
                faults.push(Fault {
                    name: name.into(),
                    origin: Some(format!("{}:{line}", path.display())),
                    problem: "no such variable".into(),
                    remedy: format!("write {}", near.name),
                });
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}
