//! Views as text for people.

mod asked;
mod instances;
mod overview;
mod pieces;

use self::instances::instances;
use self::pieces::{capital, heading, labelled, of_counts, progress, reasons, title};
use super::eta::span;
use super::paint::Paint;
use super::table::{Cell, bad, grouped, of, table};
use super::view::{FailureView, InstanceView, OwnerView, StuckLine, UnitLine, Verdict, View};
use crate::model::Vocabulary;
use crate::runtime::printable;

impl View {
    /// The view as text, each line ended.
    #[must_use]
    pub fn text(&self, paint: Paint, words: &Vocabulary) -> String {
        match self {
            Self::Overview(view) => overview::overview(view, paint, words),
            Self::Owner(view) => owner(view, paint, words),
            Self::Unit {
                at,
                units: lines,
                failures: failed,
                ..
            } => {
                let heads = [
                    title(&capital(words.unit.one), at, paint),
                    units(lines, paint, words),
                    failures(failed, paint, words),
                ];
                heads.concat()
            }
            Self::Instance(view) => instance(view, paint, words),
            Self::Failed {
                at,
                reasons: counted,
                failures: failed,
                ..
            } => [
                title(&format!("Failed {}", words.item.many), at, paint),
                reasons(counted, paint, words),
                failures(failed, paint, words),
            ]
            .concat(),
            Self::Control {
                at,
                asked,
                instances: lines,
            } => [
                title("In force", at, paint),
                asked::lines(asked, paint),
                heading("Instances", paint),
                instances(lines, paint, words),
            ]
            .concat(),
            Self::ControlLog { at, wishes } => [
                title("Operator requests", at, paint),
                asked::lines(wishes, paint),
            ]
            .concat(),
            Self::Stuck {
                at,
                idle_seconds,
                units,
                ..
            } => {
                let head = format!(
                    "Stuck {} (no progress for {}, or held by a dead instance)",
                    words.unit.many,
                    span(*idle_seconds)
                );
                [title(&head, at, paint), stuck(units, paint, words)].concat()
            }
        }
    }
}

fn owner(view: &OwnerView, paint: Paint, words: &Vocabulary) -> String {
    let mut text = title(&view.owner, &view.at, paint);
    text += &labelled(
        "Status",
        view.status
            .as_deref()
            .unwrap_or("no row: `sterna setup` has not seen it"),
    );
    text += &labelled("Instance", view.instance.as_deref().unwrap_or("-"));
    text += &progress(
        &capital(words.item.many),
        view.counts.settled(),
        view.counts.planned,
        &of_counts(&view.counts, paint),
    );
    if view.failures > 0 {
        let more = format!(
            "{} (`sterna monitor --failed --{} {}`)",
            view.failures, words.owner.one, view.owner
        );
        text += &labelled("Failures", &more);
    }
    text += &heading(&capital(words.unit.many), paint);
    text + &units(&view.units, paint, words)
}

fn instance(view: &InstanceView, paint: Paint, words: &Vocabulary) -> String {
    let mut text = title(&format!("Instance {}", view.number), &view.at, paint);
    let items = capital(words.item.many);
    match &view.share {
        Some(share) => {
            let (counts, more) = (&share.counts, of_counts(&share.counts, paint));
            text += &progress(&items, counts.settled(), counts.planned, &more);
            text += &progress(
                &capital(words.unit.many),
                share.units_ended,
                share.units,
                " ended",
            );
        }
        None => text += &labelled(&items, "the plan assigns none to it"),
    }
    let Some(line) = &view.instance else {
        return text + "it never ran\n";
    };
    if let Some(run) = &line.run {
        let (settled, planned) = (line.counts.settled(), line.counts.planned);
        let scope = format!(
            "{} of {} {} settled",
            grouped(settled),
            grouped(planned),
            words.item.many
        );
        text += &labelled("Last run", &format!("{run}: {scope} in its scope"));
    }
    text += "\n";
    let lines: Vec<_> = view.same_number.iter().chain([line]).cloned().collect();
    text += &instances(&lines, paint, words);
    text += &heading(&format!("Leased {}", words.unit.many), paint);
    text += &units(&view.units, paint, words);
    if !view.failures.is_empty() {
        text += &heading("Failed, quarantined or unknown", paint);
        text += &reasons(&view.failures, paint, words);
    }
    text
}

fn units(lines: &[UnitLine], paint: Paint, words: &Vocabulary) -> String {
    if lines.is_empty() {
        return "none\n".to_owned();
    }
    let row = |line: &UnitLine| {
        let status = match line.status.as_str() {
            "completed" => Cell::left("completed").painted(Paint::good),
            "failed" => Cell::left("failed").painted(Paint::bad),
            other => Cell::left(other),
        };
        vec![
            Cell::left(&line.unit),
            status,
            Cell::right(grouped(line.counts.settled())),
            Cell::right(grouped(line.counts.planned)),
            bad(line.counts.bad()),
            Cell::left(
                line.held_by
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), |held| format!("held by {held}")),
            ),
            Cell::left(line.updated_at.as_deref().unwrap_or("-")),
            Cell::left(line.error.as_deref().unwrap_or("")),
        ]
    };
    let heads = [
        words.unit.one,
        "status",
        "settled",
        "of",
        "bad",
        "lease",
        "last progress",
        "error",
    ];
    let rows: Vec<_> = lines.iter().map(row).collect();
    table(paint, &heads, &rows) + &lines.iter().filter_map(split).collect::<String>()
}

/// `did:key:… is split in 20 parts: 7 ended, held by 1 (1 part), 2 (1 part)`.
fn split(line: &UnitLine) -> Option<String> {
    let split = line.split.as_ref()?;
    let held = split.held_by.iter().map(|(instance, parts)| {
        let end = if *parts == 1 { "" } else { "s" };
        format!("{instance} ({parts} part{end})")
    });
    let held: Vec<String> = held.collect();
    let held = match held.as_slice() {
        [] => "held by nobody".to_owned(),
        held => format!("held by {}", held.join(", ")),
    };
    let text = format!(
        "{} is split in {} parts: {} ended, {held}",
        line.unit, split.parts, split.ended
    );
    Some(format!("{}\n", printable(&text)))
}

fn failures(lines: &[FailureView], paint: Paint, words: &Vocabulary) -> String {
    if lines.is_empty() {
        return format!("no {} failed\n", words.item.one);
    }
    let row = |line: &FailureView| {
        vec![
            Cell::left(line.reason.as_str()).painted(Paint::bad),
            Cell::left(line.class.as_str()),
            Cell::left(line.step.as_deref().unwrap_or("-")),
            Cell::right(line.attempts.to_string()),
            Cell::left(&line.last_at),
            Cell::left(&line.unit),
            Cell::left(match (line.item.as_str(), line.items) {
                ("*", 0) => "all that need it".to_owned(),
                ("*", items) => of(items, words.item),
                (item, _) => item.to_owned(),
            }),
            Cell::left(line.message.lines().next().unwrap_or("")),
        ]
    };
    let heads = [
        "reason",
        "class",
        "step",
        "tries",
        "last",
        words.unit.one,
        words.item.one,
        "message",
    ];
    format!(
        "\n{}",
        table(paint, &heads, &lines.iter().map(row).collect::<Vec<_>>())
    )
}

fn stuck(lines: &[StuckLine], paint: Paint, words: &Vocabulary) -> String {
    if lines.is_empty() {
        return "none\n".to_owned();
    }
    let row = |line: &StuckLine| {
        let verdict = match line.verdict {
            Verdict::Slow => Cell::left("slow").painted(Paint::warn),
            Verdict::Dead => Cell::left("dead").painted(Paint::bad),
            Verdict::Waiting => Cell::left("waiting").painted(Paint::faint),
        };
        vec![
            verdict,
            Cell::right(span(line.idle_seconds)),
            Cell::left(&line.unit.owner),
            Cell::left(&line.unit.unit),
            Cell::right(grouped(line.unit.counts.settled())),
            Cell::right(grouped(line.unit.counts.planned)),
            Cell::left(&line.because),
        ]
    };
    let heads = [
        "verdict",
        "idle",
        words.owner.one,
        words.unit.one,
        "settled",
        "of",
        "because",
    ];
    // Said once for all units that it holds for.
    let mut remedies: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.remedy.as_deref())
        .collect();
    remedies.sort_unstable();
    remedies.dedup();
    let next = remedies
        .iter()
        .map(|remedy| format!("next: {}\n", printable(remedy)));
    table(paint, &heads, &lines.iter().map(row).collect::<Vec<_>>()) + &next.collect::<String>()
}
