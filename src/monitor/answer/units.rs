//! Units as lists show them.

use std::collections::BTreeMap;

use crate::monitor::view::{SplitLine, UnitLine};
use crate::state::rows::stamp;
use crate::state::{ProgressRow, StateError, Store};

/// Rows of a list of units, with the parts of those that are shared now.
pub(super) async fn lines(
    store: &Store,
    rows: &[ProgressRow],
) -> Result<Vec<UnitLine>, StateError> {
    let mut lines = Vec::new();
    for row in rows {
        let split = match row.progress.open_split() {
            Some(split) => {
                let parts = store.parts(&row.progress.unit, split.cut).await?;
                Some(of_parts(u64::from(split.number), &parts))
            }
            None => None,
        };
        lines.push(UnitLine {
            split,
            ..unit_line(row)
        });
    }
    Ok(lines)
}

fn of_parts(number: u64, rows: &[ProgressRow]) -> SplitLine {
    let mut held_by = BTreeMap::new();
    for lease in rows.iter().filter_map(|row| row.lease.as_ref()) {
        *held_by
            .entry(lease.holder.instance.to_string())
            .or_default() += 1;
    }
    let ended = rows.iter().filter(|row| row.progress.status.is_ended());
    SplitLine {
        parts: number,
        ended: ended.count() as u64,
        held_by,
    }
}

/// A unit as lists show it.
#[must_use]
pub fn unit_line(row: &ProgressRow) -> UnitLine {
    let progress = &row.progress;
    UnitLine {
        owner: progress.unit.owner.to_string(),
        unit: progress.unit.name.to_string(),
        status: row
            .foreign_status
            .clone()
            .unwrap_or_else(|| progress.status.to_string()),
        counts: progress.counts,
        reasons: progress.reasons.clone(),
        instance: row.instance.as_ref().map(ToString::to_string),
        held_by: row
            .lease
            .as_ref()
            .map(|lease| lease.holder.instance.to_string()),
        split: None,
        cursor: progress.cursor.as_ref().map(ToString::to_string),
        updated_at: row.updated_at.map(stamp),
        error: progress.error.clone(),
    }
}
