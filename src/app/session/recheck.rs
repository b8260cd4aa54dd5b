//! When a recheck began: kept until it has come to its end, so that one that was stopped is gone on with.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::model::{InstanceId, UnixMillis};
use crate::proto::multihash::Multihash;
use crate::runtime::private;
use crate::state::Config;
use crate::state::files::write_atomic;

/// Letters of a scope's digest in the name of the file.
const LETTERS: usize = 12;

/// A recheck that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::app) struct Begun {
    /// When.
    pub(in crate::app) since: UnixMillis,
    /// What it is about.
    scope: String,
    /// Environment and tables.
    state: String,
    /// It was begun by an earlier process.
    #[serde(skip)]
    pub(in crate::app) resumed: bool,
    #[serde(skip)]
    path: PathBuf,
}

impl Begun {
    /// The recheck of this scope that did not come to its end, else one that begins now.
    pub(in crate::app) fn open(
        config: &Config,
        instance: &InstanceId,
        (scope, state): (&str, &str),
        now: UnixMillis,
    ) -> Result<Self> {
        let digest = Multihash::sha256(format!("{scope}\n{state}").as_bytes()).base58();
        let letters = &digest[digest.len() - LETTERS..];
        let path = config.file(instance, &format!("-recheck-{letters}.json"));
        let written = match private::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Self>(&bytes).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| format!("read {}", path.display()));
            }
        };
        if let Some(begun) = written.filter(|begun| begun.scope == scope && begun.state == state) {
            return Ok(Self {
                path,
                resumed: true,
                ..begun
            });
        }
        let begun = Self {
            since: now,
            scope: scope.to_owned(),
            state: state.to_owned(),
            resumed: false,
            path,
        };
        let dir = &config.dir;
        private::folder(dir).with_context(|| format!("make {}", dir.display()))?;
        let bytes = serde_json::to_vec(&begun)?;
        write_atomic(&begun.path, &bytes)
            .with_context(|| format!("write {}", begun.path.display()))?;
        Ok(begun)
    }

    /// It has come to its end: the next one starts over.
    pub(in crate::app) fn end(self) -> Result<()> {
        let path = &self.path;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.with_context(|| format!("remove {}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::uploads::namespace;

    #[test]
    fn a_recheck_goes_on_until_it_has_come_to_its_end_and_each_scope_has_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(namespace("test-migration-"), dir.path());
        let instance = InstanceId::number(1);
        let open = |scope, now| {
            Begun::open(&config, &instance, (scope, "local"), UnixMillis(now)).unwrap()
        };
        let first = open("everything", 5);
        assert_eq!((first.since.0, first.resumed), (5, false));
        let other = open("space a", 6);
        assert_eq!((other.since.0, other.resumed), (6, false));
        let again = open("everything", 9);
        assert_eq!((again.since.0, again.resumed), (5, true));
        again.end().unwrap();
        assert_eq!(open("everything", 9).since.0, 9);
        // A file that cannot be read is as good as none: everything is looked at again.
        let path = open("space a", 10).path;
        std::fs::write(path, b"{").unwrap();
        assert_eq!(open("space a", 11).since.0, 11);
    }
}
