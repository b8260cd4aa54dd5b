//! `.env` files: `NAME=value` lines, `export`, quotes, comments.

use std::io;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Faults};
use super::sources::{Origin, Value};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// One file, in the order of its lines.
#[derive(Debug)]
pub(super) struct EnvFile {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    name: String,
    text: String,
}

impl EnvFile {
    /// Reads a file; `None` when it does not exist.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Faults> {
        let unreadable = |problem: String| Fault {
            name: path.display().to_string(),
            origin: None,
            problem,
            remedy: "make it a readable file of NAME=value lines".into(),
        };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(format!("cannot be read: {error}")).into()),
            Ok(found) if !found.is_file() => return Err(unreadable("is no file".into()).into()),
            Ok(found) if found.len() > MAX_BYTES => {
                return Err(unreadable("is larger than 1 MiB".into()).into());
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        Self::parse(path, &text).map(Some)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some((name, text))) => entries.push(Entry {
                    line: index + 1,
                    name,
                    text,
                }),
                Err(problem) => faults.push(Fault {
                    name: format!("{}:{}", path.display(), index + 1),
                    origin: None,
                    problem: problem.into(),
                    remedy: "write NAME=value, or put a # in front".into(),
                }),
            }
        }
        faults.or(Some(Self {
            path: path.into(),
            entries,
        }))
    }

    /// The last non-empty value of a name.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let mut entries = self.entries.iter().rev();
        let entry = entries.find(|entry| entry.name == name)?;
        (!entry.text.is_empty()).then(|| Value {
            text: entry.text.clone(),
            origin: Origin::File {
                path: self.path.clone(),
                line: entry.line,
            },
        })
    }

    /// Every name with its line.
    pub(super) fn names(&self) -> impl Iterator<Item = (&Path, usize, &str)> {
        self.entries
            .iter()
            .map(|entry| (self.path.as_path(), entry.line, entry.name.as_str()))
    }
}

fn parse_line(line: &str) -> Result<Option<(String, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("no = in the line")?;
    let name = name.trim();
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty() || !name.chars().all(fits) {
        return Err("the name before = is not made of letters, digits and _");
    }
    Ok(Some((name.into(), parse_value(value.trim())?)))
}

fn parse_value(value: &str) -> Result<String, &'static str> {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            let (inner, rest) = inner.split_once(quote).ok_or("a quote is not closed")?;
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err("something follows the closing quote");
            }
            return Ok(if quote == '"' {
                inner.replace("\\n", "\n")
            } else {
                inner.into()
            });
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    Ok(value[..end].trim_end().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EnvFile, Faults> {
        EnvFile::parse(Path::new("x.env"), text)
    }

    #[test]
    fn lines_are_read_with_quotes_exports_and_comments() {
        let file =
            parse("# head\nA=1\nexport B = two \nC=\"x # y\" # z\nD='q'\nE=a=b # c\nF=\nG=x#y\n")
                .unwrap();
        let value = |name| file.value(name).map(|value| value.text);
        assert_eq!(value("A").as_deref(), Some("1"));
        assert_eq!(value("B").as_deref(), Some("two"));
        assert_eq!(value("C").as_deref(), Some("x # y"));
        assert_eq!(value("D").as_deref(), Some("q"));
        assert_eq!(value("E").as_deref(), Some("a=b"));
        assert_eq!(value("F"), None, "empty counts as unset");
        assert_eq!(value("G").as_deref(), Some("x#y"));
    }

    #[test]
    fn every_bad_line_is_named() {
        let faults = parse("A\nB=\"x\n=3\nC=4\n").unwrap_err();
        let names: Vec<&str> = faults.list().iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["x.env:1", "x.env:2", "x.env:3"]);
    }

    #[test]
    fn the_last_line_of_a_name_wins() {
        let value = parse("A=1\nA=2\n").unwrap().value("A").unwrap();
        assert_eq!(value.text, "2");
        assert_eq!(value.origin.to_string(), "x.env:2");
    }
}
