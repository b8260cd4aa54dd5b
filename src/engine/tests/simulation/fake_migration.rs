//! The migration that is simulated: two effects on each item, a folder for each unit, a key for each owner.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::oneshot;

use super::controls::{self, Busy};
use super::disk::Drive;
use super::judge;
use super::mutant;
use super::sim::{Sim, Who};
use super::world::World;
use crate::engine::tests::reasons::REASONS;
use crate::engine::{
    Gap, Migration, OwnerRollup, Step, StepContext, UnitContext, UnitObservation, UnitStep,
};
use crate::migrations::uploads::{
    CustomerRollup, CustomerTables, MigrationSpace, SpaceMark, SpaceStatus,
};
use crate::model::{
    Effect, Failure, ItemId, ItemRange, MigrationName, Reason, Reasons, StepName, UnitId,
    UnixMillis,
};
use crate::proto::CustomerDid;
use crate::runtime::Instant;
use crate::state::Store;

/// Items in a page of a listing.
const PAGE: usize = 5;
/// The deadline of a call.
const DEADLINE: Duration = Duration::from_secs(2);

/// The world, as one process sees it. Clones are the same.
#[derive(Clone)]
pub(super) struct FakeMigration(Arc<FakeMigrationParts>);

struct FakeMigrationParts {
    sim: Arc<Sim>,
    who: Who,
    drive: Drive,
    store: Store,
}

/// What a probe showed.
pub(super) struct Observation {
    copied: bool,
    sealed: bool,
}

/// An item as it was listed.
#[derive(Clone)]
pub(super) struct Listed {
    id: String,
    added_at: Option<UnixMillis>,
    corrupt: bool,
}

impl FakeMigration {
    pub(super) fn new(sim: &Arc<Sim>, who: &Who, drive: &Drive, store: &Store) -> Self {
        Self(Arc::new(FakeMigrationParts {
            sim: Arc::clone(sim),
            who: who.clone(),
            drive: drive.clone(),
            store: store.clone(),
        }))
    }

    /// One call: the request travels, is carried out whatever became of its sender, and is answered.
    async fn call<T: Send + 'static>(
        &self,
        fails: (u8, u8),
        carry_out: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let sim = Arc::clone(&self.0.sim);
        self.0.sim.tasks.spawn(async move {
            tokio::time::sleep(sim.wait(sim.faults.latency)).await;
            if sim.happens(fails.0) {
                let failure = Failure::transient(Reason::SERVICE_ERROR, "500");
                let _ = answer.send(Err(failure));
                return;
            }
            let value = carry_out(&mut sim.lock().world);
            judge::keys(&sim);
            tokio::time::sleep(sim.wait(sim.faults.latency)).await;
            if !sim.happens(fails.1) {
                let _ = answer.send(Ok(value));
            }
        });
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(Failure::unknown(Reason::TIMEOUT, "no answer")),
        }
    }
}

#[async_trait]
impl Migration for FakeMigration {
    type Item = Listed;
    type Observation = Observation;

    fn name(&self) -> MigrationName {
        MigrationName::new("ferry")
    }

    fn owner_rollup(&self) -> Option<&dyn OwnerRollup> {
        Some(&CustomerRollup)
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        vec![Arc::new(Make("copy")), Arc::new(Make("seal"))]
    }

    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        vec![Arc::new(Key(self.clone())), Arc::new(Folder(self.clone()))]
    }

    fn item_id(&self, item: &Listed) -> ItemId {
        ItemId::new(item.id.as_str())
    }

    fn added_at(&self, item: &Listed) -> Option<UnixMillis> {
        item.added_at
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<Listed, Failure>> {
        {
            let now = self.0.sim.clock.now();
            let mut inside = self.0.sim.lock();
            let listed = inside.world.listed.entry(unit.id.clone()).or_default();
            let by = listed.by.entry(self.0.who.run.to_string()).or_insert(now);
            if within == ItemRange::default() {
                (listed.from_start, *by) = (now, now);
            }
        }
        stream::unfold(Some(within), async move |within| {
            let within = within?;
            match self.page(&unit.id, within.clone()).await {
                Ok(page) if page.is_empty() => None,
                Ok(page) => {
                    let last = page.last().map(|item| self.item_id(item));
                    let page: Vec<_> = page.into_iter().map(Ok).collect();
                    Some((page, Some(within.from(last))))
                }
                Err(failure) => Some((vec![Err(failure)], None)),
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }

    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<Listed, Failure> {
        let (unit, item) = (unit.id.clone(), id.to_string());
        let thing = self
            .call((0, 0), move |world| world.units[&unit].get(&item).cloned())
            .await?;
        let thing = thing.ok_or_else(|| Failure::permanent(Reason::NOT_FOUND, "no such item"))?;
        Ok(Listed {
            id: id.to_string(),
            added_at: thing.added_at,
            corrupt: thing.corrupt,
        })
    }

    async fn probe(&self, unit: &UnitContext, item: &Listed) -> Result<Observation, Failure> {
        let FakeMigrationParts { sim, who, .. } = &*self.0;
        let _busy = Busy::new(sim, who, &unit.id, &item.id);
        judge::probe(sim, who, &unit.id, &item.id);
        let (id, name) = (unit.id.clone(), item.id.clone());
        let seen = self.call((0, 0), move |world| {
            let thing = world.thing(&id, &name);
            let visible = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
            Observation {
                copied: visible(thing.copied),
                sealed: visible(thing.sealed),
            }
        });
        let seen = seen.await?;
        if sim.happens(sim.faults.untold) {
            return Err(Failure::unknown(Reason::COULD_NOT_TELL, "502"));
        }
        judge::check_reported(sim, who, &unit.id, &item.id);
        Ok(mutant::seen(sim, seen))
    }
}

impl FakeMigration {
    async fn page(&self, unit: &UnitId, within: ItemRange) -> Result<Vec<Listed>, Failure> {
        let unit = unit.clone();
        let read = move |world: &mut World| {
            let items = world.units[&unit].iter();
            let items = items.filter(|(id, _)| within.contains(&ItemId::new(id.as_str())));
            let listed = |(id, thing): (&String, &super::world::Thing)| Listed {
                id: id.clone(),
                added_at: thing.added_at,
                corrupt: thing.corrupt,
            };
            items.take(PAGE).map(listed).collect()
        };
        self.call((self.0.sim.faults.broken_list, 0), read).await
    }

    /// When something made now is seen.
    fn seen_at(&self) -> Instant {
        Instant::now() + self.0.sim.wait(self.0.sim.faults.unseen)
    }
}

impl Observation {
    /// As if nothing were there, or everything.
    pub(super) fn all(there: bool) -> Self {
        Self {
            copied: there,
            sealed: there,
        }
    }
}

/// One kind of effect on an item.
struct Make(&'static str);

#[async_trait]
impl Step<FakeMigration> for Make {
    fn name(&self) -> StepName {
        StepName::new(self.0)
    }

    fn gaps(
        &self,
        _: &UnitContext,
        item: &Listed,
        seen: &Observation,
    ) -> Result<Vec<Gap>, Failure> {
        let there = if self.0 == "copy" {
            seen.copied
        } else {
            seen.sealed
        };
        if !there && item.corrupt {
            return Err(Failure::permanent(
                Reason::new("CORRUPT_CAR"),
                "flipped byte",
            ));
        }
        Ok(if there {
            Vec::new()
        } else {
            vec![Gap::missing(item.id.as_str(), "not there")]
        })
    }

    async fn apply(
        &self,
        step_context: &StepContext<'_, FakeMigration>,
        gap: &Gap,
    ) -> Result<Effect, Failure> {
        let migration = step_context.migration;
        let FakeMigrationParts {
            sim, who, drive, ..
        } = &*migration.0;
        let _busy = Busy::new(sim, who, &step_context.unit.id, &gap.subject);
        judge::effect(sim, who, drive, &step_context.unit.id, &gap.subject, self.0);
        let (unit, item, step, seen_at) = (
            step_context.unit.id.clone(),
            gap.subject.clone(),
            self.0,
            migration.seen_at(),
        );
        let fails = (sim.faults.failed_effect, sim.faults.lost_effect);
        let making = migration.call(fails, move |world| {
            world
                .thing(&unit, &item)
                .effect(step)
                .get_or_insert(seen_at);
        });
        making.await?;
        judge::made(sim, who, &step_context.unit.id, &gap.subject);
        Ok(Effect::new(self.0, gap.subject.as_str()).reversible())
    }
}

/// The folder of a unit, which can be looked at.
struct Folder(FakeMigration);

#[async_trait]
impl UnitStep for Folder {
    fn name(&self) -> StepName {
        StepName::new("folder")
    }

    async fn probe(&self, unit: &UnitContext) -> Result<UnitObservation, Failure> {
        let FakeMigrationParts { sim, who, .. } = &*self.0.0;
        controls::probe(sim, who, &unit.id, "folder");
        let id = unit.id.clone();
        let there = self
            .0
            .call((0, 0), move |world| world.folders.contains(&id))
            .await?;
        Ok(if there {
            UnitObservation::Done
        } else {
            UnitObservation::Gap(Gap::missing(&*unit.id.name, "no folder"))
        })
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        let FakeMigrationParts { sim, who, .. } = &*self.0.0;
        judge::unit_effect(sim, who, &unit.id, "folder");
        let id = unit.id.clone();
        let fails = (sim.faults.failed_effect, sim.faults.lost_effect);
        self.0
            .call(fails, move |world| world.folders.insert(id))
            .await?;
        Ok(Effect::new("folder", &*unit.id.name))
    }
}

/// The one key of an owner: no probe can show it, so it is in the store before it is used.
struct Key(FakeMigration);

#[async_trait]
impl UnitStep for Key {
    fn name(&self) -> StepName {
        StepName::new("key")
    }

    async fn probe(&self, unit: &UnitContext) -> Result<UnitObservation, Failure> {
        let FakeMigrationParts { sim, who, .. } = &*self.0.0;
        controls::probe(sim, who, &unit.id, "key");
        Ok(UnitObservation::Unseen)
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        let FakeMigrationParts {
            sim, who, store, ..
        } = &*self.0.0;
        judge::unit_effect(sim, who, &unit.id, "key");
        let owner: CustomerDid = unit.id.owner.parse().unwrap();
        let of_state = |error: crate::state::StateError| error.failure();
        let stored = CustomerTables::of(store)
            .migration_space(&owner)
            .await
            .map_err(of_state)?;
        let space = if let Some(space) = stored {
            space
        } else {
            let fresh = MigrationSpace {
                customer: owner.clone(),
                space: format!("did:key:z6Mk{:032}", sim.between(0..u64::MAX))
                    .parse()
                    .unwrap(),
                name: String::new(),
                sealed_key: None,
                status: SpaceStatus::Active,
                delegated: false,
                ours: true,
            };
            let made = CustomerTables::of(store)
                .create_migration_space(&fresh)
                .await;
            made.map_err(of_state)?.into_space()
        };
        if space.status == SpaceStatus::Active {
            let (name, key) = (owner.to_string(), space.space.to_string());
            let fails = (sim.faults.failed_effect, sim.faults.lost_effect);
            let used = self.0.call(fails, move |world| {
                world.keys.entry(name).or_default().insert(key)
            });
            used.await?;
            CustomerTables::of(store)
                .mark_space(&owner, &space.space, SpaceMark::Provisioned(true))
                .await
                .map_err(of_state)?;
        }
        Ok(Effect::new("key", owner.as_str()))
    }
}
