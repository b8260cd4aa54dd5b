//! `verify`: the audit.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::migrate::{CONCURRENCY_HELP, concurrency};
use crate::app::{self, AuditReport, Reliance};
use crate::cli::exit::Exit;
use crate::cli::output::Schema;
use crate::cli::progress::Progress;
use crate::cli::run::Context;
use crate::cli::scope::ScopeArgs;
use crate::cli::summary::{count, ending, listed, took};
use crate::cli::values;
use crate::config::options::Verify;
use crate::config::{Need, Settings};

const EXAMPLES: &str = "Examples:
  sterna verify --customers-file migration-state/instance-1-customers.json
  sterna verify --limit all --output json > audit.json";

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[arg(long, value_name = "N", value_parser = values::concurrency, help = CONCURRENCY_HELP)]
    concurrency: Option<usize>,
    /// Drain after this time
    #[arg(long, value_name = "TIME", value_parser = values::some_time)]
    max_duration: Option<Duration>,
}

/// Audits.
pub(in crate::cli) async fn run(args: VerifyArgs, context: &Context) -> Result<Exit> {
    let (scope, instance) = args.scope.read()?;
    let settings = context.settings(Need::Secrets)?;
    let options = Verify {
        scope,
        instance,
        concurrency: concurrency(args.concurrency, &settings),
        max_duration: args.max_duration,
    };
    audit(&settings, options, context).await
}

/// Audits and prints what was found.
pub(super) async fn audit(settings: &Settings, options: Verify, context: &Context) -> Result<Exit> {
    app::preflight(settings, Reliance::Auditing).await?;
    let progress = Progress::new();
    let ran = app::verify(settings, options, context.stop.clone(), progress.face()).await;
    progress.finish();
    let report = ran?;
    let schema = Schema("sterna.audit", 1);
    context.output.result(schema, &report, || lines(&report))?;
    Ok(Exit::from(&report))
}

fn lines(report: &AuditReport) -> String {
    let verdicts = &report.verdicts;
    let parts = [
        (verdicts.ok, "ok"),
        (verdicts.wrong, "wrong"),
        (verdicts.missing, "missing"),
        (verdicts.could_not_tell, "could not be told"),
    ];
    let verdict = listed(parts, "nothing looked at");
    let mut lines = vec![
        ending(&report.ended),
        format!(
            "{}: {verdict}; {}",
            count(verdicts.total(), "upload"),
            took(report.seconds)
        ),
    ];
    for upload in &report.uploads {
        let whys = upload.findings.iter().map(|finding| finding.why.as_str());
        let whys: Vec<&str> = whys.chain(upload.could_not_tell.as_deref()).collect();
        lines.push(format!(
            "  {} {} {}: {}",
            upload.verdict.as_str(),
            upload.space,
            upload.root,
            whys.join("; ")
        ));
    }
    if let Some(file) = &report.file {
        lines.push(format!("whole report: {}", file.display()));
    }
    lines.join("\n")
}
