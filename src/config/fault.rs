//! What is wrong with the settings, all at once.

use std::fmt;

use super::mask::masked;
use crate::runtime::printable;

/// One setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable, flag or file.
    pub name: String,
    /// Where its value came from; `None` when it is missing.
    pub origin: Option<String>,
    /// What is wrong; what it quotes of a setting is masked when it is kept.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Fault {
    /// Whether it is about a setting, which `config show` prints, rather than about a flag or a file.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        !self.name.starts_with("--") && !self.name.contains(['/', '.'])
    }

    /// The same, each part on one line whatever was quoted, without secrets.
    fn kept(self) -> Self {
        let is_setting = self.is_setting();
        let line = |text: String| {
            let text = if is_setting {
                masked(&text).into_owned()
            } else {
                text
            };
            printable(&text).into_owned()
        };
        Self {
            name: printable(&self.name).into_owned(),
            origin: self.origin.map(|origin| printable(&origin).into_owned()),
            problem: line(self.problem),
            remedy: line(self.remedy),
        }
    }

    /// The setting with where its value came from, or the flag with its file.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.origin {
            Some(origin) if self.name.starts_with("--") => format!("{} {origin}", self.name),
            Some(origin) => format!("{} (from {origin})", self.name),
            None => self.name.clone(),
        }
    }
}

/// All faults of one reading; never empty when given as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    list: Vec<Fault>,
    mismatch: bool,
}

impl Faults {
    /// The faults, in the order of reading.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// Whether a file is of another version or program, rather than wrong.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        self.mismatch
    }

    /// A file that is of another version or program.
    pub(super) fn push_mismatch(&mut self, fault: Fault) {
        self.mismatch = true;
        self.push(fault);
    }

    pub(super) fn push(&mut self, fault: Fault) {
        let fault = fault.kept();
        if !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }

    pub(super) fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self {
            list: vec![fault.kept()],
            mismatch: false,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.list.iter().any(Fault::is_setting) {
            "setting"
        } else {
            "input"
        };
        match self.list.len() {
            1 => write!(f, "1 {what} is missing or wrong:")?,
            n => write!(f, "{n} {what}s are missing or wrong:")?,
        }
        for fault in &self.list {
            write!(
                f,
                "\n  {}: {}\n      do: {}",
                fault.subject(),
                fault.problem,
                fault.remedy
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
