//! The list of instances as text for people.

use std::collections::BTreeMap;

use crate::model::Vocabulary;
use crate::monitor::eta::span;
use crate::monitor::paint::Paint;
use crate::monitor::table::{Cell, bad, grouped, of, or_dash, percent, table};
use crate::monitor::view::{Alive, InstanceLine, Share};
use crate::runtime::printable;

/// The state in one word, and its colour.
fn state(line: &InstanceLine) -> Cell {
    match line.alive {
        Alive::Yes if line.state == "running" => Cell::left("running").painted(Paint::good),
        Alive::Yes => Cell::left(&line.state).painted(Paint::warn),
        Alive::Silent => Cell::left("SILENT").painted(Paint::bad),
        Alive::Ended => Cell::left("ended").painted(Paint::faint),
        Alive::Never => Cell::left("not started").painted(Paint::faint),
    }
}

/// Each instance, and below why it is held back and what is wrong with it.
pub(super) fn instances(lines: &[InstanceLine], paint: Paint, words: &Vocabulary) -> String {
    if lines.is_empty() {
        return "none has reported; start with `sterna setup` and `sterna migrate`\n".to_owned();
    }
    let heads = [
        "no",
        "state",
        "settled",
        "of",
        "%",
        "bad",
        "per min",
        "in flight",
        words.unit.many,
        "plan",
        "seen",
        "host",
        "pid",
    ];
    let rows: Vec<_> = lines.iter().map(instance_row).collect();
    let held: String = lines
        .iter()
        .map(|line| held_back(line, paint, words))
        .collect();
    table(paint, &heads, &rows) + &held + &twins(lines, paint)
}

/// Numbers under which several processes run, a line each.
fn twins(lines: &[InstanceLine], paint: Paint) -> String {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.alive == Alive::Yes) {
        let place = format!("{} (pid {})", or_dash(&line.host), line.pid);
        places.entry(&line.instance).or_default().push(place);
    }
    let twins = places.iter().filter(|(_, places)| places.len() > 1);
    let text = twins.map(|(number, places)| {
        let what = format!(
            "  {number}: runs {} times, on {}: each holds leases of its own and waits for those of the others; give \
             each its own --instance",
            places.len(),
            places.join(" and ")
        );
        paint.warn(&what) + "\n"
    });
    text.collect()
}

fn instance_row(line: &InstanceLine) -> Vec<Cell> {
    let of_share = |cell: fn(&Share) -> Cell| match &line.share {
        Some(share) => cell(share),
        None => Cell::right("-"),
    };
    let seen = line
        .heartbeat_age_seconds
        .map(|age| format!("{} ago", span(age)));
    let pid = if line.pid == 0 {
        String::new()
    } else {
        line.pid.to_string()
    };
    vec![
        Cell::left(&line.instance),
        state(line),
        of_share(|share| Cell::right(grouped(share.counts.settled()))),
        of_share(|share| Cell::right(grouped(share.counts.planned))),
        of_share(|share| Cell::right(percent(share.counts.settled(), share.counts.planned))),
        of_share(|share| bad(share.counts.bad())),
        of_running(line, || format!("{:.0}", line.items_per_minute)),
        of_running(line, || format!("{}/{}", line.in_flight, line.concurrency)),
        of_share(|share| {
            let (ended, all) = (grouped(share.units_ended), grouped(share.units));
            Cell::right(format!("{ended}/{all}"))
        }),
        of_plan(line),
        Cell::right(or_dash(seen.as_deref().unwrap_or(""))),
        Cell::left(or_dash(&line.host)),
        Cell::right(or_dash(&pid)),
    ]
}

/// What says something of a process that runs only; what the last one said of itself is history.
fn of_running(line: &InstanceLine, text: impl Fn() -> String) -> Cell {
    match line.alive {
        Alive::Yes | Alive::Silent => Cell::right(text()),
        Alive::Ended | Alive::Never => Cell::right("-"),
    }
}

/// Why a run stopped or is held back: the bare name of a signal says nothing to a reader.
fn of_note(note: &str) -> String {
    if note.starts_with("SIG") {
        format!("stopped by {note}")
    } else {
        note.to_owned()
    }
}

/// The first digits of a plan's id.
pub(super) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

fn of_plan(line: &InstanceLine) -> Cell {
    let cell = Cell::left(or_dash(line.plan.as_deref().map_or("", short)));
    if line.plan_in_force {
        cell
    } else {
        cell.painted(Paint::warn)
    }
}

/// That an instance works, or worked, by another plan than the one in force.
fn other_plan(line: &InstanceLine, words: &Vocabulary) -> Option<String> {
    let plan = line.plan.as_deref().filter(|_| !line.plan_in_force)?;
    let plan = short(plan);
    Some(match line.alive {
        Alive::Yes | Alive::Silent => format!(
            "works on plan {plan}, which is superseded: stop it and start it with the {} file of the current plan",
            words.owner.many
        ),
        Alive::Ended | Alive::Never => {
            format!("ended under plan {plan}, which is superseded")
        }
    })
}

/// Why an instance is paused, draining or slow, and what is wrong with it, a line each.
fn held_back(line: &InstanceLine, paint: Paint, words: &Vocabulary) -> String {
    let throttles = line.throttles.iter().map(|throttle| {
        format!(
            "{} limited to {} at once: {}",
            throttle.dependency, throttle.limit, throttle.reason
        )
    });
    let rate = line
        .begun_per_minute_at_most
        .map(|rate| format!("starts at most {rate} {} a minute", words.item.many));
    let warnings = line
        .warnings
        .iter()
        .map(|warning| format!("{}: {}; {}", warning.level, warning.what, warning.action));
    let note = line.note.as_deref().map(of_note).into_iter();
    let note = note.chain(other_plan(line, words));
    let reasons = note.chain(rate).chain(throttles).chain(warnings);
    let helped = line.helped.iter().map(|(owner, counts)| {
        let settled = of(counts.settled(), words.item);
        let text = format!("  {}: settled {settled} of instance {owner}", line.instance);
        format!("{}\n", printable(&text))
    });
    let lines = reasons.map(|why| paint.warn(&format!("  {}: {why}", line.instance)) + "\n");
    lines.chain(helped).collect()
}
