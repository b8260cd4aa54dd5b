//! What a migration implements: its items, probes and steps.
//!
//! The engine knows no migration by name, only these traits. It adds everything else: leases, checkpoints, retries,
//! throttles, verification, rollback, progress and audits.

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::sync::Arc;

use crate::model::{
    Effect, Failure, Finding, ItemId, ItemRange, MigrationName, Reasons, StepName, UnitId,
    UnixMillis, Verdict,
};

use crate::state::{self, Store};

use super::context::UnitContext;
use super::watch::Heartbeat;

/// A migration: lists items, probes them, and has steps.
#[async_trait]
pub trait Migration: Send + Sync + Sized + 'static {
    /// What the steps work on.
    type Item: Clone + Send + Sync + 'static;
    /// What one probe showed of an item. Steps decide by it.
    type Observation: Send + Sync + 'static;

    /// Its name in rows, files and events.
    fn name(&self) -> MigrationName;

    /// The reasons for which its items fail.
    fn reasons(&self) -> Reasons {
        Reasons::COMMON
    }

    /// The steps of an item, in order.
    fn steps(&self) -> Vec<Arc<dyn Step<Self>>>;

    /// The steps of a unit, made once per unit before its items.
    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        Vec::new()
    }

    /// Effects on owners, if there are any.
    fn owner_effects(&self) -> Option<&dyn OwnerEffects> {
        None
    }

    /// The sum per owner, if there is one.
    fn owner_rollup(&self) -> Option<&dyn OwnerRollup> {
        None
    }

    /// The id of an item inside its unit.
    fn item_id(&self, item: &Self::Item) -> ItemId;

    /// When the item was added to the source, if the source says so. Items that are added during a pass are left to a
    /// later one.
    fn added_at(&self, item: &Self::Item) -> Option<UnixMillis> {
        let _ = item;
        None
    }

    /// The items of a unit in a range, in the order of their ids, which must not change. Pages are read as needed. An
    /// error ends the listing; the items before it count.
    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<Self::Item, Failure>>;

    /// One item by id, for retries and single items.
    ///
    /// # Errors
    /// [`crate::model::Reason::NOT_FOUND`] if the source no longer has it; those of the source.
    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<Self::Item, Failure>;

    /// One probe of the world. It changes nothing.
    ///
    /// # Errors
    /// "Could not tell" is a failure of class [`crate::model::Class::Unknown`] or `Transient`, never an observation in which things are absent.
    async fn probe(
        &self,
        unit: &UnitContext,
        item: &Self::Item,
    ) -> Result<Self::Observation, Failure>;
}

/// Keeps the sum of an owner up to date with the rows of its units.
#[async_trait]
pub trait OwnerRollup: Send + Sync {
    /// Updates the sum of one owner. Several instances may do so at once: none overwrites a newer sum with an older
    /// one.
    ///
    /// # Errors
    /// Those of the tables. The sum is unchanged.
    async fn refresh(&self, store: &Store, owner: &str) -> Result<(), state::StateError>;
}

/// One kind of effect on an item.
///
/// Contract: `gaps` is pure. `apply` may be called twice for the same gap, after a crash between the effect and its
/// record, and must then leave the world as after one call. After `apply`, a later probe no longer shows the gap,
/// unless it is [`Gap::unseen`].
#[async_trait]
pub trait Step<M: Migration>: Send + Sync {
    /// Its name in rows, events and filters.
    fn name(&self) -> StepName;

    /// What is missing or wrong: one gap for each effect that would close it.
    ///
    /// # Errors
    /// The item cannot be judged. The class decides whether it is quarantined or tried again.
    fn gaps(
        &self,
        unit: &UnitContext,
        item: &M::Item,
        observed: &M::Observation,
    ) -> Result<Vec<Gap>, Failure>;

    /// Closes one gap. An effect that can be undone must be passed to [`StepContext::intend`] before it is made.
    ///
    /// # Errors
    /// The effect was not made, or may have been.
    async fn apply(&self, step_context: &StepContext<'_, M>, gap: &Gap) -> Result<Effect, Failure>;

    /// How its effects are undone; `None` if they cannot be.
    fn undo(&self) -> Option<&dyn Undoer> {
        None
    }

    /// What stays in the world after a rollback, in words.
    fn residue(&self) -> &'static str {
        ""
    }
}

/// Undoes effects of one step.
///
/// Contract: `undo` may be called twice for the same effect, after a crash before its record, and must then leave the
/// world as after one call. Afterwards `exists` returns `false`.
#[async_trait]
pub trait Undoer: Send + Sync {
    /// Whether the effect exists. Changes nothing.
    ///
    /// # Errors
    /// "Could not tell".
    async fn exists(&self, unit: &UnitContext, effect: &Effect) -> Result<bool, Failure>;

    /// Undoes it.
    ///
    /// # Errors
    /// The effect was not undone, or may have been.
    async fn undo(&self, unit: &UnitContext, effect: &Effect) -> Result<(), Failure>;

    /// A name for what the effect made, if effects on other items may have made the same. It is undone only with the
    /// last of them.
    fn shared(&self, unit: &UnitId, effect: &Effect) -> Option<String> {
        let _ = (unit, effect);
        None
    }
}

/// Effects on an owner. No journal holds them: they are found in the world and in shared state. They are undone only
/// when no unit of the owner has anything left to undo.
#[async_trait]
pub trait OwnerEffects: Send + Sync {
    /// The existing effects of this migration on the owner, in the order in which they were made.
    ///
    /// # Errors
    /// "Could not tell".
    async fn existing(&self, owner: &str) -> Result<Vec<Effect>, Failure>;

    /// Undoes one effect, as [`Undoer::undo`].
    ///
    /// # Errors
    /// The effect was not undone, or may have been.
    async fn undo(&self, owner: &str, effect: &Effect) -> Result<(), Failure>;

    /// As [`Step::residue`], for effects of this kind.
    fn residue(&self, kind: &str) -> &'static str;
}

/// One kind of effect on a unit as a whole. It is recorded in the shared store before it is made, so that a successor
/// on another machine can adopt it.
#[async_trait]
pub trait UnitStep: Send + Sync {
    /// Its name in rows, events and filters.
    fn name(&self) -> StepName;

    /// Probes the effect. Changes nothing.
    ///
    /// # Errors
    /// "Could not tell" is a failure of class [`crate::model::Class::Unknown`] or `Transient`, never an observation in which things are absent.
    async fn probe(&self, unit: &UnitContext) -> Result<UnitObservation, Failure>;

    /// Makes the effect. It may be called again after a crash.
    ///
    /// # Errors
    /// The effect was not made, or may have been.
    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure>;

    /// As [`Step::undo`]. It gets the recorded effect, or after a crash one that names only the step and the unit.
    fn undo(&self) -> Option<&dyn Undoer> {
        None
    }

    /// As [`Step::residue`].
    fn residue(&self) -> &'static str {
        ""
    }
}

/// What a probe of a unit's effect showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitObservation {
    /// It exists.
    Done,
    /// It is missing or wrong.
    Gap(Gap),
    /// No probe can show it; the record in the progress row decides.
    Unseen,
}

/// One thing that a step found missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// What it is about, unique among the gaps of one step and item.
    pub subject: String,
    /// Whether it exists and is wrong; else it is missing.
    pub wrong: bool,
    /// In words.
    pub why: String,
    /// Whether no probe can show it.
    pub unseen: bool,
    /// Bytes that closing it reads, if known.
    pub bytes: Option<u64>,
}

impl Gap {
    /// Something is missing.
    pub fn missing(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            wrong: false,
            why: why.into(),
            unseen: false,
            bytes: None,
        }
    }

    /// The same, with the bytes that closing it reads.
    #[must_use]
    pub fn reading(mut self, bytes: Option<u64>) -> Self {
        self.bytes = bytes;
        self
    }

    /// Something that no probe can show. It is made once per item and not verified: the settled item is its record.
    pub fn unseen(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            unseen: true,
            ..Self::missing(subject, why)
        }
    }

    /// Something exists and is wrong.
    pub fn wrong(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            wrong: true,
            ..Self::missing(subject, why)
        }
    }

    /// The gap as a finding of an audit.
    #[must_use]
    pub fn finding(&self, step: &StepName) -> Finding {
        Finding {
            step: step.clone(),
            subject: self.subject.clone(),
            verdict: if self.wrong {
                Verdict::Wrong
            } else {
                Verdict::Missing
            },
            why: self.why.clone(),
            bytes: self.bytes,
        }
    }
}

/// Everything a step has available while it works on an item.
pub struct StepContext<'a, M: Migration> {
    /// The migration, which holds the clients.
    pub migration: &'a M,
    /// The unit.
    pub unit: &'a UnitContext,
    /// The item.
    pub item: &'a M::Item,
    /// What the last probe showed.
    pub observed: &'a M::Observation,
    /// A step that takes minutes must beat it.
    pub heartbeat: Heartbeat,
    pub(super) intent: &'a Intent<'a>,
}

/// Records an effect that is about to be made.
pub(super) type Intent<'a> =
    dyn Fn(Effect) -> BoxFuture<'a, Result<(), Failure>> + Send + Sync + 'a;

impl<M: Migration> StepContext<'_, M> {
    /// Writes to disk which effect is about to be made, with everything needed to find and undo it. Not for an effect
    /// that existed before.
    ///
    /// # Errors
    /// Those of the journal, and a lease that is lost or near its end: the effect must not be made.
    pub async fn intend(&self, effect: &Effect) -> Result<(), Failure> {
        (self.intent)(effect.clone()).await
    }
}
