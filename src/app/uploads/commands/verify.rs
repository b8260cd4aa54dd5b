//! `verify`: audits uploads without a mutating call.

use anyhow::Result;
use futures::{StreamExt as _, stream};

use crate::app::session::{Work, unless_stopped};
use crate::app::uploads::scope::check_plan;
use crate::app::uploads::scope::words;
use crate::app::uploads::scope::{Resolved, refuse_nothing, resolver};
use crate::app::uploads::session::UploadsSession;
use crate::app::uploads::workload::connect;
use crate::app::{AuditReport, ProgressSink, ProgressUpdate, Stop};
use crate::config::{Settings, options};
use crate::engine::{Depth, Report};
use crate::model::Unit;
use crate::proto::did::Did;

/// Spaces whose uploads are counted at once.
const COUNTS: usize = 32;

/// Audits without a mutating call. A drain ends it within seconds, whatever it waits for.
///
/// # Errors
/// What it is about is not there or is another's; the audit could not begin, or nothing could work.
pub async fn verify(
    settings: &Settings,
    options: options::Verify,
    stop: Stop,
    sink: ProgressSink,
) -> Result<AuditReport> {
    let prepare = async {
        let opened = connect(settings, &options.scope, false).await?;
        let state = opened.identity()?;
        check_plan(&opened.store, state, options.scope.customers.as_ref()).await?;
        let Resolved {
            work,
            unknown_roots,
        } = resolver(&opened).work(&options.scope, &sink).await?;
        refuse_nothing(&work, &options.scope)?;
        let work = match options.scope.limit {
            // How many there are is of no use to a sample.
            Some(_) => work,
            None => counted(&opened, work, &sink).await,
        };
        anyhow::Ok((opened, work, unknown_roots))
    };
    let (opened, work, unknown_roots) =
        Box::pin(unless_stopped(&stop, "audit uploads", prepare)).await?;
    let mut config = opened.config(options.instance, options.concurrency)?;
    config.limit = options.scope.limit;
    config.max_duration = options.max_duration;
    config.depth = if options.deep {
        Depth::Bytes
    } else {
        Depth::Presence
    };
    let how = if options.deep { ", every byte" } else { "" };
    let report = Report {
        resume: options.resume,
        ..Report::new("audit", format!("{}{how}", words(&options.scope)))
    };
    let report = opened.audit(config, work, report, (stop, sink)).await?;
    Ok(AuditReport {
        unknown_items: unknown_roots,
        ..report
    })
}

/// The same work with the uploads counted of spaces of which no row says how many they have. What cannot be counted is
/// left for the listing.
async fn counted(opened: &UploadsSession, work: Work, sink: &ProgressSink) -> Work {
    let units = match work {
        Work::Units(units) => units,
        items @ Work::Items(_) => return items,
    };
    let (mut done, of) = (0, Some(units.len() as u64));
    let tables = &opened.migration.services().tables;
    let counting = units.into_iter().map(|unit| async move {
        let space = Did::parse(&unit.id.name).ok();
        match (unit.planned, space) {
            (None, Some(space)) => Unit {
                planned: tables.count_uploads(&space).await.ok(),
                ..unit
            },
            _ => unit,
        }
    });
    let counted = stream::iter(counting).buffered(COUNTS).inspect(|_| {
        done += 1;
        let what = "counting uploads by space";
        sink(ProgressUpdate::Start { what, done, of });
    });
    Work::Units(counted.collect().await)
}
