//! Columns that line up, with and without colour.

use super::paint::{Paint, width};
use crate::model::Noun;
use crate::runtime::printable;

/// A cell: its text, and how it is coloured.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    paint: fn(Paint, &str) -> String,
    right: bool,
}

fn plain(_: Paint, text: &str) -> String {
    text.to_owned()
}

impl Cell {
    /// Text, to the left. Whoever wrote it, a terminal obeys nothing in it.
    pub(super) fn left(text: impl AsRef<str>) -> Self {
        Self {
            text: printable(text.as_ref()).into_owned(),
            paint: plain,
            right: false,
        }
    }

    /// A number, to the right.
    pub(super) fn right(text: impl AsRef<str>) -> Self {
        Self {
            text: printable(text.as_ref()).into_owned(),
            paint: plain,
            right: true,
        }
    }

    /// The same, coloured.
    pub(super) fn painted(mut self, paint: fn(Paint, &str) -> String) -> Self {
        self.paint = paint;
        self
    }

    fn width(&self) -> usize {
        width(&self.text)
    }
}

/// Rows under their heads, each line ended.
pub(super) fn table(paint: Paint, heads: &[&str], rows: &[Vec<Cell>]) -> String {
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            column(at)
                .map(Cell::width)
                .max()
                .unwrap_or(0)
                .max(width(head))
        })
        .collect();
    let head: Vec<Cell> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let right = column(at).next().is_some_and(|cell| cell.right);
            Cell {
                text: head.to_uppercase(),
                paint: Paint::faint,
                right,
            }
        })
        .collect();
    std::iter::once(&head)
        .chain(rows)
        .map(|row| line(paint, row, &widths))
        .collect()
}

fn line(paint: Paint, row: &[Cell], widths: &[usize]) -> String {
    let mut text = String::new();
    for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
        let pad = " ".repeat(width - cell.width());
        let painted = (cell.paint)(paint, &cell.text);
        let last = at + 1 == row.len();
        let parts = match (cell.right, last) {
            (true, true) => [&pad, &painted, ""],
            (true, false) => [&pad, &painted, "  "],
            (false, true) => [&painted, "", ""],
            (false, false) => [&painted, &pad, "  "],
        };
        text.extend(parts);
    }
    format!("{}\n", text.trim_end())
}

/// A bar of `width` letters for `part` of `whole`.
pub(super) fn bar(part: u64, whole: u64, width: usize) -> String {
    let filled = match whole {
        0 => 0,
        _ => usize::try_from(u128::from(part.min(whole)) * width as u128 / u128::from(whole))
            .unwrap_or(width),
    };
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

/// `61.2 %`, never 100 % before the end.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let tenths = if whole == 0 {
        0
    } else {
        u128::from(part.min(whole)) * 1_000 / u128::from(whole)
    };
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A number of what went wrong.
pub(super) fn bad(number: u64) -> Cell {
    let cell = Cell::right(grouped(number));
    if number > 0 {
        cell.painted(Paint::bad)
    } else {
        cell
    }
}

/// The text, or a dash in its place.
pub(super) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// `12,345,678`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 blob`, `2,000 blobs`.
#[must_use]
pub fn of(number: u64, noun: Noun) -> String {
    format!("{} {}", grouped(number), noun.of(number))
}

/// The same of a noun that takes an s.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {noun}{end}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_colour() {
        let rows = [
            vec![Cell::left("a").painted(Paint::bad), Cell::right("7")],
            vec![Cell::left("long"), Cell::right("1,234")],
        ];
        assert_eq!(
            table(Paint::Plain, &["name", "n"], &rows),
            "NAME      N\na         7\nlong  1,234\n"
        );
        let painted = table(Paint::Ansi, &["name", "n"], &rows);
        assert!(painted.contains("\x1b[31ma\x1b[0m     "), "{painted:?}");
    }

    #[test]
    fn a_cell_holds_no_line_end_and_no_command_for_the_terminal() {
        let rows = [
            vec![Cell::left("x\x1b[31m\ny"), Cell::left("1")],
            vec![Cell::left("漢字"), Cell::left("2")],
        ];
        assert_eq!(
            table(Paint::Ansi, &["a", "b"], &rows)
                .replace("\x1b[2m", "")
                .replace("\x1b[0m", ""),
            "A               B\nx\\u{1b}[31m\\ny  1\n漢字            2\n"
        );
    }

    #[test]
    fn parts_are_shown_truly() {
        assert_eq!(percent(999_999, 1_000_000), "99.9 %");
        assert_eq!(percent(0, 0), "0.0 %");
        assert_eq!(bar(1, 2, 4), "██░░");
        assert_eq!(bar(5, 2, 2), "██");
        assert_eq!(
            (grouped(0), grouped(1_234_567)),
            ("0".to_owned(), "1,234,567".to_owned())
        );
    }
}
