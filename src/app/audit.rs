//! The audit, and the plan of a dry run: looks at uploads and changes nothing.

use anyhow::Result;

use super::scope::{Work, refuse_nothing};
use super::uploads::{Opened, admit, config, ended};
use super::{AuditReport, Audited, Face, Stop, Trouble};
use crate::config::{Settings, options};
use crate::engine::{self, Choice, Config, Scope};

/// Audits without a mutating call.
pub async fn verify(
    settings: &Settings,
    options: options::Verify,
    stop: Stop,
    face: Face,
) -> Result<AuditReport> {
    let opened = Opened::connect(settings).await?;
    admit(&opened.store, settings, options.scope.customers.as_ref()).await?;
    let work = opened.work(settings, &options.scope).await?;
    refuse_nothing(&work, &options.scope)?;
    let mut config = config(settings, options.instance, options.concurrency)?;
    config.limit = options.scope.limit;
    config.max_duration = options.max_duration;
    run(&opened, config, work, "audit", (stop, face)).await
}

/// Looks at what `work` names; the report is named after the instance and `name`.
pub(super) async fn run(
    opened: &Opened,
    config: Config,
    work: Work,
    name: &str,
    (stop, face): (Stop, Face),
) -> Result<AuditReport> {
    let scope = match work {
        Work::Units(units) => Scope::Units(units, Choice::default()),
        Work::Items(items) => Scope::Items(items),
    };
    let started = opened.clock.moment();
    let (parts, events) = opened.parts(stop);
    let showing = opened.show(events, face);
    let outcome = engine::audit(parts, config, scope, name).await;
    drop(showing);
    let outcome = outcome.map_err(|error| Trouble::of_engine(&error))?;
    let all_right = outcome.verdicts.total() == outcome.verdicts.ok;
    Ok(AuditReport {
        ended: ended(outcome.ended)?,
        verdicts: outcome.verdicts,
        would: outcome.would,
        uploads: outcome.first.into_iter().map(audited).collect(),
        seconds: started.elapsed().as_secs_f64(),
        file: (!all_right).then_some(outcome.file),
    })
}

fn audited(found: engine::Audited) -> Audited {
    Audited {
        customer: found.unit.owner.to_string(),
        space: found.unit.name.to_string(),
        root: found.item.map(|item| item.to_string()).unwrap_or_default(),
        verdict: found.verdict,
        findings: found.findings,
        could_not_tell: found
            .failure
            .map(|failure| format!("{}: {}", failure.reason, failure.message)),
    }
}
