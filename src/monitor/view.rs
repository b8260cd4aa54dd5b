//! What a look shows, as data. Names of fields carry their unit of measure; times are RFC 3339.
//!
//! Fields have neutral names; [`super::in_words`] gives their keys the words of a migration.

use std::collections::BTreeMap;

use serde::Serialize;

use super::eta::Eta;
use crate::model::{
    ByStatus, Class, Counts, PlanSummary, Reason, Status, Throttle, Vocabulary, Warning,
    each_shown, shown,
};
use crate::state::rows::stamp;

/// Name of the JSON schema.
pub const SCHEMA: &str = "sterna.monitor";
/// Its version.
pub const VERSION: u32 = 2;

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "view", rename_all = "kebab-case")]
pub enum View {
    /// The whole migration.
    Overview(Overview),
    /// One owner.
    Owner(OwnerView),
    /// One unit, in the rows of each owner that has it.
    Unit {
        /// When it was read.
        at: String,
        /// The unit.
        unit: String,
        /// Its rows.
        units: Vec<UnitLine>,
        /// Its failed items.
        failures: Vec<FailureView>,
    },
    /// One instance.
    Instance(InstanceView),
    /// Failed items.
    Failed {
        /// When it was read.
        at: String,
        /// How many, by reason.
        reasons: BTreeMap<Reason, u64>,
        /// All of them.
        failures: Vec<FailureView>,
        /// What was asked for and is in no table.
        #[serde(skip)]
        unknown: Option<String>,
    },
    /// What the operator asks, and what the instances do.
    Control {
        /// When it was read.
        at: String,
        /// What is asked.
        asked: Vec<AskedLine>,
        /// Each instance.
        instances: Vec<InstanceLine>,
    },
    /// Every command of the operator.
    ControlLog {
        /// When it was read.
        at: String,
        /// All of them, oldest first.
        wishes: Vec<AskedLine>,
    },
    /// Units that make no progress.
    Stuck {
        /// When it was read.
        at: String,
        /// For how long a unit must be without progress.
        idle_seconds: u64,
        /// All of them, longest ago first.
        units: Vec<StuckLine>,
        /// What was asked for and is in no table.
        #[serde(skip)]
        unknown: Option<String>,
    },
}

impl View {
    /// What was asked for and is in no table: that it has nothing to show does not mean that all is well.
    #[must_use]
    pub fn unknown(&self, words: &Vocabulary) -> Option<String> {
        let (owner_word, unit_word) = (words.owner.one, words.unit.one);
        match self {
            Self::Owner(view) => (view.status.is_none() && view.units.is_empty())
                .then(|| format!("{owner_word} {}", view.owner)),
            Self::Unit { unit, units, .. } => {
                units.is_empty().then(|| format!("{unit_word} {unit}"))
            }
            Self::Instance(view) => (view.instance.is_none() && view.share.is_none())
                .then(|| format!("instance {}", view.number)),
            Self::Failed { unknown, .. } | Self::Stuck { unknown, .. } => unknown.clone(),
            Self::Overview(_) | Self::Control { .. } | Self::ControlLog { .. } => None,
        }
    }
}

/// The sum of all progress rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// When its first row was read.
    pub as_of: String,
    /// How long ago that is.
    pub age_seconds: u64,
    /// Whether the rows were read for this look; else it is the sum that instances store while they run.
    pub live: bool,
    /// Items, with `left` and `adds_up`.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Units by status; `foreign` ones have a word of another program and are left alone.
    pub units: ByStatus,
    /// Owners by the status of their units together.
    pub owners: ByStatus,
    /// Failed, quarantined and unknown items by reason, as the rows of units count them.
    pub reasons: BTreeMap<Reason, u64>,
    /// Whether every sum makes up its whole: that of each unit, and that of all.
    pub adds_up: bool,
    /// Units whose own counters do not.
    pub uneven: u64,
    /// The first 20 of them, as owner and unit.
    pub uneven_units: Vec<String>,
}

/// Rows of failed items, which `monitor --failed` lists and `retry` takes up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FailureRows {
    /// Whether all rows were read; else there are more.
    pub whole: bool,
    /// How many there are, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Why they say something else than the counters, if they do.
    pub note: Option<String>,
}

/// The whole migration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// When it was read.
    pub at: String,
    /// The sum of all progress rows; `None` where there are many and nobody summed them yet.
    pub totals: Option<Totals>,
    /// Rows of failed items; `None` if their table is missing.
    pub failure_rows: Option<FailureRows>,
    /// Tables that do not exist: what they would say is missing here.
    pub missing_tables: Vec<String>,
    /// Items a minute, over the last minutes, of the instances that run.
    pub items_per_minute: f64,
    /// How long it will take, if it goes on as it does: of the instances that are not held back.
    pub eta: Option<Eta>,
    /// Instances that run and begin nothing, or wait for a service, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_back: Vec<String>,
    /// Each instance.
    pub instances: Vec<InstanceLine>,
    /// The plan in force; `None` if `setup` never made one.
    pub plan: Option<PlanLine>,
    /// Units of that plan that have no row any more: what is to do in them is in no total.
    pub units_without_row: u64,
    /// What the operator asks of the fleet and of single instances; nothing is left out.
    pub asked: Vec<AskedLine>,
}

/// A plan of `setup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanLine {
    /// Its id.
    pub id: String,
    /// When it came into force.
    pub made_at: String,
    /// Who made it, as `user@host`.
    pub made_by: String,
    /// The flags that shaped it.
    pub shaped_by: String,
    /// How many instances it is for.
    pub instances: u64,
    /// How much it gives to all of them, as it was counted then.
    pub owners: u64,
    /// See `owners`.
    pub units: u64,
    /// See `owners`.
    pub items: u64,
}

impl PlanLine {
    /// The plan as it is shown.
    #[must_use]
    pub fn of(plan: &PlanSummary) -> Self {
        Self {
            id: plan.id.to_string(),
            made_at: stamp(plan.made_at),
            made_by: plan.made_by.clone(),
            shaped_by: plan.shaped_by.clone(),
            instances: plan.shares.len() as u64,
            owners: plan.owners,
            units: plan.units,
            items: plan.items,
        }
    }
}

/// Whether an instance is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alive {
    /// It reported lately.
    Yes,
    /// It should have reported and did not: dead, frozen or cut off.
    Silent,
    /// It ended, and said so.
    Ended,
    /// It never ran.
    Never,
}

/// What the plan gave to one instance, by the progress rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Items, with `left` and `adds_up`.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Units.
    pub units: u64,
    /// Units that have ended.
    pub units_ended: u64,
}

/// One instance in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceLine {
    /// Its number.
    pub instance: String,
    /// The id of its state folder; with it the number names one lease holder.
    pub folder: Option<String>,
    /// `assigned`, `running`, `paused`, `draining`, `ended`, in its own words.
    pub state: String,
    /// Whether it is there.
    pub alive: Alive,
    /// Its run, the last one; `None` if it never ran.
    pub run: Option<String>,
    /// The plan that its scope is a part of; `None` for a scope of no plan.
    pub plan: Option<String>,
    /// Whether that is the plan in force; one of no plan is in nobody's way.
    pub plan_in_force: bool,
    /// Why it is paused or draining.
    pub note: Option<String>,
    /// The machine and process.
    pub host: String,
    /// See `host`.
    pub pid: u32,
    /// The program's version.
    pub program: String,
    /// When it reported last; `None` if never.
    pub heartbeat_at: Option<String>,
    /// How long ago that is.
    pub heartbeat_age_seconds: Option<u64>,
    /// What the plan gave to it, by the progress rows; `None` if nothing, or if nobody summed them yet.
    pub share: Option<Share>,
    /// Items in the scope of its last run, which may be a part of its share, or of other shares.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Those that failed, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Units in the scope of its last run, and those that ended.
    pub units: u64,
    /// See `units`.
    pub units_settled: u64,
    /// Items in flight, and how many it may have.
    pub in_flight: u64,
    /// See `in_flight`.
    pub concurrency: u32,
    /// Items that it may begin a minute; `None` is no limit.
    pub begun_per_minute_at_most: Option<u32>,
    /// Items that it settled for other instances, by instance; no part of `counts`.
    #[serde(serialize_with = "each_shown")]
    pub helped: BTreeMap<String, Counts>,
    /// Items a minute.
    pub items_per_minute: f64,
    /// What holds it back.
    pub throttles: Vec<Throttle>,
    /// What it noticed of its own health.
    pub warnings: Vec<Warning>,
}

/// What the operator asks of the fleet or of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedLine {
    /// Of whom: `fleet`, `instance 3`.
    pub scope: String,
    /// What holds, in words; in the log: what was asked.
    pub what: String,
    /// Who asked, as `user@host`.
    pub by: String,
    /// When.
    pub at: String,
    /// Why; empty when nobody said.
    pub why: String,
}

/// One unit in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitLine {
    /// Whose it is.
    pub owner: String,
    /// The unit.
    pub unit: String,
    /// Its status, or another program's word.
    pub status: String,
    /// Its counters, with `left` and `adds_up`.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Its bad items, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// The instance it was given to, or that wrote it last.
    pub instance: Option<String>,
    /// The instance that holds it now.
    pub held_by: Option<String>,
    /// Its parts, while instances share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitLine>,
    /// The last item below which all are settled.
    pub cursor: Option<String>,
    /// When it made progress last.
    pub updated_at: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The parts of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitLine {
    /// How many there are.
    pub parts: u64,
    /// How many of them have ended.
    pub ended: u64,
    /// Parts that are held now, by instance.
    pub held_by: BTreeMap<String, u64>,
}

/// One owner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnerView {
    /// When it was read.
    pub at: String,
    /// The owner.
    pub owner: String,
    /// The word in its row; `None` if it has no row.
    pub status: Option<String>,
    /// The instance it was given to.
    pub instance: Option<String>,
    /// Counters of all its units, with `left` and `adds_up`.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Its units.
    pub units: Vec<UnitLine>,
    /// How many failed items the rows of failures are about.
    pub failures: u64,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceView {
    /// When it was read.
    pub at: String,
    /// Its name.
    pub number: String,
    /// Itself; `None` if it has no fleet row. Of several with its number one that runs, the latest.
    pub instance: Option<InstanceLine>,
    /// Others with its number, on other machines or in other state folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_number: Vec<InstanceLine>,
    /// What the plan gave to it, by the progress rows.
    pub share: Option<Share>,
    /// The units that it has leased.
    pub units: Vec<UnitLine>,
    /// How many items it met last have failed, by reason.
    pub failures: BTreeMap<Reason, u64>,
}

/// One failed item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureView {
    /// Whose it is.
    pub owner: String,
    /// Its unit.
    pub unit: String,
    /// The item; `*` for all items of the unit that one cause keeps back.
    pub item: String,
    /// How many items it is about; 0 while those of a unit are not counted yet.
    pub items: u64,
    /// The step that failed, if it was one.
    pub step: Option<String>,
    /// What it means.
    pub class: Class,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub message: String,
    /// What an operator does about it, one sentence.
    pub advice: &'static str,
    /// How often it was tried.
    pub attempts: u32,
    /// The instance that tried last.
    pub instance: String,
    /// When it failed first and last.
    pub first_at: String,
    /// See `first_at`.
    pub last_at: String,
}

/// Why a unit makes no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Its holder lives and works on it: something there is slow.
    Slow,
    /// Its holder is dead, frozen or cut off: another instance takes it over.
    Dead,
    /// Nobody holds it: it waits until its instance comes to it, or is started.
    Waiting,
}

/// One unit without progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StuckLine {
    /// The unit.
    pub unit: UnitLine,
    /// Its status in words of the model.
    pub status: Status,
    /// Since when it makes no progress.
    pub idle_seconds: u64,
    /// Why.
    pub verdict: Verdict,
    /// What tells so.
    pub because: String,
    /// What to do about it; `None` when nothing needs to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}
