//! The migration that is simulated: two effects on each item, a folder for each unit, a key for each owner.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::oneshot;

use super::disk::Drive;
use super::judge;
use super::mutant;
use super::sea::Sea;
use super::sim::{Sim, Who};
use super::wishes::{self, Busy};
use crate::engine::tests::reasons::REASONS;
use crate::engine::{Look, Migration, Need, OwnerRollup, Step, Turn, UnitContext, UnitStep};
use crate::migrations::uploads::{
    CustomerRollup, CustomerTables, MigrationSpace, SpaceMark, SpaceStatus,
};
use crate::model::{
    Between, CustomerDid, Effect, Failure, ItemId, MigrationName, Reason, Reasons, StepName, UnitId,
};
use crate::runtime::Moment;
use crate::state::Store;

/// Items in a page of a listing.
const PAGE: usize = 5;
/// The deadline of a call.
const DEADLINE: Duration = Duration::from_secs(2);

/// The world, as one process sees it. Clones are the same.
#[derive(Clone)]
pub(super) struct Ferry(Arc<Parts>);

struct Parts {
    sim: Arc<Sim>,
    who: Who,
    drive: Drive,
    store: Store,
}

/// What a look showed.
pub(super) struct Seen {
    copied: bool,
    sealed: bool,
}

/// An item as it was listed.
#[derive(Clone)]
pub(super) struct Listed {
    id: String,
    added_at: Option<u64>,
    corrupt: bool,
}

impl Ferry {
    pub(super) fn new(sim: &Arc<Sim>, who: &Who, drive: &Drive, store: &Store) -> Self {
        Self(Arc::new(Parts {
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
        carry_out: impl FnOnce(&mut Sea) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let sim = Arc::clone(&self.0.sim);
        self.0.sim.tasks.spawn(async move {
            tokio::time::sleep(sim.wait(sim.weather.latency)).await;
            if sim.happens(fails.0) {
                let failure = Failure::transient(Reason::SERVICE_ERROR, "500");
                let _ = answer.send(Err(failure));
                return;
            }
            let value = carry_out(&mut sim.lock().sea);
            judge::keys(&sim);
            tokio::time::sleep(sim.wait(sim.weather.latency)).await;
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
impl Migration for Ferry {
    type Item = Listed;
    type Seen = Seen;

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

    fn added_at(&self, item: &Listed) -> Option<u64> {
        item.added_at
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: Between,
    ) -> BoxStream<'a, Result<Listed, Failure>> {
        {
            let now = self.0.sim.clock.unix_ms();
            let mut inside = self.0.sim.lock();
            let listed = inside.sea.listed.entry(unit.id.clone()).or_default();
            let by = listed.by.entry(self.0.who.run.to_string()).or_insert(now);
            if within == Between::default() {
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
            .call((0, 0), move |sea| sea.units[&unit].get(&item).cloned())
            .await?;
        let thing = thing.ok_or_else(|| Failure::permanent(Reason::NOT_FOUND, "no such item"))?;
        Ok(Listed {
            id: id.to_string(),
            added_at: thing.added_at,
            corrupt: thing.corrupt,
        })
    }

    async fn probe(&self, unit: &UnitContext, item: &Listed) -> Result<Seen, Failure> {
        let Parts { sim, who, .. } = &*self.0;
        let _busy = Busy::new(sim, who, &unit.id, &item.id);
        judge::look(sim, who, &unit.id, &item.id);
        let (id, name) = (unit.id.clone(), item.id.clone());
        let seen = self.call((0, 0), move |sea| {
            let thing = sea.thing(&id, &name);
            let visible = |at: Option<Moment>| at.is_some_and(|at| at <= Moment::now());
            Seen {
                copied: visible(thing.copied),
                sealed: visible(thing.sealed),
            }
        });
        let seen = seen.await?;
        if sim.happens(sim.weather.untold) {
            return Err(Failure::unknown(Reason::COULD_NOT_TELL, "502"));
        }
        judge::told(sim, who, &unit.id, &item.id);
        Ok(mutant::seen(sim, seen))
    }
}

impl Ferry {
    async fn page(&self, unit: &UnitId, within: Between) -> Result<Vec<Listed>, Failure> {
        let unit = unit.clone();
        let read = move |sea: &mut Sea| {
            let items = sea.units[&unit].iter();
            let items = items.filter(|(id, _)| within.takes(&ItemId::new(id.as_str())));
            let listed = |(id, thing): (&String, &super::sea::Thing)| Listed {
                id: id.clone(),
                added_at: thing.added_at,
                corrupt: thing.corrupt,
            };
            items.take(PAGE).map(listed).collect()
        };
        self.call((self.0.sim.weather.broken_list, 0), read).await
    }

    /// When something made now is seen.
    fn seen_at(&self) -> Moment {
        Moment::now() + self.0.sim.wait(self.0.sim.weather.unseen)
    }
}

impl Seen {
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
impl Step<Ferry> for Make {
    fn name(&self) -> StepName {
        StepName::new(self.0)
    }

    fn needs(&self, _: &UnitContext, item: &Listed, seen: &Seen) -> Result<Vec<Need>, Failure> {
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
            vec![Need::missing(item.id.as_str(), "not there")]
        })
    }

    async fn apply(&self, turn: &Turn<'_, Ferry>, need: &Need) -> Result<Effect, Failure> {
        let ferry = turn.migration;
        let Parts {
            sim, who, drive, ..
        } = &*ferry.0;
        let _busy = Busy::new(sim, who, &turn.unit.id, &need.subject);
        judge::effect(sim, who, drive, &turn.unit.id, &need.subject, self.0);
        let (unit, item, step, seen_at) = (
            turn.unit.id.clone(),
            need.subject.clone(),
            self.0,
            ferry.seen_at(),
        );
        let fails = (sim.weather.failed_effect, sim.weather.lost_effect);
        let making = ferry.call(fails, move |sea| {
            sea.thing(&unit, &item).effect(step).get_or_insert(seen_at);
        });
        making.await?;
        judge::made(sim, who, &turn.unit.id, &need.subject);
        Ok(Effect::new(self.0, need.subject.as_str()).reversible())
    }
}

/// The folder of a unit, which can be looked at.
struct Folder(Ferry);

#[async_trait]
impl UnitStep for Folder {
    fn name(&self) -> StepName {
        StepName::new("folder")
    }

    async fn probe(&self, unit: &UnitContext) -> Result<Look, Failure> {
        let Parts { sim, who, .. } = &*self.0.0;
        wishes::look(sim, who, &unit.id, "folder");
        let id = unit.id.clone();
        let there = self
            .0
            .call((0, 0), move |sea| sea.folders.contains(&id))
            .await?;
        Ok(if there {
            Look::Done
        } else {
            Look::Needed(Need::missing(&*unit.id.name, "no folder"))
        })
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        let Parts { sim, who, .. } = &*self.0.0;
        judge::unit_effect(sim, who, &unit.id, "folder");
        let id = unit.id.clone();
        let fails = (sim.weather.failed_effect, sim.weather.lost_effect);
        self.0
            .call(fails, move |sea| sea.folders.insert(id))
            .await?;
        Ok(Effect::new("folder", &*unit.id.name))
    }
}

/// The one key of an owner: no look can show it, so it is in the store before it is used.
struct Key(Ferry);

#[async_trait]
impl UnitStep for Key {
    fn name(&self) -> StepName {
        StepName::new("key")
    }

    async fn probe(&self, unit: &UnitContext) -> Result<Look, Failure> {
        let Parts { sim, who, .. } = &*self.0.0;
        wishes::look(sim, who, &unit.id, "key");
        Ok(Look::Unseen)
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        let Parts {
            sim, who, store, ..
        } = &*self.0.0;
        judge::unit_effect(sim, who, &unit.id, "key");
        let owner: CustomerDid = unit.id.owner.parse().unwrap();
        let of_state = |error: crate::state::Error| error.failure();
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
            let fails = (sim.weather.failed_effect, sim.weather.lost_effect);
            let used = self.0.call(fails, move |sea| {
                sea.keys.entry(name).or_default().insert(key)
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
