//! The list of instances as text for people.

use super::eta::span;
use super::paint::Paint;
use super::table::{Cell, grouped, percent, table};
use super::text::{bad, or_dash};
use super::view::{Alive, InstanceLine};

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
pub(super) fn instances(lines: &[InstanceLine], paint: Paint) -> String {
    if lines.is_empty() {
        return "none has reported; `sterna setup` and `sterna migrate` begin\n".to_owned();
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
        "spaces",
        "plan",
        "seen",
        "host",
        "pid",
    ];
    let rows: Vec<_> = lines.iter().map(instance_row).collect();
    let held: String = lines.iter().map(|line| held_back(line, paint)).collect();
    table(paint, &heads, &rows) + &held
}

fn instance_row(line: &InstanceLine) -> Vec<Cell> {
    let counts = &line.counts;
    let seen = line
        .heartbeat_age_seconds
        .map(|age| format!("{} ago", span(age)));
    let pid = if line.pid == 0 {
        String::new()
    } else {
        line.pid.to_string()
    };
    let spaces = format!("{}/{}", grouped(line.spaces_settled), grouped(line.spaces));
    vec![
        Cell::left(&line.instance),
        state(line),
        Cell::right(grouped(counts.settled())),
        Cell::right(grouped(counts.planned)),
        Cell::right(percent(counts.settled(), counts.planned)),
        bad(counts.bad()),
        Cell::right(format!("{:.0}", line.items_per_minute)),
        Cell::right(format!("{}/{}", line.in_flight, line.concurrency)),
        Cell::right(spaces),
        of_plan(line),
        Cell::right(or_dash(seen.as_deref().unwrap_or(""))),
        Cell::left(or_dash(&line.host)),
        Cell::right(or_dash(&pid)),
    ]
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
fn other_plan(line: &InstanceLine) -> Option<String> {
    let plan = line.plan.as_deref().filter(|_| !line.plan_in_force)?;
    let plan = short(plan);
    Some(match line.alive {
        Alive::Yes | Alive::Silent => format!(
            "works by plan {plan}, which is not in force: end it and start it with the customers file of the plan in \
             force; it is in no sum"
        ),
        Alive::Ended | Alive::Never => {
            format!("ended under plan {plan}, which is not in force; it is in no sum")
        }
    })
}

/// Why an instance is paused, draining or slow, and what is wrong with it, a line each.
fn held_back(line: &InstanceLine, paint: Paint) -> String {
    let throttles = line.throttles.iter().map(|throttle| {
        format!(
            "{} limited to {} at once: {}",
            throttle.dependency, throttle.limit, throttle.reason
        )
    });
    let rate = line
        .begun_per_minute_at_most
        .map(|rate| format!("begins at most {rate} uploads a minute"));
    let warnings = line
        .warnings
        .iter()
        .map(|warning| format!("{}: {}; {}", warning.level, warning.what, warning.action));
    let note = line.note.clone().into_iter();
    let note = note.chain(other_plan(line));
    let reasons = note.chain(rate).chain(throttles).chain(warnings);
    let helped = line.helped.iter().map(|(owner, counts)| {
        let settled = grouped(counts.settled());
        format!(
            "  {}: settled {settled} uploads of instance {owner}\n",
            line.instance
        )
    });
    let lines = reasons.map(|why| paint.warn(&format!("  {}: {why}", line.instance)) + "\n");
    lines.chain(helped).collect()
}
