//! A small second migration: copies keys from one folder to another and seals each copy.
//!
//! A unit is a folder, an item a file. It says only this; leases, checkpoints, retries,
//! verification, rollback, audits and progress come from the engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use super::calls::Calls;
use crate::engine::tests::reasons::REASONS;
use crate::engine::{
    Gap, Migration, OwnerRollup, Step, StepContext, Undoer, UnitContext, UnitObservation, UnitStep,
};
use crate::migrations::uploads::CustomerRollup;
use crate::model::{
    Effect, Failure, ItemId, ItemRange, MigrationName, Reason, Reasons, StepName, StepState,
    UnixMillis,
};

/// Two folders.
pub(super) struct Copy {
    pub(super) from: PathBuf,
    pub(super) to: Target,
    pub(super) calls: Arc<Calls>,
}

/// What is in the target: whether the copy is the same, and whether there is a seal.
type Observation = (Option<bool>, bool);

#[async_trait]
impl Migration for Copy {
    type Item = String;
    type Observation = Observation;

    fn name(&self) -> MigrationName {
        MigrationName::new("copy")
    }

    fn owner_rollup(&self) -> Option<&dyn OwnerRollup> {
        Some(&CustomerRollup)
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        let step = |name, end| Arc::new(Write(self.to.clone(), name, end)) as Arc<dyn Step<Self>>;
        vec![step("copy", ""), step("seal", ".seal")]
    }

    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        vec![Arc::new(self.to.clone())]
    }

    fn item_id(&self, key: &String) -> ItemId {
        ItemId::new(key.as_str())
    }

    fn added_at(&self, key: &String) -> Option<UnixMillis> {
        self.calls.added_at.lock().unwrap().get(key).copied()
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<String, Failure>> {
        let folder = fs::read_dir(self.from.join(&*unit.id.name)).unwrap();
        let mut keys: Vec<String> = folder
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|key| within.contains(&self.item_id(key)))
            .collect();
        keys.sort();
        // One request for a page of fifty.
        let pages: Vec<Vec<String>> = keys.chunks(50).map(<[String]>::to_vec).collect();
        stream::iter(pages)
            .then(async |page| self.calls.call("list", &page[0]).await.map(|()| page))
            .flat_map(|page| match page {
                Ok(keys) => stream::iter(keys).map(Ok).left_stream(),
                Err(failure) => stream::iter([Err(failure)]).right_stream(),
            })
            .boxed()
    }

    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<String, Failure> {
        let there = path(&self.from, unit, id.as_str()).exists();
        there
            .then(|| id.to_string())
            .ok_or_else(|| Failure::permanent(Reason::NOT_FOUND, "gone"))
    }

    async fn probe(&self, unit: &UnitContext, key: &String) -> Result<Observation, Failure> {
        self.calls.call("probe", key).await?;
        let source = fs::read(path(&self.from, unit, key)).unwrap();
        let target = fs::read(path(&self.to.0, unit, key)).ok();
        let seal = path(&self.to.0, unit, &format!("{key}.seal"));
        Ok((target.map(|target| target == source), seal.exists()))
    }
}

fn path(root: &Path, unit: &UnitContext, key: &str) -> PathBuf {
    root.join(&*unit.id.name).join(key)
}

struct Write(Target, &'static str, &'static str);

#[async_trait]
impl Step<Copy> for Write {
    fn name(&self) -> StepName {
        StepName::new(self.1)
    }

    fn gaps(
        &self,
        unit: &UnitContext,
        key: &String,
        observed: &Observation,
    ) -> Result<Vec<Gap>, Failure> {
        Ok(match (self.1, observed) {
            ("copy", (None, _)) => vec![Gap::missing(key, "not copied")],
            ("copy", (Some(false), _)) => vec![Gap::wrong(key, "differs")],
            ("copy", _) if unit.is_taken_over() => vec![Gap::unseen(key, "copied by another")],
            ("seal", (_, false)) => vec![Gap::missing(key, "not sealed")],
            _ => Vec::new(),
        })
    }

    async fn apply(
        &self,
        step_context: &StepContext<'_, Copy>,
        gap: &Gap,
    ) -> Result<Effect, Failure> {
        let (copy, name) = (
            step_context.migration,
            format!("{}{}", step_context.item, self.2),
        );
        if let Some(StepState::Failed(failure)) = step_context.unit.step(&StepName::new("folder")) {
            let message = format!("no folder: {}", failure.message);
            return Err(Failure {
                message,
                ..failure.clone()
            });
        }
        copy.calls.call(self.1, &gap.subject).await?;
        let effect = Effect::new(self.1, name.as_str()).reversible();
        step_context.intend(&effect).await?;
        let bytes = fs::read(path(&copy.from, step_context.unit, step_context.item)).unwrap();
        fs::write(path(&self.0.0, step_context.unit, &name), bytes).unwrap();
        copy.calls.call("written", &gap.subject).await?;
        Ok(effect)
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        Some(&self.0)
    }
}

/// The folder of a unit in the target is made once; it and what is in it can be removed.
#[derive(Clone)]
pub(super) struct Target(pub(super) PathBuf, pub(super) Arc<Calls>);

#[async_trait]
impl UnitStep for Target {
    fn name(&self) -> StepName {
        StepName::new("folder")
    }

    async fn probe(&self, unit: &UnitContext) -> Result<UnitObservation, Failure> {
        if path(&self.0, unit, "").is_dir() {
            return Ok(UnitObservation::Done);
        }
        Ok(UnitObservation::Gap(Gap::missing(
            &*unit.id.name,
            "no folder",
        )))
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        if let Some(failure) = self.1.fault("folder", &unit.id.name) {
            return Err(failure);
        }
        fs::create_dir_all(path(&self.0, unit, "")).unwrap();
        Ok(Effect::new("folder", &*unit.id.name).reversible())
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        Some(self)
    }
}

impl Target {
    fn place(&self, unit: &UnitContext, effect: &Effect) -> PathBuf {
        let is_folder = effect.kind == "folder";
        path(&self.0, unit, if is_folder { "" } else { &effect.subject })
    }
}

#[async_trait]
impl Undoer for Target {
    async fn exists(&self, unit: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        self.1.call("look", &effect.subject).await?;
        Ok(self.place(unit, effect).exists())
    }

    async fn undo(&self, unit: &UnitContext, effect: &Effect) -> Result<(), Failure> {
        self.1.call("undo", &effect.subject).await?;
        let path = self.place(unit, effect);
        fs::remove_file(&path)
            .or_else(|_| fs::remove_dir(&path))
            .unwrap();
        self.1.call("removed", &effect.subject).await
    }
}
