//! The summary of a demonstration for people.

use std::path::Path;

use crate::app::{Asked, Summary, readable};
use crate::cli::summary::count;
use crate::monitor::Paint;

/// Services on a line.
const SERVICES: usize = 5;

/// What was done and proved, and where to look.
pub(super) fn summary(summary: &Summary, paint: Paint) -> String {
    let blocks = [
        ("uploads", uploads(summary)),
        ("audit", audit(summary)),
        ("content", content(summary)),
        ("requests", requests(summary)),
        ("time", vec![format!("{:.1} s", summary.seconds)]),
        ("state", vec![short(&summary.paths.state)]),
        ("report", vec![short(&summary.paths.report)]),
        (
            "results",
            summary
                .paths
                .results
                .iter()
                .map(|path| short(path))
                .collect(),
        ),
        ("world", vec![short(&summary.paths.world)]),
        ("logs", vec![short(&summary.paths.logs)]),
    ];
    let mut lines = vec![paint.good("All of it held."), String::new()];
    for (name, block) in blocks {
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        lines.extend(names.zip(block).map(|(name, text)| {
            let name = paint.strong(&format!("{name:<9}"));
            format!("  {name} {text}")
        }));
    }
    lines.join("\n")
}

/// Commands for the network that was left running.
pub(super) fn to_try(summary: &Summary, example: Option<&str>) -> String {
    let state = short(&summary.paths.state);
    let sterna = |command: &str| format!("sterna --env local --state-dir {state} {command}");
    let commands = ["monitor", "monitor --failed", "verify --limit all"].map(sterna);
    let curl = example.map(|url| format!("curl {url}"));
    let until = "\nThe local network runs until Ctrl-C or `sterna sandbox stop`. In another shell:";
    let mut lines = vec![until.to_owned()];
    lines.extend(
        commands
            .into_iter()
            .chain(curl)
            .chain([sterna("sandbox stop")])
            .map(|line| format!("  {line}")),
    );
    lines.join("\n")
}

fn uploads(summary: &Summary) -> Vec<String> {
    let Summary { world, uploads, .. } = summary;
    let mut lines = vec![
        format!(
            "{} in {} of {}, seed {}",
            count(world.uploads as u64, "upload"),
            count(world.spaces as u64, "space"),
            count(world.customers as u64, "customer"),
            world.seed
        ),
        format!(
            "{} migrated and verified by {}",
            uploads.migrated,
            count(world.instances.into(), "instance")
        ),
        format!("{} complete already, left alone", uploads.already_complete),
        format!("{} quarantined, as they had to be", uploads.set_aside),
    ];
    let reasons = uploads.set_aside_by_reason.iter();
    lines.extend(reasons.map(|(reason, count)| format!("  {count} {reason}")));
    lines
}

fn audit(summary: &Summary) -> Vec<String> {
    let right = summary.audit.ok;
    vec![format!(
        "{right} right; those quarantined are the only ones that are not"
    )]
}

fn content(summary: &Summary) -> Vec<String> {
    let retrieval = &summary.retrieval;
    let mut lines = vec![format!(
        "{} of {}, {}, fetched by CID, equal byte for byte",
        count(retrieval.files, "file"),
        count(retrieval.uploads, "upload"),
        readable(retrieval.bytes)
    )];
    if retrieval.refused > 0 {
        let refused = retrieval.refused;
        lines.push(format!(
            "{} refused, not served wrong",
            count(refused, "damaged upload")
        ));
    }
    lines
}

fn requests(summary: &Summary) -> Vec<String> {
    let requests = &summary.requests;
    let by = |asked: &Asked, whom: &str| {
        let Asked {
            total, mutating, ..
        } = asked;
        format!("{total} by {whom}, {mutating} of them to change something")
    };
    let mut lines = vec![by(&requests.migration, "the migration")];
    let mut services: Vec<_> = requests.migration.services.iter().collect();
    services.sort_by_key(|(_, count)| std::cmp::Reverse(count.requests));
    for few in services.chunks(SERVICES) {
        let named = few
            .iter()
            .map(|(service, count)| format!("{} {service}", count.requests));
        lines.push(format!("  {}", named.collect::<Vec<_>>().join(", ")));
    }
    lines.push(by(&requests.audit, "the audit"));
    lines.push(by(&requests.retrieval, "the retrieval"));
    lines
}

/// A path from the working folder, if it lies below it.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| path.strip_prefix(here).ok());
    below.unwrap_or(path).display().to_string()
}
