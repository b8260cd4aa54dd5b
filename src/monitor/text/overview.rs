//! The overview as text.

use super::asked;
use super::instances::{instances, short};
use super::pieces::{capital, heading, labelled, of_counts, progress, reasons, title};
use crate::model::{ByStatus, Counts, Vocabulary};
use crate::monitor::eta::span;
use crate::monitor::paint::Paint;
use crate::monitor::table::{grouped, of};
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
    text += &view
        .plan
        .as_ref()
        .map(|made| plan(made, words))
        .unwrap_or_default();
    text += &view.totals.as_ref().map_or_else(
        || {
            let why = if view.missing_tables.is_empty() {
                "not counted yet: `sterna monitor --exact` counts"
            } else {
                "cannot be counted while a table does not exist"
            };
            labelled(&capital(words.item.many), why)
        },
        |totals| of_totals(totals, paint, words),
    );
    if view.units_without_row > 0 {
        let lost = format!(
            "{} of the plan without a row, in no total (was a table recreated?): run `sterna setup`",
            of(view.units_without_row, words.unit)
        );
        text += &(paint.bad(&lost) + "\n");
    }
    text += &labelled("Rate", &rate(view, words));
    text += &heading("Instances", paint);
    text += &instances(&view.instances, paint, words);
    text + &failed(view, paint, words)
}

fn of_totals(totals: &Totals, paint: Paint, words: &Vocabulary) -> String {
    let counts = &totals.counts;
    let more = of_counts(counts, paint);
    let mut text = progress(
        &capital(words.item.many),
        counts.settled(),
        counts.planned,
        &more,
    );
    text += &labelled("", &outcomes(counts));
    let units = &totals.units;
    let more = format!(" ended: {}", by_status(units));
    text += &progress(&capital(words.unit.many), units.ended(), units.all(), &more);
    let owners = &totals.owners;
    let all = grouped(owners.all());
    let more = format!("{all}: {}", by_status(owners));
    text += &labelled(&capital(words.owner.many), &more);
    if !totals.live {
        let age = span(totals.age_seconds);
        text += &labelled(
            "Counted",
            &format!("as of {age} ago; `sterna monitor --exact` counts now"),
        );
    }
    if !totals.adds_up {
        let lines = does_not_add_up(totals, words).into_iter();
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

fn does_not_add_up(totals: &Totals, words: &Vocabulary) -> Vec<String> {
    let counts = &totals.counts;
    let all = if counts.add_up() {
        String::new()
    } else {
        let settled = of(counts.settled(), words.item);
        format!(" {settled} settled of {}", grouped(counts.planned))
    };
    let rows = match totals.uneven {
        0 => String::new(),
        uneven => format!(" in the rows of {}:", of(uneven, words.unit)),
    };
    let lines = [format!("does not add up:{all}{rows}")];
    let named = totals.uneven_units.iter().map(|unit| format!("  {unit}"));
    lines.into_iter().chain(named).collect()
}

fn rate(view: &Overview, words: &Vocabulary) -> String {
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
    let rate = view.items_per_minute + 0.0;
    format!("{rate:.0} {} a minute, {eta}", words.item.many)
}

/// Failed items by reason: as their rows list them, or as the counters say where there are many.
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

fn plan(plan: &PlanLine, words: &Vocabulary) -> String {
    let id = short(&plan.id);
    let (at, by, shape) = (&plan.made_at, &plan.made_by, &plan.shaped_by);
    let size = format!(
        "{} in {} when it was made",
        of(plan.items, words.item),
        of(plan.units, words.unit)
    );
    labelled("Plan", &format!("{id} of {at} by {by} ({shape}): {size}"))
}
