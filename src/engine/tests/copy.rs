//! A small second migration: copies keys from one folder to another and seals each copy.
//!
//! A unit is a folder, an item a file. It says only this; leases, checkpoints, retries,
//! verification, audits and progress come from the engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use crate::engine::{Look, Migration, Need, Step, Turn, UnitContext, UnitStep};
use crate::model::{Effect, Failure, ItemId, MigrationName, Reason, StepName};

pub(super) type Fault = Box<dyn Fn(&str, &str, u32) -> Option<Failure> + Send + Sync>;

/// Two folders, how slow they are, and what goes wrong with them.
pub(super) struct Copy {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    pub(super) latency: Duration,
    /// Asked with operation, key and how often it was asked for before.
    pub(super) fault: Fault,
    /// How often each operation met each key.
    pub(super) calls: Mutex<BTreeMap<(String, String), u32>>,
    pub(super) added_at: Mutex<BTreeMap<String, u64>>,
}

impl Copy {
    async fn call(&self, operation: &str, key: &str) -> Result<(), Failure> {
        let before = {
            let mut calls = self.calls.lock().unwrap();
            let count = calls.entry((operation.into(), key.into())).or_default();
            *count += 1;
            *count - 1
        };
        tokio::time::sleep(self.latency).await;
        (self.fault)(operation, key, before).map_or(Ok(()), Err)
    }

    fn path(root: &Path, unit: &UnitContext, key: &str) -> PathBuf {
        root.join(&*unit.id.name).join(key)
    }
}

/// What is in the target.
pub(super) struct Seen {
    same: Option<bool>,
    sealed: bool,
}

#[async_trait]
impl Migration for Copy {
    type Item = String;
    type Seen = Seen;

    fn name(&self) -> MigrationName {
        MigrationName::new("copy")
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        vec![
            Arc::new(Write(self.to.clone(), "copy")),
            Arc::new(Write(self.to.clone(), "seal")),
        ]
    }

    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        vec![Arc::new(MakeFolder(self.to.clone()))]
    }

    fn item_id(&self, key: &String) -> ItemId {
        ItemId::new(key.as_str())
    }

    fn added_at(&self, key: &String) -> Option<u64> {
        self.added_at.lock().unwrap().get(key).copied()
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        after: Option<ItemId>,
    ) -> BoxStream<'a, Result<String, Failure>> {
        let folder = fs::read_dir(self.from.join(&*unit.id.name));
        let mut keys: Vec<String> = folder
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        keys.sort();
        keys.retain(|key| {
            after
                .as_ref()
                .is_none_or(|after| key.as_str() > after.as_str())
        });
        // One request for a page of fifty.
        let pages: Vec<Vec<String>> = keys.chunks(50).map(<[String]>::to_vec).collect();
        stream::iter(pages)
            .then(async |page| self.call("list", &page[0]).await.map(|()| page))
            .flat_map(|page| match page {
                Ok(keys) => stream::iter(keys).map(Ok).left_stream(),
                Err(failure) => stream::iter([Err(failure)]).right_stream(),
            })
            .boxed()
    }

    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<String, Failure> {
        if Self::path(&self.from, unit, id.as_str()).exists() {
            return Ok(id.to_string());
        }
        Err(Failure::permanent(Reason::NotFound, "no such key"))
    }

    async fn probe(&self, unit: &UnitContext, key: &String) -> Result<Seen, Failure> {
        self.call("probe", key).await?;
        let source = fs::read(Self::path(&self.from, unit, key)).unwrap();
        let target = fs::read(Self::path(&self.to, unit, key));
        Ok(Seen {
            same: target.ok().map(|target| target == source),
            sealed: Self::path(&self.to, unit, &format!("{key}.seal")).exists(),
        })
    }
}

struct Write(PathBuf, &'static str);

#[async_trait]
impl Step<Copy> for Write {
    fn name(&self) -> StepName {
        StepName::new(self.1)
    }

    fn needs(&self, _: &UnitContext, key: &String, seen: &Seen) -> Result<Vec<Need>, Failure> {
        Ok(match (self.1, seen) {
            ("copy", Seen { same: None, .. }) => vec![Need::missing(key, "not copied")],
            (
                "copy",
                Seen {
                    same: Some(false), ..
                },
            ) => vec![Need::wrong(key, "differs")],
            ("seal", Seen { sealed: false, .. }) => vec![Need::missing(key, "not sealed")],
            _ => Vec::new(),
        })
    }

    async fn apply(&self, turn: &Turn<'_, Copy>, need: &Need) -> Result<Effect, Failure> {
        let copy = turn.migration;
        copy.call(self.1, &need.subject).await?;
        let (key, end) = (turn.item, if self.1 == "seal" { ".seal" } else { "" });
        let bytes = fs::read(Copy::path(&copy.from, turn.unit, key)).unwrap();
        fs::write(
            Copy::path(&self.0, turn.unit, &format!("{key}{end}")),
            bytes,
        )
        .unwrap();
        copy.call("written", &need.subject).await?;
        Ok(Effect::new(self.1, key).reversible())
    }
}

struct MakeFolder(PathBuf);

#[async_trait]
impl UnitStep for MakeFolder {
    fn name(&self) -> StepName {
        StepName::new("folder")
    }

    async fn probe(&self, unit: &UnitContext) -> Result<Look, Failure> {
        let there = self.0.join(&*unit.id.name).is_dir();
        Ok(if there {
            Look::Done
        } else {
            Look::Needed(Need::missing(&*unit.id.name, "no folder"))
        })
    }

    async fn apply(&self, unit: &UnitContext) -> Result<Effect, Failure> {
        fs::create_dir_all(self.0.join(&*unit.id.name)).unwrap();
        Ok(Effect::new("folder", &*unit.id.name))
    }
}
