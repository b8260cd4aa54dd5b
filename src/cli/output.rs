//! Results on standard output: a table for people, JSON for scripts.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde_json::Value;

use super::terminal;
use crate::monitor::{
    Answer, FACES, Face, Form, Paint, printable, printable_json, printable_lines, width,
    with_schema,
};

/// How often it is asked whether somebody still reads.
const POLL_EVERY: Duration = Duration::from_millis(200);

/// The form of results: a face of the monitor, and what is like it for reports of other commands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output(Face);

/// The name and version of a JSON result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema(pub(super) &'static str, pub(super) u32);

impl Output {
    /// What nobody has to ask for.
    pub(super) const DEFAULT: Self = Self(FACES[0]);

    /// The form of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        FACES
            .iter()
            .find(|face| face.name == name)
            .copied()
            .map(Self)
    }

    /// What it is made for.
    pub(super) fn form(self) -> Form {
        self.0.form
    }

    /// Prints an answer of the monitor.
    pub(super) fn answer(self, answer: &Answer, paint: Paint) -> Result<()> {
        let text = (self.0.render)(answer, paint).context("write the result as JSON")?;
        match &*text {
            "" => Ok(()),
            text => write_text(text),
        }
    }

    /// Prints one report: the text of `table`, or `value` as JSON with its schema's name and version.
    pub(super) fn result(
        self,
        schema: Schema,
        value: &impl Serialize,
        table: impl FnOnce() -> String,
    ) -> Result<()> {
        self.painted(schema, value, |_| table(), Paint::Plain)
    }

    /// The same with a text that has colours.
    pub(super) fn painted(
        self,
        schema: Schema,
        value: &impl Serialize,
        table: impl FnOnce(Paint) -> String,
        paint: Paint,
    ) -> Result<()> {
        let value = || -> Result<Value> {
            let value = serde_json::to_value(value).context("write the result as JSON")?;
            Ok(with_schema(value, schema.0, schema.1))
        };
        match self.form() {
            Form::Text => write_text(&printable_lines(&table(paint), paint)),
            Form::Document => json(&value()?, true),
            Form::Lines => json(&value()?, false),
        }
    }
}

/// Writes a JSON value and a line end to standard output, indented or on one line.
pub(super) fn json(value: &Value, indented: bool) -> Result<()> {
    let text = if indented {
        format!("{value:#}")
    } else {
        value.to_string()
    };
    write_text(&printable_json(&text))
}

/// Writes a text without colours and a line end to standard output.
pub(super) fn text(text: &str) -> Result<()> {
    write_text(&printable_lines(text, Paint::Plain))
}

/// Writes a text in which a terminal obeys nothing of others. A reader that went away is no error.
fn write_text(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(out, "{text}{newline}").and_then(|()| out.flush());
    allow_closed(written)
}

/// Ready once nobody reads standard output any more: the other end of the pipe is closed, or the terminal is gone.
pub(super) async fn reader_is_gone() {
    let mut looks = tokio::time::interval(POLL_EVERY);
    while has_reader() {
        looks.tick().await;
    }
}

fn has_reader() -> bool {
    let out = io::stdout();
    // Nothing is asked for: what broke is told all the same.
    let mut asked = [PollFd::new(&out, PollFlags::empty())];
    let told = poll(&mut asked, Some(&Timespec::default()));
    told.is_err() || asked[0].revents().is_empty()
}

/// Writes bytes to standard output as they are: those of a file, or codes for the terminal that are made here.
pub(super) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    allow_closed(out.write_all(bytes).and_then(|()| out.flush()))
}

fn allow_closed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe || hung_up(&error) => Ok(()),
        other => other.context("write to standard output"),
    }
}

/// Whether the terminal that standard output was went away.
fn hung_up(error: &io::Error) -> bool {
    let eio = rustix::io::Errno::IO.raw_os_error();
    let out = || {
        File::from(io::stdout().as_fd().try_clone_to_owned().ok()?)
            .metadata()
            .ok()
    };
    error.raw_os_error() == Some(eio) && out().is_some_and(|out| out.file_type().is_char_device())
}

/// Writes a line of talk to standard error; nothing is lost when nobody listens.
pub(super) fn talk(line: &str) {
    terminal::lines(&printable(line), Paint::Plain);
}

/// Writes lines of talk to standard error; what others wrote in them went through [`joined`].
pub(super) fn talk_lines(lines: &str) {
    terminal::lines(lines, Paint::Plain);
}

/// Lines as one text. Each is one line, whatever others wrote in it.
pub(super) fn joined(lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let lines = lines.into_iter();
    let lines = lines.map(|line| printable(line.as_ref()).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// Any JSON value as indented text: a name per line, a dash per element.
pub(super) fn outline(value: &Value) -> String {
    let mut lines = Vec::new();
    outline_into(value, 0, &mut lines);
    lines.join("\n")
}

fn outline_into(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let plain = |value: &Value| match value {
        Value::String(text) => Some(printable(text).into_owned()),
        Value::Null => Some("-".into()),
        Value::Array(list) if list.is_empty() => Some("none".into()),
        Value::Object(fields) if fields.is_empty() => Some("none".into()),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    };
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(text) = plain(field) {
                    lines.push(format!("{indent}{name}: {text}"));
                } else {
                    lines.push(format!("{indent}{name}:"));
                    outline_into(field, depth + 1, lines);
                }
            }
        }
        Value::Array(list) => {
            for element in list {
                if let Some(text) = plain(element) {
                    lines.push(format!("{indent}- {text}"));
                } else {
                    lines.push(format!("{indent}-"));
                    outline_into(element, depth + 1, lines);
                }
            }
        }
        other => lines.push(format!("{indent}{}", plain(other).unwrap_or_default())),
    }
}

/// Rows under a head, columns as wide as they must be; numbers to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let safe = |row: &Vec<String>| {
        row.iter()
            .map(|cell| printable(cell).into_owned())
            .collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(safe).collect();
    let mut widths: Vec<usize> = head.iter().map(|cell| width(cell)).collect();
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let mut lines = vec![line(&head, &widths)];
    lines.extend(rows.iter().map(|row| line(row, &widths)));
    lines.join("\n")
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, widest) in cells.iter().zip(widths) {
        let pad = " ".repeat(widest - width(cell));
        let numeric = cell.starts_with(|c: char| c.is_ascii_digit())
            && cell
                .chars()
                .all(|c| c.is_ascii_digit() || ".,%".contains(c));
        if numeric {
            text.push_str(&pad);
        }
        text.push_str(cell);
        if !numeric {
            text.push_str(&pad);
        }
        text.push_str("  ");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".into(), "1".into()],
            vec!["bbb".into(), "10".into()],
        ];
        assert_eq!(table(&["name", "n"], &rows), "name  n\na      1\nbbb   10");
    }
}
