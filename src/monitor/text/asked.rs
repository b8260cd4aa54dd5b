//! What the operator asks as text for people.

use crate::monitor::paint::Paint;
use crate::monitor::table::{Cell, table};
use crate::monitor::view::AskedLine;

/// Commands as text, a line each, each line ended.
pub(super) fn lines(asked: &[AskedLine], paint: Paint) -> String {
    if asked.is_empty() {
        return "none\n".to_owned();
    }
    let row = |line: &AskedLine| {
        vec![
            Cell::left(&line.at),
            Cell::left(&line.scope),
            Cell::left(&line.what).painted(Paint::warn),
            Cell::left(&line.by),
            Cell::left(&line.why),
        ]
    };
    let rows: Vec<_> = asked.iter().map(row).collect();
    table(paint, &["at", "scope", "what", "by", "why"], &rows)
}
