//! `blobs verify`: audits what is on the target. Writes nothing there.

use anyhow::Result;

use super::open;
use crate::app::session::Work;
use crate::app::{AuditReport, ProgressSink, Stop};
use crate::config::Settings;
use crate::engine::{Depth, Report};

/// What is audited.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// The job.
    pub job: String,
    /// Read every byte of the target.
    pub deep: bool,
    /// Blobs in flight.
    pub concurrency: usize,
}

/// Audits a job.
///
/// # Errors
/// There is no such job; backends or tables cannot be used.
pub async fn verify(
    settings: &Settings,
    options: VerifyOptions,
    ends: (Stop, ProgressSink),
) -> Result<AuditReport> {
    let opened = open::job(settings, &options.job, false).await?;
    let session = &opened.session;
    let mut config = session.config(1, options.concurrency)?;
    config.depth = if options.deep {
        Depth::Bytes
    } else {
        Depth::Presence
    };
    let report = Report::new("audit", format!("job {}", options.job));
    session
        .audit(config, Work::Units(opened.units()), report, ends)
        .await
}
