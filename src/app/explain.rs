//! Everything known of one upload or space.

use anyhow::Result;
use serde_json::{Value, json};

use super::scope::{Work, refuse_nothing};
use super::uploads::Opened;
use super::{Stop, Trouble};
use crate::config::options::Scope;
use crate::config::{Settings, options};
use crate::engine::{self, UnitContext};
use crate::model::{ItemId, UnitId};

/// Everything known of one upload or space. Looks at rows and at the world, changes nothing.
pub async fn explain(settings: &Settings, options: options::Explain) -> Result<Value> {
    let opened = Opened::connect(settings).await?;
    let scope = Scope {
        only_spaces: options.space.into_iter().collect(),
        root: options.root,
        ..Scope::default()
    };
    let work = opened.work(settings, &scope).await?;
    refuse_nothing(&work, &scope)?;
    let places: Vec<(UnitId, Option<ItemId>)> = match work {
        Work::Units(units) => units.into_iter().map(|unit| (unit.id, None)).collect(),
        Work::Items(items) => items
            .into_iter()
            .map(|(unit, item)| (unit, Some(item)))
            .collect(),
    };
    let mut found = Vec::with_capacity(places.len());
    for (unit, item) in places {
        found.push(one(&opened, &unit, item.as_ref()).await?);
    }
    Ok(json!({ "found": found }))
}

async fn one(opened: &Opened, unit: &UnitId, item: Option<&ItemId>) -> Result<Value> {
    let (parts, _) = opened.parts(Stop::new());
    let explained = engine::explain(&parts, unit, item).await;
    let explained = explained.map_err(|error| Trouble::of_engine(&error))?;
    let mut value = serde_json::to_value(&explained)?;
    if let (Some(item), Some(fields)) = (item, value.as_object_mut()) {
        let context = UnitContext::new(unit.clone(), opened.clock, opened.tasks.clone());
        // What the engine could not judge is in its failure already.
        if let Ok(seen) = opened.migration.explain(&context, item).await {
            fields.insert("world".into(), seen.json());
        }
    }
    Ok(value)
}
