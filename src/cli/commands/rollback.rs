//! `rollback`: what a migration made is undone.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::app::{self, Ended, Listed, Reliance, RollbackPlan, RollbackReport};
use crate::cli::confirm::confirm_named;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Schema, joined, talk, talk_lines};
use crate::cli::plan;
use crate::cli::progress::Progress;
use crate::cli::scope::{Preparing, instance_of};
use crate::cli::summary::{beside, count, ending, for_real, listed as numbers, next, took};
use crate::cli::values;
use crate::config::Need;
use crate::config::options::{Rollback, Scope};
use crate::model::RunId;
use crate::monitor::grouped;
use crate::proto::{CustomerDid, SpaceDid};

const EXAMPLES: &str = "Examples:
  sterna rollback --customer did:mailto:example.com:alice --dry-run
  sterna rollback --space did:key:z6Mk… --yes
  sterna rollback --run 6c1f… --journal /mnt/instance-2
  sterna rollback --customers-file migration-state/instance-1-customers.json --confirm production

A rollback lists what it cannot undo before it starts; --dry-run only lists. It undoes what the migration \
made, never what it found. The journals (instance-N-journal.ndjson) say what was made: those in the state \
folder are read, name those of other instances with --journal. If a journal is missing, cut or has a gap, \
the rollback refuses (13); --allow-missing-journal undoes what is known. It also refuses while others work \
on the same customers (11). Migration spaces are undone for whole customers only, and only if they are \
empty. Run the command again to continue after an interruption.";

/// Spaces that are listed one by one.
const NAMED: usize = 20;

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("what").required(true).multiple(true).args(["customers_file", "customer", "space", "run"]))]
pub(in crate::cli) struct RollbackArgs {
    /// Select the customers in this file, written by `setup`; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customer", "space"])]
    customers_file: Option<PathBuf>,
    /// Select this customer, by DID or e-mail address (repeatable)
    #[arg(long, value_name = "CUSTOMER", value_parser = values::customer)]
    customer: Vec<CustomerDid>,
    /// Select this space (repeatable)
    #[arg(long, value_name = "DID", value_parser = values::space)]
    space: Vec<SpaceDid>,
    /// Undo only what this run made
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Also read this journal of another instance, or this folder of journals (repeatable)
    #[arg(long, value_name = "PATH")]
    journal: Vec<PathBuf>,
    /// Act as this instance; its number names the files [default: the number in the customers file, otherwise 1]
    #[arg(long, value_name = "N", value_parser = values::from_one::<u32>)]
    instance: Option<u32>,
    /// Undo what is known even if journals are missing; keep delegations and provisioning of the customers
    #[arg(long)]
    allow_missing_journal: bool,
    #[arg(long, value_name = "N", value_parser = values::concurrency, help = values::CONCURRENCY_HELP)]
    concurrency: Option<usize>,
    #[arg(long, help = "List what would be undone and what stays; change nothing [env: DRY_RUN]", conflicts_with_all = ["yes", "confirm"])]
    dry_run: bool,
    /// Change a real network without asking first; production needs --confirm
    #[arg(long)]
    yes: bool,
    /// Confirm on production: the id of the run, or `production` if --run is not given
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

/// Takes back what a migration made.
pub(in crate::cli) async fn run(args: RollbackArgs, context: &Context) -> Result<Exit> {
    let progress = Progress::of_run();
    let preparing = Preparing::new("roll back", &progress, &context.stop);
    let file = match &args.customers_file {
        Some(path) => Some(preparing.customers_file(path).await?),
        None => None,
    };
    let instance = instance_of(args.instance, file.as_ref())?;
    let settings = context.settings(Need::Secrets)?;
    let environment = settings.environment;
    let options = Rollback {
        scope: Scope {
            customers: file,
            only_customers: args.customer,
            only_spaces: args.space,
            ..Scope::default()
        },
        run: args.run.as_deref().map(RunId::new),
        journals: args.journal,
        allow_missing_journal: args.allow_missing_journal,
        instance,
        concurrency: values::in_flight(args.concurrency, &settings),
        dry_run: args.dry_run || settings.dry_run,
    };
    let reliance = if options.dry_run {
        talk(plan::NOTICE);
        Reliance::Auditing
    } else {
        Reliance::Migrating
    };
    preparing.preflight(&settings, reliance).await?;
    let name = args.run.unwrap_or_else(|| environment.to_string());
    let (yes, typed, stop) = (args.yes, args.confirm, &context.stop);
    let agree = move |plan: &RollbackPlan| {
        talk_lines(&listed(plan));
        let given = (yes, typed.as_deref());
        confirm_named(environment, given, (&name, "roll back"), stop)
    };
    let asked = (context.stop.clone(), progress.sink());
    let ran = Box::pin(app::rollback(&settings, options, &agree, asked)).await;
    progress.finish();
    let report = ran?;
    let schema = Schema("sterna.rollback", 1);
    let text = || lines(&report, &context.typed);
    context.output.result(schema, &report, text)?;
    Ok(Exit::from(&report))
}

/// What stays, then what is undone.
fn listed(plan: &RollbackPlan) -> String {
    let whole = plan.unaccounted.is_empty() && plan.missing.is_empty();
    let nothing_stays = plan.stays.is_empty() && plan.undone.is_empty() && whole;
    let or_nothing = |is_empty| if is_empty { " nothing" } else { "" };
    let mut lines = vec![format!("what stays:{}", or_nothing(nothing_stays))];
    lines.extend(plan.stays.iter().map(|one| line(one, &one.leaves)));
    for one in plan.undone.iter().filter(|one| !one.leaves.is_empty()) {
        lines.push(line(one, &format!("undone, but {}", one.leaves)));
    }
    for one in plan.missing.iter().take(NAMED) {
        lines.push(format!(
            "  {}; name it with --journal",
            app::lack(one, app::uploads_vocabulary())
        ));
    }
    for one in plan.unaccounted.iter().take(NAMED) {
        lines.push(format!(
            "  {} of {} of {}: no journal says what was made; name it with --journal",
            count(one.items, "upload"),
            one.unit,
            one.owner
        ));
    }
    let more = plan.unaccounted.len().saturating_sub(NAMED);
    if more > 0 {
        let spaces = count(more as u64, "more space");
        lines.push(format!("  and uploads of {spaces}"));
    }
    lines.push(format!(
        "what is undone, in {}:{}",
        count(plan.units, "space"),
        or_nothing(plan.undone.is_empty())
    ));
    let undone = plan.undone.iter();
    lines.extend(undone.map(|one| format!("  {:>8} {}", one.effects, plain(&one.kind))));
    if !plan.runs.is_empty() {
        lines.push("runs in the journals:".to_owned());
    }
    let runs = plan.runs.iter().rev().take(NAMED);
    lines.extend(runs.map(|run| format!("  {run}")));
    let more = plan.runs.len().saturating_sub(NAMED);
    if more > 0 {
        lines.push(format!("  and {more} older ones"));
    }
    joined(&lines)
}

fn line(one: &Listed, what: &str) -> String {
    format!("  {:>8} {}: {what}", one.effects, plain(&one.kind))
}

/// What effects of a kind are called.
fn plain(kind: &str) -> &str {
    match kind {
        "claim-published" => "published claims",
        "gateway-auth" | "gateway-authorized" => "gateway authorisations",
        "index-registered" => "registered indexes",
        "index-stored" => "stored indexes",
        "migration-space-created" => "migration spaces",
        "space-delegated" => "delegations of migration spaces",
        "space-provisioned" => "provisioned migration spaces",
        other => other,
    }
}

/// The list of a dry run, and what to type after it.
fn of_dry_run(report: &RollbackReport, typed: &str) -> String {
    let plan = listed(&report.plan);
    if report.would_be_refused {
        let next = next(&format!("{typed} --journal PATH"));
        return format!(
            "{plan}\nthe rollback would be refused (13): a journal is missing or truncated; name it with --journal, or add \
             --allow-missing-journal\n{next}"
        );
    }
    let then = if report.plan.undone.is_empty() {
        beside("sterna monitor", typed)
    } else {
        for_real(typed)
    };
    format!("{plan}\n{}", next(&then))
}

/// Why not everything was undone, a line each.
fn not_whole(report: &RollbackReport) -> Vec<String> {
    let plan = &report.plan;
    let uploads: u64 = plan.unaccounted.iter().map(|one| one.items).sum();
    let parts = [
        (report.failed, "effect", "for the reasons above"),
        (plan.missing.len() as u64, "journal", "missing or truncated"),
        (uploads, "upload", "in no journal"),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    parts
        .map(|(number, noun, what)| format!("  not undone: {} {what}", count(number, noun)))
        .collect()
}

/// What to type after a rollback.
fn after(report: &RollbackReport, typed: &str) -> String {
    let plan = &report.plan;
    if report.ended != Ended::Finished || report.failed > 0 {
        typed.to_owned()
    } else if plan.missing.is_empty() && plan.unaccounted.is_empty() {
        beside("sterna monitor", typed)
    } else {
        format!("{typed} --journal PATH")
    }
}

pub(in crate::cli) fn lines(report: &RollbackReport, typed: &str) -> String {
    if report.dry_run {
        return of_dry_run(report, typed);
    }
    let undone: u64 = report.undone.values().sum();
    let others = numbers(
        [
            (report.gone, "gone before"),
            (report.kept, "still needed by others"),
            (report.failed, "not undone"),
        ],
        "",
    );
    let others = if others.is_empty() {
        others
    } else {
        format!(", {others}")
    };
    let mut lines = vec![
        format!(
            "rollback {}: {}",
            report.run.as_ref().map_or("?", |run| run.as_str()),
            ending(&report.ended)
        ),
        format!(
            "  {} undone in {}{others}; {}",
            count(undone, "effect"),
            count(report.units, "space"),
            took(report.seconds)
        ),
    ];
    for (kind, number) in &report.undone {
        lines.push(format!("  {} {}", grouped(*number), plain(kind)));
    }
    for one in &report.refused {
        let effect = one.effect.as_ref().map_or("", |effect| &effect.kind);
        lines.push(format!("  {} {effect}: {}", one.unit, one.failure));
    }
    for file in &report.files {
        lines.push(format!("  {}", file.display()));
    }
    lines.extend(not_whole(report));
    lines.push(next(&after(report, typed)));
    joined(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::UnaccountedUnit;

    #[test]
    fn a_rollback_that_leaves_something_says_what_and_how_to_go_on() {
        let typed = "sterna rollback --customer a@b.c --allow-missing-journal";
        let mut report = RollbackReport::default();
        let last = |report: &RollbackReport| {
            let text = lines(report, typed);
            text.lines().next_back().unwrap_or_default().to_owned()
        };
        assert_eq!(last(&report), "next: sterna monitor");
        report.plan.unaccounted.push(UnaccountedUnit {
            owner: "c".to_owned(),
            unit: "s".to_owned(),
            items: 1,
        });
        assert_eq!(not_whole(&report), ["  not undone: 1 upload in no journal"]);
        assert_eq!(last(&report), format!("next: {typed} --journal PATH"));
        report.failed = 2;
        assert!(
            lines(&report, typed).contains("\n  not undone: 2 effects for the reasons above\n")
        );
        assert_eq!(last(&report), format!("next: {typed}"));
    }

    #[test]
    fn a_dry_run_ends_with_the_command_that_does_it() {
        let typed = "sterna --env staging rollback --run 7 --dry-run";
        let mut report = RollbackReport {
            dry_run: true,
            ..RollbackReport::default()
        };
        let last = |report: &RollbackReport| {
            let text = lines(report, typed);
            text.lines().next_back().unwrap_or_default().to_owned()
        };
        assert_eq!(last(&report), "next: sterna --env staging monitor");
        report.plan.undone.push(Listed {
            kind: "index-stored".to_owned(),
            effects: 3,
            undone: true,
            leaves: "the storage node keeps the bytes".to_owned(),
        });
        assert_eq!(last(&report), "next: sterna --env staging rollback --run 7");
        assert!(
            lines(&report, typed).contains("3 stored indexes: undone, but the storage node keeps")
        );
        report.would_be_refused = true;
        assert_eq!(last(&report), format!("next: {typed} --journal PATH"));
    }
}
