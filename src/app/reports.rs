//! What commands answer, as data: `cli` prints it as a table or as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::engine::{Listed, MissingJournal, Refused};
use crate::migrations::uploads::reasons::{GATEWAY_NOT_AUTHORIZED, REASONS};
use crate::model::{
    Counts, Finding, InstanceId, PlanId, Reason, RunId, Snapshot, StateIdentity, StepCounts,
    StepName, StepPlan, Verdict, VerdictCounts, Vocabulary, each_shown, shown,
};
use crate::monitor::{PlanLine, Totals};

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ended {
    /// Everything in scope was looked at.
    #[default]
    Finished,
    /// As many uploads as `--limit` allows are settled; more are left.
    Limit,
    /// Stopped on purpose with work left: a signal, `--max-duration`, a pause.
    Stopped {
        /// Why.
        reason: String,
    },
    /// A safety rule stopped it.
    Safety {
        /// Which rule and by how much.
        reason: String,
    },
    /// Temporary trouble outlasted its limit.
    Trouble {
        /// Which dependency and its last words.
        reason: String,
    },
    /// Other instances hold all that is left.
    Held {
        /// Who holds what.
        reason: String,
    },
}

/// What a `migrate` or `retry` process did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// The one step that it was to make (`--test-…`); `None` for all of them.
    pub only: Option<&'static str>,
    /// Nothing was to be done: `would` says what a run would do, `verdicts` what was found.
    pub dry_run: bool,
    /// What a run would do, by step, as far as looking tells.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub would: BTreeMap<StepName, StepPlan>,
    /// Spaces whose claims a dry run did not look at: the gateway has to be authorised first.
    pub withheld_spaces: u64,
    /// Spaces that a dry run did not look at: they have ended, and a run leaves them alone.
    pub ended_spaces: u64,
    /// Uploads by what a dry run found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<VerdictCounts>,
    /// What this run did, by step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepName, StepCounts>,
    /// Its id, for `rollback --run`; `None` when nothing was to be done.
    pub run: Option<RunId>,
    /// The plan that its scope is a part of; `None` for a scope of no plan.
    pub plan: Option<PlanId>,
    /// The tables that it worked on.
    pub state: StateIdentity,
    /// How it ended.
    pub ended: Ended,
    /// What this run settled, for other instances too; `planned` is their sum.
    #[serde(serialize_with = "shown")]
    pub this_run: Counts,
    /// Uploads of the scope that was asked for, by outcome, as earlier runs and this one left them. Of a retry the
    /// scope is the failed uploads that it took up.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Spaces with work left; none in a run over single uploads. Of a space that nobody counted, `counts` does not know
    /// what is left.
    pub unfinished: u64,
    /// Uploads settled to help other instances, by instance; no part of `counts`, a part of `this_run`.
    #[serde(serialize_with = "each_shown")]
    pub helped: BTreeMap<InstanceId, Counts>,
    /// Failed, quarantined and unknown uploads of the scope, by reason code.
    pub failures: BTreeMap<Reason, u64>,
    /// How far everything is, whoever did it: the sum of all progress rows. `None` if it could not be told, or if
    /// nothing was to be done.
    pub totals: Option<Totals>,
    /// Spaces of the plan in force that have no row, and are in no number of `totals`.
    pub spaces_without_row: u64,
    /// Blocks that this run indexed unchecked, because their hash functions are not computed here
    /// (`--unverified-hashes index`).
    pub unverified_blocks: u64,
    /// Wall time.
    pub seconds: f64,
    /// Where the checkpoint and the journal lie.
    pub files: Vec<PathBuf>,
    /// What the existing tool had left, and what became of it; of the spaces the first thousand.
    pub differences: Vec<LegacyFinding>,
    /// Roots that were asked for and are in no space that was, as they were typed.
    pub unknown_roots: Vec<String>,
}

impl RunReport {
    /// Whether uploads were withheld because the gateway may not serve their space yet.
    #[must_use]
    pub fn lacks_gateway(&self) -> bool {
        self.failures.contains_key(&GATEWAY_NOT_AUTHORIZED)
    }
}

/// What an operator does first when the gateway may not serve a space yet.
#[must_use]
pub fn gateway_first() -> &'static str {
    REASONS.advice(GATEWAY_NOT_AUTHORIZED)
}

/// Something that the existing tool left otherwise than it should be, or than its own numbers say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegacyFinding {
    /// The customer.
    pub customer: String,
    /// The space; none for what is the customer's as a whole.
    pub space: Option<String>,
    /// What was found.
    pub found: String,
    /// What became of it.
    pub done: String,
    /// Somebody has to look at it: no run of ours can put it right.
    pub needs_a_look: bool,
}

/// What a rollback would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RollbackPlan {
    /// Effects that stay, by kind, and why.
    pub stays: Vec<Listed>,
    /// Effects that are undone, by kind, and what they leave.
    pub undone: Vec<Listed>,
    /// Spaces with something to undo.
    pub spaces: u64,
    /// Journals that are absent, cut or have a hole, and may tell of what is rolled back.
    pub missing: Vec<MissingJournal>,
    /// Spaces with migrated uploads that no available journal knows.
    pub unaccounted: Vec<Unaccounted>,
    /// The journals that were read.
    pub journals: Vec<PathBuf>,
    /// The runs that they know, in order of time: id, effects, from when to when, instance, plan.
    pub runs: Vec<String>,
}

/// Uploads of a space of which no journal says what was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unaccounted {
    /// The customer.
    pub customer: String,
    /// The space.
    pub space: String,
    /// How many.
    pub uploads: u64,
}

/// What a rollback did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RollbackReport {
    /// Its id; `None` when nothing was to be done.
    pub run: Option<RunId>,
    /// How it ended.
    pub ended: Ended,
    /// Nothing was to be done.
    pub dry_run: bool,
    /// Of a dry run: as it is asked for, it would be refused, because journals are missing.
    pub would_be_refused: bool,
    /// The tables that it worked on.
    pub state: StateIdentity,
    /// What was said beforehand.
    pub plan: RollbackPlan,
    /// Effects that were undone, by kind.
    pub undone: BTreeMap<String, u64>,
    /// Effects that were gone already, or had not come to pass.
    pub gone: u64,
    /// Effects that made what others still need.
    pub kept: u64,
    /// Spaces of which nothing is left to undo.
    pub spaces: u64,
    /// Effects that could not be undone.
    pub failed: u64,
    /// The first of them.
    pub refused: Vec<Refused>,
    /// Wall time.
    pub seconds: f64,
    /// Files that it wrote.
    pub files: Vec<PathBuf>,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// The tables whose spaces it looked at.
    pub state: StateIdentity,
    /// Its id, a part of the name of its report.
    pub run: RunId,
    /// The stopped audit that it went on with; its verdicts are among these.
    pub resumes: Option<RunId>,
    /// What it was about.
    pub scope: String,
    /// How it ended.
    pub ended: Ended,
    /// Uploads by verdict.
    pub verdicts: VerdictCounts,
    /// What a run would do, by step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub would: BTreeMap<StepName, StepPlan>,
    /// Uploads that were listed. If it finished, as many as there are verdicts; else something is amiss, and it does not
    /// exit with 0.
    pub listed: u64,
    /// Uploads in scope: as they were counted beforehand, and as listed in spaces that were listed.
    pub expected: Option<u64>,
    /// Spaces in scope.
    pub spaces: u64,
    /// Spaces that were looked at from the first upload to the last.
    pub spaces_whole: u64,
    /// Spaces that could not be listed to their end.
    pub unlisted: u64,
    /// The first of them.
    pub unlisted_spaces: Vec<UnlistedSpace>,
    /// The first uploads that are not right or could not be judged.
    pub uploads: Vec<AuditedUpload>,
    /// What was not looked at.
    pub not_checked: Vec<String>,
    /// Wall time.
    pub seconds: f64,
    /// The whole report, a JSON object a line.
    pub file: Option<PathBuf>,
    /// Roots that were asked for and are in no space that was, as they were typed.
    pub unknown_roots: Vec<String>,
}

impl AuditReport {
    /// Whether nothing is left to look at, and every upload that was listed has its verdict.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.listed == self.verdicts.total()
    }
}

/// A space of which nothing is said beyond some upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnlistedSpace {
    /// Its customer.
    pub customer: String,
    /// The space.
    pub space: String,
    /// The last upload that was listed.
    pub after: Option<String>,
    /// Why it could not be listed.
    pub failure: String,
}

/// One upload that is not right, or of which nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedUpload {
    /// Its customer.
    pub customer: String,
    /// Its space.
    pub space: String,
    /// Its root.
    pub root: String,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// What is missing or wrong, and the step that puts it right.
    pub findings: Vec<Finding>,
    /// Why it could not be judged, or cannot be put right.
    pub failure: Option<String>,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy)]
pub enum ProgressUpdate<'a> {
    /// What comes before the work.
    Start {
        /// What is being read.
        what: &'a str,
        /// How much of it was.
        done: u64,
        /// How much there is, if that is known.
        of: Option<u64>,
    },
    /// The work, and the words of its migration.
    Run(&'a Snapshot, &'a Vocabulary),
}

/// Shows where a command stands; called some times a second from its tasks, must not block.
pub type ProgressSink = std::sync::Arc<dyn Fn(ProgressUpdate<'_>) + Send + Sync>;

/// What a command of the operator came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlReport {
    /// Nothing was asked: `holds` says what would hold.
    pub dry_run: bool,
    /// Whom it was for: `fleet`, `instance 3`.
    pub scope: String,
    /// What was asked.
    pub wish: String,
    /// Who asked, as `user@host`.
    pub by: String,
    /// Why.
    pub why: String,
    /// What is asked of the scope now, in words; `None` when nothing is.
    pub holds: Option<String>,
    /// Instances of the scope that run and will act on it at their next look.
    pub running: Vec<String>,
    /// What the operator may not expect.
    pub notes: Vec<String>,
}

/// What `init` found and made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// Nothing was made: `created` says what would be.
    pub dry_run: bool,
    /// Which tables these are; `None` after a dry run.
    pub state: Option<StateIdentity>,
    /// Table name and whether it was made now.
    pub tables: Vec<InitTable>,
}

/// One table of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitTable {
    /// Name.
    pub table: String,
    /// Made by this call; otherwise it was there.
    pub created: bool,
}

/// What a plan of `setup` is called, and what it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanReport {
    /// Its id.
    pub id: String,
    /// It was in force before: the same spaces for the same instances.
    pub was_in_force: bool,
    /// The plan that it takes the place of.
    pub replaces: Option<PlanLine>,
    /// Spaces with work left that go from one instance to another.
    pub spaces_moved: u64,
    /// Spaces that nobody was given before.
    pub spaces_new: u64,
    /// Spaces with work left that it gives to nobody.
    pub spaces_left_out: u64,
}

/// What `setup` counted and distributed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetupReport {
    /// The plan.
    pub plan: PlanReport,
    /// The tables that it is for.
    pub state: StateIdentity,
    /// Customers found.
    pub customers: u64,
    /// Spaces found.
    pub spaces: u64,
    /// Uploads counted.
    pub uploads: u64,
    /// One share per instance.
    pub instances: Vec<SetupShare>,
    /// Largest minus smallest load, in percent of the mean.
    pub spread_percent: f64,
    /// What was left out or looks odd: rows without customers, skipped customers.
    pub notes: Vec<String>,
    /// What the existing tool had left, and what a run will do about it.
    pub differences: Vec<LegacyFinding>,
    /// Nothing was written (`--analyze`).
    pub analyzed_only: bool,
}

/// The share of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetupShare {
    /// Number of the instance.
    pub instance: u32,
    /// Its customers.
    pub customers: u64,
    /// Its spaces.
    pub spaces: u64,
    /// Its uploads.
    pub uploads: u64,
    /// Its customers file; `None` when nothing was written.
    pub file: Option<PathBuf>,
}
