//! `.env` files: which variables one names, and where.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::{Zeroize as _, Zeroizing};

use super::dotenv::{self, Entry, Parsed};
use super::input;
use super::trust::{Named, User};
use crate::config::fault::Fault;
use crate::config::variables;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// One file, in the order of its lines.
#[derive(Debug)]
pub(in crate::config) struct EnvFile {
    path: PathBuf,
    entries: Vec<Entry>,
    /// Lines that are no entry.
    odd: Vec<(usize, String)>,
}

impl EnvFile {
    /// Reads a file, or a pipe to its end; `None` when it does not exist. One that is not to be trusted is refused.
    pub(in crate::config) fn read(
        path: &Path,
        named: Named,
        user: User,
    ) -> Result<Option<Self>, Fault> {
        let fault = |problem, remedy| Fault {
            name: path.display().to_string(),
            origin: None,
            problem,
            remedy,
        };
        if let Some((problem, remedy)) = user.distrusts_pipe(path, named) {
            return Err(fault(problem, remedy));
        }
        let (bytes, found) = match input::read_with(path, MAX_BYTES) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let remedy = "make it a readable file of NAME=value lines";
                return Err(fault(format!("cannot be read: {error}"), remedy.into()));
            }
        };
        let bytes = Zeroizing::new(bytes);
        let file = Self::parse(path, &String::from_utf8_lossy(&bytes));
        match user.distrusts(path, &found, (named, file.holds_secrets())) {
            None => Ok(Some(file)),
            Some((problem, remedy)) => Err(fault(problem, remedy)),
        }
    }

    fn holds_secrets(&self) -> bool {
        let is_secret = |name: &str| variables::variable(name).is_some_and(|known| known.secret);
        let mut entries = self.entries.iter();
        entries.any(|entry| is_secret(&entry.name) && !entry.text.is_empty())
    }

    fn parse(path: &Path, text: &str) -> Self {
        let Parsed { entries, odd } = dotenv::parse(text);
        Self {
            path: path.into(),
            entries,
            odd,
        }
    }

    /// Lines that begin with a name of ours and are no entry. All others of that kind are another program's.
    pub(in crate::config) fn broken(&self) -> impl Iterator<Item = Fault> {
        let ours = |(_, name): &&(usize, String)| variables::variable(name).is_some();
        self.odd.iter().filter(ours).map(|(line, name)| Fault {
            name: format!("{}:{line}", self.path.display()),
            origin: None,
            problem: format!("starts with {name} but is not NAME=value"),
            remedy: format!("write {name}=value, or put a # in front"),
        })
    }

    /// The file.
    pub(in crate::config) fn path(&self) -> &Path {
        &self.path
    }

    /// The last value of a name, and its line; an empty one is none.
    pub(in crate::config) fn value(&self, name: &str) -> Option<(&str, usize)> {
        let mut entries = self.entries.iter().rev();
        let entry = entries.find(|entry| entry.name == name)?;
        (!entry.text.is_empty()).then_some((entry.text.as_str(), entry.line))
    }

    /// Every name with its line.
    pub(in crate::config) fn names(&self) -> impl Iterator<Item = (&Path, usize, &str)> {
        self.entries
            .iter()
            .map(|entry| (self.path.as_path(), entry.line, entry.name.as_str()))
    }
}

impl Drop for EnvFile {
    /// No value stays in memory that nobody uses.
    fn drop(&mut self) {
        self.entries
            .iter_mut()
            .for_each(|entry| entry.text.zeroize());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> EnvFile {
        EnvFile::parse(Path::new("x.env"), text)
    }

    #[test]
    fn the_last_entry_of_a_name_wins_and_an_empty_one_counts_as_unset() {
        let file = parse("A=1\nA=2\nB=1\nB=\n");
        assert_eq!(file.value("A"), Some(("2", 2)));
        assert_eq!(file.value("B"), None);
    }

    #[test]
    fn odd_lines_of_others_are_passed_over_and_ours_are_named() {
        let file = parse("set -e\nA=1\nsource ./more\nMY_TOKEN xyz\n");
        assert_eq!(file.value("A"), Some(("1", 2)));
        assert_eq!(file.broken().count(), 0);
        let file = parse("DRY_RUN true\nA=1\nexport R2_REGION\n");
        let names: Vec<String> = file.broken().map(|fault| fault.name).collect();
        assert_eq!(names, ["x.env:1", "x.env:3"]);
    }
}
