//! Failed uploads that are named by their roots.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use futures::StreamExt as _;

use super::resolve::{Resolved, not_found, resolver};
use crate::app::session::Work;
use crate::app::uploads::session::UploadsSession;
use crate::app::{CommandError, ProgressSink};
use crate::config::{Root, options};
use crate::engine::{self, ItemList, Retry};
use crate::migrations::uploads::VOCABULARY;
use crate::model::{ItemId, UnitId};

/// Uploads of some spaces, in memory: as many as there are roots in a list.
#[derive(Debug, Default)]
pub(in crate::app::uploads) struct ListedItems(BTreeMap<UnitId, Vec<ItemId>>);

impl ListedItems {
    /// Each upload with its space.
    pub(in crate::app::uploads) fn into_items(self) -> Vec<(UnitId, ItemId)> {
        let of_unit = |(unit, items): (UnitId, Vec<ItemId>)| {
            let items = items.into_iter();
            items.map(move |item| (unit.clone(), item))
        };
        self.0.into_iter().flat_map(of_unit).collect()
    }
}

impl ItemList for ListedItems {
    fn units(&self) -> Vec<UnitId> {
        self.0.keys().cloned().collect()
    }

    fn items(&self, unit: &UnitId, from: usize, most: usize) -> std::io::Result<Vec<ItemId>> {
        let items = self.0.get(unit).into_iter().flatten();
        Ok(items.skip(from).take(most).cloned().collect())
    }
}

/// Those of the failed uploads that a scope names by their roots, in whichever spelling their rows have; and those of the roots
/// that nobody has. The rows of failures are read once, however many roots there are.
///
/// # Errors
/// Those of tables and services; no root is known to anybody.
pub(in crate::app::uploads) async fn listed(
    opened: &UploadsSession,
    (scope, failed): (&options::Scope, Retry),
    sink: &ProgressSink,
) -> Result<(ListedItems, Vec<String>)> {
    let roots = &scope.roots;
    let names: HashMap<&str, usize> = roots
        .iter()
        .enumerate()
        .flat_map(|(index, root)| {
            root.spellings()
                .iter()
                .map(move |name| (name.as_str(), index))
        })
        .collect();
    let mut items = ListedItems::default();
    let mut known = BTreeSet::new();
    let reasons = VOCABULARY.reasons;
    let mut failed = engine::failed_items(&opened.store, failed);
    while let Some(piece) = failed.next().await {
        let (unit, found) = piece.map_err(|failure| CommandError::of_failure(&failure, reasons))?;
        for item in found {
            if let Some(root) = names.get(item.as_str()) {
                known.insert(*root);
                items.0.entry(unit.clone()).or_default().push(item);
            }
        }
    }
    let others: Vec<Root> = roots
        .iter()
        .enumerate()
        .filter(|(index, _)| !known.contains(index))
        .map(|(_, root)| root.clone())
        .collect();
    if others.is_empty() {
        return Ok((items, Vec::new()));
    }
    // That nothing of a root failed is an answer; that nobody has it is another.
    let scope = options::Scope {
        roots: others,
        ..scope.clone()
    };
    let Resolved {
        work,
        unknown_roots,
    } = resolver(opened).resolve(&scope, sink).await?;
    let is_nothing = matches!(&work, Work::Items(items) if items.is_empty());
    if known.is_empty() && is_nothing {
        return Err(not_found(roots).into());
    }
    Ok((items, unknown_roots))
}
