//! Whose word a file is: who owns it, and who else may read it or write to it.
//!
//! A file that is looked for by its name alone, as `.env`, may be a stranger's who knew where an operator would work: it
//! counts only if this user or root owns it. One that a flag names is trusted as far as it holds no secret.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The right of all to write.
const ALL_WRITE: u32 = 0o002;
/// The right of all to read.
const ALL_READ: u32 = 0o004;

/// How a file came to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Named {
    /// Somebody named it.
    ByFlag,
    /// It has the name that is looked for.
    ByPlace,
}

/// The user that runs this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct User {
    /// Who it is.
    pub(in crate::config) id: u32,
    /// Who is behind `sudo`.
    pub(in crate::config) behind: Option<u32>,
}

impl User {
    /// The user of this process, and the one behind `sudo` as its environment names it.
    pub(in crate::config) fn of_process(behind: Option<&str>) -> Self {
        Self {
            id: rustix::process::geteuid().as_raw(),
            behind: behind.and_then(|id| id.parse().ok()),
        }
    }

    /// Whether a file of this owner is this user's own word. In containers root reads what others mounted: it is taken
    /// where a flag names it.
    fn trusts(self, owner: u32, named: Named) -> bool {
        const ROOT: u32 = 0;
        let as_root = named == Named::ByFlag || self.behind == Some(owner);
        owner == self.id || owner == ROOT || (self.id == ROOT && as_root)
    }

    /// What is wrong with a pipe or a device that only its name makes a file of settings, before it is opened: a
    /// stranger's may never end.
    pub(in crate::config) fn distrusts_pipe(
        self,
        path: &Path,
        named: Named,
    ) -> Option<(String, String)> {
        let found = fs::metadata(path).ok().filter(|found| !found.is_file())?;
        if named == Named::ByFlag || self.trusts(found.uid(), named) {
            return None;
        }
        Some((
            format!("is not a regular file, and belongs to user {}", found.uid()),
            format!(
                "check what it is (`ls -l {}`), then remove it or work in another folder",
                path.display()
            ),
        ))
    }

    /// What is wrong with a file, and what to do; pipes and terminals are whoever's opened them.
    pub(in crate::config) fn distrusts(
        self,
        path: &Path,
        found: &Metadata,
        (named, holds_secrets): (Named, bool),
    ) -> Option<(String, String)> {
        if !found.is_file() {
            return None;
        }
        let shown = path.display();
        let careful = holds_secrets || named == Named::ByPlace;
        // A link of a stranger to a file of ours chooses what is read as much as a file does.
        let link = fs::symlink_metadata(path).map_or(found.uid(), |link| link.uid());
        let stranger = [found.uid(), link]
            .into_iter()
            .find(|owner| !self.trusts(*owner, named));
        if let (true, Some(owner)) = (careful, stranger) {
            let remedy = match named {
                Named::ByPlace => format!(
                    "check its content; if it is yours, run `chown {} {shown}` or name it with --env-file, else work \
                     in another folder",
                    self.id
                ),
                Named::ByFlag => format!(
                    "check its content; if it is yours, run `chown {} {shown}`",
                    self.id
                ),
            };
            return Some((format!("belongs to another user (id {owner})"), remedy));
        }
        if holds_secrets && found.mode() & ALL_READ != 0 {
            let remedy = format!("run `chmod 600 {shown}`; if others had access, make new keys");
            let problem = "holds secrets and can be read by everybody".to_owned();
            return Some((problem, remedy));
        }
        if found.mode() & ALL_WRITE != 0 {
            let remedy = format!("check its content, then run `chmod 600 {shown}`");
            return Some(("can be written by everybody".to_owned(), remedy));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_trusted_by_nobody_and_root_trusts_who_called_it() {
        let (ann, bob, root) = (1_000, 1_001, 0);
        let user = |id, behind| User { id, behind };
        let place = |user: User, owner| user.trusts(owner, Named::ByPlace);
        for owner in [ann, root] {
            assert!(place(user(ann, None), owner));
        }
        assert!(!place(user(ann, None), bob));
        assert!(
            !place(user(ann, Some(bob)), bob),
            "only root is called by sudo"
        );
        assert!(!place(user(root, None), ann));
        assert!(place(user(root, Some(ann)), ann));
        assert!(!place(user(root, Some(ann)), bob));
        assert!(user(root, None).trusts(ann, Named::ByFlag));
        assert!(!user(ann, None).trusts(bob, Named::ByFlag));
    }

    #[test]
    fn a_pipe_of_a_stranger_is_refused_before_it_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join(".env");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let owner = fs::metadata(&pipe).unwrap().uid();
        let user = |id| User { id, behind: None };
        let stranger = user(owner + 1);
        // What root makes is everybody's word.
        let refused = stranger.distrusts_pipe(&pipe, Named::ByPlace);
        assert_eq!(refused.is_some(), owner != 0);
        assert!(user(owner).distrusts_pipe(&pipe, Named::ByPlace).is_none());
        assert!(stranger.distrusts_pipe(&pipe, Named::ByFlag).is_none());
    }
}
