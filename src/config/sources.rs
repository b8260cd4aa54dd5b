//! Where values come from, in order: process environment, `.env` files, the local network's file, presets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use strsim::levenshtein;
use zeroize::Zeroize;

use super::environment::Environment;
use super::fault::{Fault, Faults};
use super::files::{EnvFile, Named, User};
use super::origin::{Origin, Value};
use super::variables::{self, FOREIGN, Variable};

/// The state folder when nobody names one.
const STATE_DIR: &str = "migration-state";

/// The flags that say where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--env`.
    pub environment: Option<Environment>,
    /// `--env-file`.
    pub env_file: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// `--state`.
    pub state: Option<String>,
    /// `--allow-unverified-receipts`.
    pub unverified_receipts: bool,
    /// Where `.env` files are looked for; empty is the working directory.
    pub folder: PathBuf,
}

/// All layers of one process.
pub(super) struct Sources {
    pub(super) environment: Environment,
    /// What the environment was called, and where.
    environment_named: Value,
    pub(super) state_dir: PathBuf,
    state_dir_named: Value,
    /// What flags say instead of variables: by variable, the flag and its text.
    said: BTreeMap<&'static str, (&'static str, String)>,
    process: BTreeMap<String, String>,
    user: User,
    files: Vec<EnvFile>,
    /// The last file is the local network's.
    pub(super) local_network: Option<PathBuf>,
}

/// The flags that stand for a variable.
fn said(flags: &Flags) -> BTreeMap<&'static str, (&'static str, String)> {
    let state = flags.state.clone().map(|text| ("--state", text));
    let receipts = flags.unverified_receipts;
    let receipts = receipts.then(|| ("--allow-unverified-receipts", "true".to_owned()));
    let said = [
        ("STERNA_STATE", state),
        ("STERNA_ALLOW_UNVERIFIED_RECEIPTS", receipts),
    ];
    let given = said.into_iter();
    given
        .filter_map(|(name, said)| Some((name, said?)))
        .collect()
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
            environment_named: Value::default_of(Environment::Local.as_str()),
            state_dir: PathBuf::new(),
            state_dir_named: Value::default_of(STATE_DIR),
            said: said(flags),
            user: User::of_process(process.get("SUDO_UID").map(String::as_str)),
            process,
            files: Vec::new(),
            local_network: None,
        };
        if let Some(path) = &flags.env_file {
            sources.open(path, Presence::Required, faults);
        }
        let named = sources.files.len();
        sources.open(&flags.folder.join(".env"), Presence::Optional, faults);
        sources.find_environment(flags, faults);
        let name = format!(".env-{}", sources.environment);
        let below = sources.files.split_off(named);
        sources.open(&flags.folder.join(name), Presence::Optional, faults);
        sources.files.extend(below);
        sources.find_state_dir(flags);
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
        let named = match presence {
            Presence::Required => Named::ByFlag,
            Presence::Optional => Named::ByPlace,
        };
        match EnvFile::read(path, named, self.user) {
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
            Err(fault) => faults.push(fault),
        }
        false
    }

    fn find_environment(&mut self, flags: &Flags, faults: &mut Faults) {
        if let Some(environment) = flags.environment {
            self.environment = environment;
            self.environment_named = Value {
                text: environment.to_string(),
                origin: Origin::Flag("--env"),
            };
        } else if let Some(value) = self.find("STORACHA_ENV") {
            match value.text.parse() {
                Ok(environment) => self.environment = environment,
                Err(problem) => faults.push(Fault {
                    name: "STORACHA_ENV".into(),
                    origin: Some(value.origin.to_string()),
                    problem,
                    remedy: "set it to local, staging or production".into(),
                }),
            }
            self.environment_named = value;
        }
    }

    fn find_state_dir(&mut self, flags: &Flags) {
        if let Some(dir) = &flags.state_dir {
            self.state_dir_named = Value {
                text: dir.display().to_string(),
                origin: Origin::Flag("--state-dir"),
            };
            self.state_dir.clone_from(dir);
            return;
        }
        if let Some(value) = self.find("STERNA_STATE_DIR") {
            self.state_dir_named = value;
        }
        self.state_dir = self.state_dir_named.text.clone().into();
    }

    /// What counts for a name, whoever says it: flags, layers, another variable in its place, or the default.
    pub(super) fn counts(&self, variable: &Variable) -> Option<Value> {
        match variable.name {
            "STORACHA_ENV" => return Some(self.environment_named.clone()),
            "STERNA_STATE_DIR" => return Some(self.state_dir_named.clone()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => {
                return self.credential(variable.name);
            }
            _ => {}
        }
        let instead = || {
            let name = variable.instead?;
            let value = self.get(name)?;
            Some(Value {
                text: value.text,
                origin: Origin::Instead(name, Box::new(value.origin)),
            })
        };
        let default = || variable.default.map(Value::default_of);
        self.get(variable.name).or_else(instead).or_else(default)
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
        if let Some((flag, text)) = self.said.get(name) {
            return Some(Value {
                text: text.clone(),
                origin: Origin::Flag(flag),
            });
        }
        if let Some(text) = self.process.get(name).filter(|text| !text.is_empty()) {
            return Some(Value {
                text: text.clone(),
                origin: Origin::Process,
            });
        }
        self.files.iter().find_map(|file| in_file(file, name))
    }

    /// A part of the AWS credentials. An endpoint of the local network's own file goes with the credentials of that file:
    /// real ones in the shell are never shown to it.
    pub(super) fn credential(&self, name: &str) -> Option<Value> {
        let endpoint = self.get("AWS_ENDPOINT_URL_DYNAMODB");
        let own = self.local("AWS_ENDPOINT_URL_DYNAMODB");
        let is_own = match (endpoint, own) {
            (Some(used), Some(own)) => used.text == own.text,
            _ => false,
        };
        if is_own {
            self.local(name)
        } else {
            self.get(name)
        }
    }

    /// The value in the local network's own file, whatever lies above it.
    fn local(&self, name: &str) -> Option<Value> {
        self.local_network.as_ref()?;
        in_file(self.files.last()?, name)
    }

    /// A name in a file that is one or two letters from one of ours is a mistake, not a foreign variable; so is a line
    /// that begins with one of ours and says nothing.
    fn refuse_misspelt(&self, faults: &mut Faults) {
        for fault in self.files.iter().flat_map(EnvFile::broken) {
            faults.push(fault);
        }
        for (path, line, name) in self.files.iter().flat_map(EnvFile::names) {
            if variables::variable(name).is_some() || FOREIGN.contains(&name) {
                continue;
            }
            let near = variables::all()
                .iter()
                .find(|variable| levenshtein(variable.name, name) <= 2);
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

impl Drop for Sources {
    /// No value stays in memory that nobody uses.
    fn drop(&mut self) {
        self.process.values_mut().for_each(Zeroize::zeroize);
    }
}

/// The value of a name in a file.
fn in_file(file: &EnvFile, name: &str) -> Option<Value> {
    let (text, line) = file.value(name)?;
    Some(Value {
        text: text.to_owned(),
        origin: Origin::File {
            path: file.path().to_path_buf(),
            line,
        },
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}
