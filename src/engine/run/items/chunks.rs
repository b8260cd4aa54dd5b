//! Reads the items to retry, page by page, in pieces of one unit. They are never all in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};
use futures::{Stream, TryStreamExt, stream};

use crate::engine::{ItemList, Retry};
use crate::model::{Failure, ItemId, Reason, UnitId};
use crate::runtime::Tasks;
use crate::state::{FailedPage, FailedQuery, StateError, Store};

/// Items of a piece, and rows of a page, at most.
const MOST: u32 = 500;

/// With more owners than this, the whole table is read instead of one query per owner.
const OWNERS: usize = 100;

/// Items of one unit.
pub(crate) type Chunk = (UnitId, Vec<ItemId>);

/// The failed items to retry, in pieces of one unit.
#[must_use]
pub fn failed_items(
    store: &Store,
    retry: Retry,
) -> BoxStream<'static, Result<(UnitId, Vec<ItemId>), Failure>> {
    let store = store.clone();
    let queries = queries(&retry);
    stream::iter(queries)
        .flat_map(move |query| pages(store.clone(), query))
        .map_ok(move |page| stream::iter(by_unit(&retry, page).into_iter().map(Ok)))
        .try_flatten()
        .map_err(|error: StateError| error.failure())
        .boxed()
}

/// The narrowest queries that cover all: one per unit name, else one per owner if there are few.
fn queries(retry: &Retry) -> Vec<FailedQuery> {
    let base = &retry.query;
    if !retry.names.is_empty() {
        let of_name = |name: &String| FailedQuery {
            name: Some(name.clone()),
            ..base.clone()
        };
        return retry.names.iter().map(of_name).collect();
    }
    if (1..=OWNERS).contains(&retry.owners.len()) {
        let of_owner = |owner: &String| FailedQuery {
            owner: Some(owner.clone()),
            ..base.clone()
        };
        return retry.owners.iter().map(of_owner).collect();
    }
    vec![base.clone()]
}

fn pages(
    store: Store,
    query: FailedQuery,
) -> impl Stream<Item = Result<FailedPage, StateError>> + Send {
    stream::try_unfold(Some(None), move |after| {
        let (store, query) = (store.clone(), query.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let mut page = store.failed_page(&query, after, Some(MOST)).await?;
            let next = page.next.take().map(Some);
            Ok(Some((page, next)))
        }
    })
}

/// The items of a page by unit.
fn by_unit(retry: &Retry, page: FailedPage) -> BTreeMap<UnitId, Vec<ItemId>> {
    let among = |set: &BTreeSet<String>, name: &str| set.is_empty() || set.contains(name);
    let mut found = BTreeMap::<UnitId, Vec<ItemId>>::new();
    for failed in page.items {
        let unit = &failed.unit;
        let item = retry.item.as_ref().is_none_or(|item| *item == failed.item);
        if item && among(&retry.owners, &unit.owner) && among(&retry.names, &unit.name) {
            found.entry(failed.unit).or_default().push(failed.item);
        }
    }
    found
}

/// These items, by unit.
pub(crate) fn single(items: Vec<(UnitId, ItemId)>) -> BoxStream<'static, Result<Chunk, Failure>> {
    let mut of_unit: BTreeMap<UnitId, Vec<ItemId>> = BTreeMap::new();
    for (unit, item) in items {
        of_unit.entry(unit).or_default().push(item);
    }
    stream::iter(of_unit.into_iter().map(Ok)).boxed()
}

/// The items of a list.
pub(crate) fn named(
    tasks: &Tasks,
    list: Arc<dyn ItemList>,
) -> BoxStream<'static, Result<Chunk, Failure>> {
    let tasks = tasks.clone();
    let units = list.units();
    stream::iter(units)
        .flat_map(move |unit| of_unit(tasks.clone(), Arc::clone(&list), unit))
        .boxed()
}

fn of_unit(
    tasks: Tasks,
    list: Arc<dyn ItemList>,
    unit: UnitId,
) -> BoxStream<'static, Result<Chunk, Failure>> {
    stream::try_unfold(0, move |from| {
        let (tasks, list, unit) = (tasks.clone(), Arc::clone(&list), unit.clone());
        async move {
            let read = {
                let unit = unit.clone();
                tasks.blocking(move || list.items(&unit, from, MOST as usize))
            };
            let read = read.await.map_err(std::io::Error::other);
            let items = read.and_then(|items| items).map_err(|error| {
                Failure::permanent(
                    Reason::BAD_RECORD,
                    format!("read the list of items: {error}"),
                )
            })?;
            if items.is_empty() {
                return Ok(None);
            }
            let next = from + items.len();
            Ok(Some(((unit, items), next)))
        }
    })
    .boxed()
}
