//! The folder of a demonstration: emptied at its start, left as it is at its end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::app::local::not_started;
use crate::app::{CommandError, Kind};
use crate::runtime::private;
use crate::sandbox;

/// The folder inside the state folder, so that other state is not touched.
const NAME: &str = "demo";
/// The local network's folder inside it; a client finds it there.
const LOCAL: &str = "local";

/// The folder, in the hands of this process once the local network runs in it.
pub(super) struct Folder {
    /// Where it is, absolute: the state folder of all processes of the demonstration.
    pub(super) root: PathBuf,
}

impl Folder {
    /// Finds or makes the folder and empties the local network in it. Refuses while another
    /// process has it, and when it holds what no demonstration made.
    pub(super) fn claim(state_dir: &Path) -> Result<Self> {
        let root = state_dir.join(NAME);
        private::folder(&root).with_context(|| format!("make {}", root.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("find {}", root.display()))?;
        let local = root.join(LOCAL);
        if !local.is_dir() && fs::read_dir(&root)?.next().is_some() {
            return Err(CommandError::new(
                Kind::Usage,
                format!("empty {}", root.display()),
                "it holds files that do not belong to a demonstration",
                "move them away, or name another folder with --state-dir",
            )
            .into());
        }
        sandbox::clear(&local).map_err(|error| not_started(&error))?;
        Ok(Self { root })
    }

    /// The local network's folder.
    pub(super) fn local(&self) -> PathBuf {
        self.root.join(LOCAL)
    }

    /// What children say.
    pub(super) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Removes what an earlier demonstration left beside the local network. The lock of the
    /// network must be held.
    pub(super) fn sweep(&self) -> Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path == self.local() {
                continue;
            }
            let gone = if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            gone.with_context(|| format!("remove {}", path.display()))?;
        }
        private::folder(&self.logs()).context("make the folder of logs")
    }
}
