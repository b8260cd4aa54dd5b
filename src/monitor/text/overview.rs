//! The overview as text.

use super::asked;
use super::instances::{instances, short};
use super::pieces::{heading, labelled, of_counts, progress, reasons, title};
use crate::model::{ByStatus, Counts, Vocabulary};
use crate::monitor::eta::span;
use crate::monitor::paint::Paint;
use crate::monitor::table::{count, grouped};
use crate::monitor::view::{FailureRows, Overview, PlanLine, Totals};

pub(super) fn overview(view: &Overview, paint: Paint, words: &Vocabulary) -> String {
    let mut text = title("Sterna migration", &view.at, paint);
    if !view.asked.is_empty() {
        text += heading("In force", paint).trim_start();
        text += &asked::lines(&view.asked, paint);
        text += "\n";
    }
    for table in &view.missing_tables {
        let lost =
            format!("table {table} does not exist: what it holds is not shown; see `sterna init`");
        text += &(paint.bad(&lost) + "\n");
    }
    text += &view.plan.as_ref().map(plan).unwrap_or_default();
    text += &view.totals.as_ref().map_or_else(
        || {
            let why = if view.missing_tables.is_empty() {
                "not counted yet: `sterna monitor --exact` counts"
            } else {
                "cannot be counted while a table does not exist"
            };
            labelled("Uploads", why)
        },
        |totals| of_totals(totals, paint),
    );
    if view.spaces_without_row > 0 {
        let lost = format!(
            "{} of the plan without a row, in no total (was a table recreated?): run `sterna setup`",
            count(view.spaces_without_row, "space")
        );
        text += &(paint.bad(&lost) + "\n");
    }
    text += &labelled("Rate", &rate(view));
    text += &heading("Instances", paint);
    text += &instances(&view.instances, paint);
    text + &failed(view, paint, words)
}

fn of_totals(totals: &Totals, paint: Paint) -> String {
    let counts = &totals.counts;
    let more = of_counts(counts, paint);
    let mut text = progress("Uploads", counts.settled(), counts.planned, &more);
    text += &labelled("", &outcomes(counts));
    let spaces = &totals.spaces;
    let more = format!(" ended: {}", by_status(spaces));
    text += &progress("Spaces", spaces.ended(), spaces.all(), &more);
    let customers = &totals.customers;
    let all = grouped(customers.all());
    text += &labelled("Customers", &format!("{all}: {}", by_status(customers)));
    if !totals.live {
        let age = span(totals.age_seconds);
        text += &labelled(
            "Counted",
            &format!("as of {age} ago; `sterna monitor --exact` counts now"),
        );
    }
    if !totals.adds_up {
        let lines = does_not_add_up(totals).into_iter();
        text.extend(lines.map(|line| paint.bad(&line) + "\n"));
    }
    text
}

/// The sum that must make up the whole, term by term.
fn outcomes(counts: &Counts) -> String {
    let found = counts.found.min(counts.done);
    let terms = [
        (counts.done - found, "migrated"),
        (found, "already complete"),
        (counts.skipped, "gone from the source"),
        (counts.failed, "failed"),
        (counts.quarantined, "quarantined"),
        (counts.unknown, "unknown"),
        (counts.left(), "left"),
    ];
    listed(&terms)
}

fn by_status(units: &ByStatus) -> String {
    let terms = [
        (units.completed, "completed"),
        (units.failed, "failed"),
        (units.in_progress, "in progress"),
        (units.pending, "pending"),
        (units.foreign, "with an unknown status"),
    ];
    listed(&terms)
}

/// Numbers with their words, without zeros.
fn listed(terms: &[(u64, &str)]) -> String {
    let terms: Vec<String> = terms
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", grouped(*number)))
        .collect();
    if terms.is_empty() {
        "none yet".to_owned()
    } else {
        terms.join(", ")
    }
}

fn does_not_add_up(totals: &Totals) -> Vec<String> {
    let counts = &totals.counts;
    let all = if counts.add_up() {
        String::new()
    } else {
        let settled = count(counts.settled(), "upload");
        format!(" {settled} settled of {}", grouped(counts.planned))
    };
    let rows = match totals.uneven {
        0 => String::new(),
        uneven => format!(" in the rows of {}:", count(uneven, "space")),
    };
    let lines = [format!("does not add up:{all}{rows}")];
    let named = totals
        .uneven_spaces
        .iter()
        .map(|space| format!("  {space}"));
    lines.into_iter().chain(named).collect()
}

fn rate(view: &Overview) -> String {
    let left = view.totals.as_ref().map(|totals| totals.counts.left());
    let held = &view.held_back;
    let held = match held.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        [one, more @ ..] => Some(format!("{one}; and {} more", more.len())),
    };
    let eta = match (left, view.eta, held) {
        (Some(0), ..) => "nothing left".to_owned(),
        (_, Some(eta), None) => format!("{eta} left"),
        (_, Some(eta), Some(held)) => format!("{eta} left at the current rate ({held})"),
        (_, None, Some(held)) => format!("no estimate: {held}"),
        (_, None, None) => "no estimate while nothing moves".to_owned(),
    };
    // A sum of nothing is -0.0, which would be written as it is.
    format!("{:.0} uploads a minute, {eta}", view.items_per_minute + 0.0)
}

/// Failed uploads by reason: as their rows list them, or as the counters say where there are many.
fn failed(view: &Overview, paint: Paint, words: &Vocabulary) -> String {
    let counted = view.totals.as_ref().map(|totals| &totals.reasons);
    let rows = view.failure_rows.as_ref();
    let shown = match rows {
        Some(rows) if rows.whole => Some(&rows.reasons),
        _ => counted,
    };
    let note = rows.and_then(|FailureRows { note, .. }| note.as_deref());
    let Some(shown) = shown.filter(|shown| !shown.is_empty() || note.is_some()) else {
        return String::new();
    };
    let mut text = heading("Failed, quarantined or unknown", paint) + &reasons(shown, paint, words);
    if let Some(note) = note {
        text += &(paint.warn(note) + "\n");
    }
    text
}

fn plan(plan: &PlanLine) -> String {
    let id = short(&plan.id);
    let (at, by, shape) = (&plan.made_at, &plan.made_by, &plan.shaped_by);
    let size = format!(
        "{} in {} when it was made",
        count(plan.uploads, "upload"),
        count(plan.spaces, "space")
    );
    labelled("Plan", &format!("{id} of {at} by {by} ({shape}): {size}"))
}
