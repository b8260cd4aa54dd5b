//! Results on standard output: a table for people, JSON for scripts.

use std::io::{self, IsTerminal as _, Write};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

/// The form of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// Text for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON record per line: an instance, a space, a failed upload, a run.
    Ndjson,
}

/// The name and version of a JSON result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema(pub(super) &'static str, pub(super) u32);

impl Output {
    /// Prints one result: the text of `table`, or `value` as JSON with its schema's name and version.
    pub(super) fn result(
        self,
        schema: Schema,
        value: &impl Serialize,
        table: impl FnOnce() -> String,
    ) -> Result<()> {
        let value = || -> Result<Value> {
            let value = serde_json::to_value(value).context("write the result as JSON")?;
            Ok(schema.named(value))
        };
        match self {
            Self::Table => text(&table()),
            Self::Json => text(&format!("{:#}", value()?)),
            Self::Ndjson => text(&value()?.to_string()),
        }
    }
}

impl Schema {
    /// A result with the name and version of its schema.
    fn named(self, mut value: Value) -> Value {
        if let Value::Object(fields) = &mut value {
            fields.insert("schema".into(), json!(self.0));
            fields.insert("version".into(), json!(self.1));
        }
        value
    }

    /// Prints records, a line each.
    pub(super) fn records(self, records: Vec<Value>) -> Result<()> {
        let lines = records
            .into_iter()
            .map(|record| format!("{}\n", self.named(record)));
        bytes(lines.collect::<String>().as_bytes())
    }
}

/// Writes a text and a line end to standard output. A reader that went away is no error.
pub(super) fn text(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(out, "{text}{newline}").and_then(|()| out.flush());
    allow_closed(written)
}

/// Writes bytes to standard output.
pub(super) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    allow_closed(out.write_all(bytes).and_then(|()| out.flush()))
}

fn allow_closed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("write to standard output"),
    }
}

/// Writes talk to standard error; nothing is lost when nobody listens. On a terminal it takes the place of a line of
/// progress that may stand there.
pub(super) fn talk(text: &str) {
    let mut out = io::stderr().lock();
    let clear = if out.is_terminal() { "\r\x1b[2K" } else { "" };
    let _ = writeln!(out, "{clear}{text}");
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
        Value::String(text) => Some(text.clone()),
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
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let mut lines = vec![line(&head, &widths)];
    lines.extend(rows.iter().map(|row| line(row, &widths)));
    lines.join("\n")
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let pad = " ".repeat(width - cell.chars().count());
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
