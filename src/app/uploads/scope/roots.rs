//! From roots to uploads. The index of the upload table says which spaces have a root: one query for each of its names,
//! however many spaces there are.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::resolve::{QUERIES, Resolved, Resolver};
use crate::app::session::Work;
use crate::config::Root;
use crate::model::{ItemId, Unit, UnitId};
use crate::proto::SpaceDid;

/// A row of the upload table, under one of the names of a root.
struct Place {
    /// Which of the roots.
    root: usize,
    item: ItemId,
    space: SpaceDid,
}

impl Resolver<'_> {
    /// The uploads with these roots, in the spaces that are named or in whichever have them.
    pub(in crate::app::uploads) async fn uploads(
        &self,
        roots: &[Root],
        named: Option<Vec<Unit>>,
    ) -> Result<Resolved> {
        let places = self.places(roots).await?;
        let units: Vec<UnitId> = match named {
            Some(units) => units.into_iter().map(|unit| unit.id).collect(),
            None => self.spaces_of(&places).await?,
        };
        let mut of_space = BTreeMap::<&str, Vec<&UnitId>>::new();
        for unit in &units {
            of_space.entry(&unit.name).or_default().push(unit);
        }
        let mut known = BTreeSet::new();
        let mut items = Vec::new();
        for place in places {
            for unit in of_space.get(place.space.as_str()).into_iter().flatten() {
                known.insert(place.root);
                items.push(((*unit).clone(), place.item.clone()));
            }
        }
        let unknown = roots.iter().enumerate();
        let unknown = unknown.filter(|(index, _)| !known.contains(index));
        Ok(Resolved {
            work: Work::Items(items),
            unknown_roots: unknown.map(|(_, root)| root.to_string()).collect(),
        })
    }

    async fn places(&self, roots: &[Root]) -> Result<Vec<Place>> {
        let names = roots.iter().enumerate().flat_map(|(index, root)| {
            let spellings = root.spellings().iter().cloned();
            spellings.map(move |name| (index, name))
        });
        let names: Vec<(usize, String)> = names.collect();
        let mut looks = stream::iter(names)
            .map(|(root, name)| async move {
                let spaces = self.tables.spaces_of_root(&name).await;
                let spaces = spaces.map_err(|error| self.tables_error(&error))?;
                anyhow::Ok((root, ItemId::new(name), spaces))
            })
            .buffered(QUERIES);
        let mut places = Vec::new();
        while let Some((root, item, spaces)) = looks.try_next().await? {
            let spaces = spaces
                .iter()
                .filter_map(|space| space.as_str().parse().ok());
            places.extend(spaces.map(|space| Place {
                root,
                item: item.clone(),
                space,
            }));
        }
        Ok(places)
    }

    /// The spaces of these places that somebody pays for.
    async fn spaces_of(&self, places: &[Place]) -> Result<Vec<UnitId>> {
        let spaces: BTreeSet<&SpaceDid> = places.iter().map(|place| &place.space).collect();
        let owners = self.owners(spaces.into_iter().cloned().collect()).await?;
        let unit = |(space, owner): (SpaceDid, Option<_>)| Some(UnitId::new(&owner?, &space));
        Ok(owners.into_iter().filter_map(unit).collect())
    }
}
