//! Uploads as a workload: what the commands of this migration need beside those of every other.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use futures::{StreamExt as _, stream};

use super::scope::resolver;
use super::session::{BEGIN, ROWS, UploadsSession, UploadsWorkload};
use super::takeover;
use crate::app::session::{Connecting, Session, Work, Workload};
use crate::app::{CommandError, ProgressSink, ProgressUpdate, RunFindings, Stop, unless_stopped};
use crate::config::{Settings, options};
use crate::engine::Depth;
use crate::migrations::uploads::{self, CustomerTables, Uploads};
use crate::model::{Snapshot, Vocabulary};
use crate::proto::CustomerDid;
use crate::state::Namespace;

/// What an audit leaves out unless it is deep.
const BYTES: &str = "the bytes of shards and indexes (use --deep)";
/// What no audit checks.
const NEVER_CHECKED: [&str; 2] = [
    "whether the gateway holds its authorisation (it cannot be asked; its record, revocation and expiry are checked)",
    "retrieval through the gateway, and adverts in IPNI",
];

/// Connects for a command over `scope`. Changes nothing.
pub(super) async fn connect(
    settings: &Settings,
    scope: &options::Scope,
    index_unverified: bool,
) -> Result<Box<UploadsSession>> {
    let workload = UploadsWorkload {
        settings: settings.clone(),
        scope: scope.clone(),
        choices: choices(scope, index_unverified),
    };
    Box::pin(Session::connect(settings, workload)).await
}

/// What a run chooses.
fn choices(scope: &options::Scope, index_unverified: bool) -> uploads::Settings {
    uploads::Settings {
        index_unverified,
        is_customer_named: scope.only_customers.len() == 1 && !scope.only_spaces.is_empty(),
    }
}

/// What uploads, their spaces and customers are called.
#[must_use]
pub fn uploads_vocabulary() -> &'static Vocabulary {
    &uploads::VOCABULARY
}

#[async_trait]
impl Workload for UploadsWorkload {
    type Migration = Uploads;
    type Findings = RunFindings;

    fn namespace(&self) -> &Namespace {
        &self.settings.state.namespace
    }

    fn vocabulary(&self) -> &'static Vocabulary {
        uploads_vocabulary()
    }

    async fn connect(&self, to: Connecting<'_>) -> Result<Arc<Uploads>> {
        let (config, rows) = (self.settings.client(), CustomerTables::of(to.store));
        let dependencies = to.dependencies.clone();
        let connecting = Uploads::connect(&config, to.clock, dependencies, rows, self.choices);
        let migration = Box::pin(connecting).await;
        Ok(Arc::new(migration.map_err(|failure| {
            CommandError::of_failure(&failure, self.vocabulary().reasons)
        })?))
    }

    fn not_checked(&self, depth: Depth) -> Vec<String> {
        let bytes = (depth < Depth::Bytes).then_some(BYTES);
        let presence = (depth < Depth::Presence).then_some("whether shards and indexes are there");
        let left_out = presence.into_iter().chain(bytes).chain(NEVER_CHECKED);
        left_out.map(str::to_owned).collect()
    }

    async fn before_run(
        &self,
        session: &UploadsSession,
        work: &Work,
        (stop, sink): (&Stop, &ProgressSink),
    ) -> Result<RunFindings> {
        let noting = async {
            let spaces = resolver(session).spaces(&self.scope, work).await?;
            note_spaces(&CustomerTables::of(&session.store), spaces, sink).await
        };
        unless_stopped(stop, BEGIN, noting).await?;
        let differences = takeover::finish_spaces(session, &work.owners(), stop).await?;
        Ok(RunFindings {
            differences,
            ..RunFindings::default()
        })
    }

    fn amend(&self, session: &UploadsSession, snapshot: &Snapshot, findings: &mut RunFindings) {
        findings.differences.extend(takeover::of_units(snapshot));
        findings.unverified_blocks = session.migration.unverified_blocks();
    }
}

/// Tells customers' rows how many spaces they have, so that none passes for completed before all are.
async fn note_spaces(
    tables: &CustomerTables,
    spaces: Vec<(CustomerDid, u64)>,
    sink: &ProgressSink,
) -> Result<()> {
    let (mut done, of) = (0, Some(spaces.len() as u64));
    let noting = stream::iter(spaces).map(|(customer, spaces)| async move {
        let noted = tables.note_spaces(&customer, spaces).await;
        noted.map_err(|error| CommandError::of_state(&error))
    });
    let mut noting = noting.buffer_unordered(ROWS);
    while let Some(noted) = noting.next().await {
        noted?;
        done += 1;
        let what = "recording how many spaces customers have";
        sink(ProgressUpdate::Start { what, done, of });
    }
    Ok(())
}
