//! From what an operator asked for to units and items.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::app::session::Work;
use crate::app::uploads::session::UploadsSession;
use crate::app::{CommandError, Kind, ProgressSink, ProgressUpdate};
use crate::client::{self, NetworkTables};
use crate::config::options::Scope;
use crate::config::{Root, Settings};
use crate::migrations::uploads::CustomerTables;
use crate::model::{Unit, UnitId};
use crate::proto::did::Did;
use crate::proto::{CustomerDid, SpaceDid};
use crate::state::{ProgressRow, Store};

/// Segments of a scan over all consumers.
const SEGMENTS: u16 = 4;
/// Customers whose spaces are asked for at once.
pub(super) const QUERIES: usize = 32;
/// Unknown names that are listed one by one.
const NAMED: usize = 20;

/// What a scope comes to.
pub(in crate::app::uploads) struct Resolved {
    pub(in crate::app::uploads) work: Work,
    /// Roots that were asked for and are in none of its spaces, as they were typed.
    pub(in crate::app::uploads) unknown_roots: Vec<String>,
}

/// Resolves scopes with what a session is connected to.
pub(in crate::app::uploads) fn resolver(session: &UploadsSession) -> Resolver<'_> {
    Resolver {
        settings: &session.workload.settings,
        tables: &session.migration.services().tables,
        store: &session.store,
    }
}

/// Resolves scopes with the network's and the migration's tables.
pub(in crate::app::uploads) struct Resolver<'a> {
    pub(in crate::app::uploads) settings: &'a Settings,
    pub(in crate::app::uploads) tables: &'a NetworkTables,
    pub(in crate::app::uploads) store: &'a Store,
}

impl Resolver<'_> {
    /// The spaces, or uploads, that `scope` names. All unknown names are reported at once.
    pub(in crate::app::uploads) async fn work(
        &self,
        scope: &Scope,
        sink: &ProgressSink,
    ) -> Result<Resolved> {
        let resolved = self.resolve(scope, sink).await?;
        match &resolved.work {
            Work::Items(items) if items.is_empty() => Err(not_found(&scope.roots).into()),
            _ => Ok(resolved),
        }
    }

    /// The same, and none of the roots need be known.
    pub(in crate::app::uploads) async fn resolve(
        &self,
        scope: &Scope,
        sink: &ProgressSink,
    ) -> Result<Resolved> {
        let named = self.named(scope, sink).await?;
        if !scope.roots.is_empty() {
            return self.uploads(&scope.roots, named).await;
        }
        let units = match named {
            Some(units) => units,
            None => self.everything(sink).await?,
        };
        Ok(Resolved {
            work: Work::Units(units),
            unknown_roots: Vec::new(),
        })
    }

    /// The spaces that `scope` names, if it names any or their customers.
    async fn named(&self, scope: &Scope, sink: &ProgressSink) -> Result<Option<Vec<Unit>>> {
        let units = if let Some(file) = &scope.customers {
            let wanted = file.customers.iter().map(|share| {
                let spaces = share
                    .spaces
                    .as_ref()
                    .map(|spaces| spaces.iter().cloned().collect());
                (share.customer.clone(), spaces)
            });
            let source = file.path.display().to_string();
            self.of_customers(wanted.collect(), &source, sink).await?
        } else if !scope.only_customers.is_empty() {
            let spaces: Option<BTreeSet<SpaceDid>> = (!scope.only_spaces.is_empty())
                .then(|| scope.only_spaces.iter().cloned().collect());
            let wanted = scope
                .only_customers
                .iter()
                .map(|one| (one.clone(), spaces.clone()));
            self.of_customers(wanted.collect(), "--customer", sink)
                .await?
        } else if !scope.only_spaces.is_empty() {
            self.of_spaces(&scope.only_spaces).await?
        } else {
            return Ok(None);
        };
        Ok(Some(units))
    }

    /// How many spaces the customers of `work` have by the consumer table, as far as no plan has said it. Of a sample
    /// of everything nothing is said: it is not worth a write per customer.
    pub(in crate::app::uploads) async fn spaces(
        &self,
        scope: &Scope,
        work: &Work,
    ) -> Result<Vec<(CustomerDid, u64)>> {
        let planned = scope
            .customers
            .as_ref()
            .is_some_and(|file| file.plan.is_some());
        let narrow = scope.customers.is_some()
            || !scope.only_customers.is_empty()
            || !scope.only_spaces.is_empty();
        let Work::Units(units) = work else {
            return Ok(Vec::new());
        };
        if planned || (!narrow && scope.limit.is_some()) {
            return Ok(Vec::new());
        }
        let mut listed = BTreeMap::<CustomerDid, u64>::new();
        for unit in units {
            *listed.entry(unit.id.owner.parse()?).or_default() += 1;
        }
        // Where single spaces are named, there may be more.
        let is_part = |customer: &CustomerDid| {
            let mut shares = scope.customers.iter().flat_map(|file| &file.customers);
            let split = shares.any(|one| one.customer == *customer && one.spaces.is_some());
            split || !scope.only_spaces.is_empty()
        };
        let parts: Vec<CustomerDid> = listed.keys().filter(|one| is_part(one)).cloned().collect();
        if !parts.is_empty() {
            let counts = stream::iter(parts).map(|customer| async move {
                let did = Did::parse(customer.as_str())?;
                let found = self.tables.spaces_of_customer(&did).await;
                let found = found.map_err(|error| self.tables_error(&error))?;
                let own = CustomerTables::of(self.store)
                    .migration_space(&customer)
                    .await;
                let own = own.map_err(|error| CommandError::of_state(&error))?;
                let own = own.map(|own| own.space);
                let spaces: BTreeSet<SpaceDid> = found
                    .iter()
                    .filter_map(|one| one.space.as_str().parse().ok())
                    .filter(|space| own.as_ref() != Some(space))
                    .collect();
                anyhow::Ok((customer, spaces.len() as u64))
            });
            let counts: Vec<_> = counts.buffer_unordered(QUERIES).try_collect().await?;
            listed.extend(counts);
        }
        Ok(listed.into_iter().collect())
    }

    async fn of_customers(
        &self,
        wanted: Vec<(CustomerDid, Option<BTreeSet<SpaceDid>>)>,
        source: &str,
        sink: &ProgressSink,
    ) -> Result<Vec<Unit>> {
        let own = self.own_spaces().await?;
        let mut units = Vec::new();
        let mut unknown = Vec::new();
        let (mut done, of) = (0, Some(wanted.len() as u64));
        let what = "reading the spaces of customers";
        let mut answers = stream::iter(wanted)
            .map(|(customer, only)| async move {
                let did = Did::parse(customer.as_str())?;
                let found = self.tables.spaces_of_customer(&did).await;
                let found = found.map_err(|error| self.tables_error(&error))?;
                let spaces = found
                    .iter()
                    .filter_map(|one| one.space.as_str().parse().ok());
                let counted = self.counted(&customer).await?;
                anyhow::Ok((
                    customer,
                    only,
                    spaces.collect::<BTreeSet<SpaceDid>>(),
                    counted,
                ))
            })
            .buffered(QUERIES);
        while let Some(answer) = answers.next().await {
            let (customer, only, found, counted) = answer?;
            done += 1;
            sink(ProgressUpdate::Start { what, done, of });
            if found.is_empty() {
                unknown.push(customer.to_string());
                continue;
            }
            if let Some(only) = &only {
                unknown.extend(
                    only.difference(&found)
                        .map(|space| format!("{space} of {customer}")),
                );
            }
            let taken = found
                .iter()
                .filter(|space| !own.contains(*space))
                .filter(|space| only.as_ref().is_none_or(|only| only.contains(*space)));
            units.extend(taken.map(|space| Unit {
                planned: counted.get(space.as_str()).copied(),
                ..Unit::new(UnitId::new(&customer, space))
            }));
        }
        refuse_unknown(&unknown, source)?;
        Ok(units)
    }

    /// Uploads of a customer's spaces as its progress rows count them, by space.
    async fn counted(&self, customer: &CustomerDid) -> Result<BTreeMap<String, u64>> {
        let rows = self.store.progress_of(customer.as_str()).await;
        let rows = rows.map_err(|error| CommandError::of_state(&error))?;
        let count = |row: ProgressRow| {
            (
                row.progress.unit.name.to_string(),
                row.progress.counts.planned,
            )
        };
        Ok(rows.into_iter().map(count).collect())
    }

    async fn of_spaces(&self, spaces: &[SpaceDid]) -> Result<Vec<Unit>> {
        let mut units = Vec::new();
        let mut unknown = Vec::new();
        for (space, customer) in self.owners(spaces.to_vec()).await? {
            match customer {
                Some(customer) => units.push(Unit::new(UnitId::new(&customer, &space))),
                None => unknown.push(space.to_string()),
            }
        }
        refuse_unknown(&unknown, "--space")?;
        Ok(units)
    }

    /// Who pays for each of these spaces, if anybody does.
    pub(super) async fn owners(
        &self,
        spaces: Vec<SpaceDid>,
    ) -> Result<Vec<(SpaceDid, Option<CustomerDid>)>> {
        let looks = stream::iter(spaces).map(|space| async move {
            let did = Did::parse(space.as_str())?;
            let rows = self.tables.consumers_of_space(&did).await;
            let rows = rows.map_err(|error| self.tables_error(&error))?;
            let owner = self.owner(&rows);
            anyhow::Ok((space, owner))
        });
        looks.buffered(QUERIES).try_collect().await
    }

    /// Every space of the network; only a sample or a whole audit asks for it.
    async fn everything(&self, sink: &ProgressSink) -> Result<Vec<Unit>> {
        let own = self.own_spaces().await?;
        let mut rows = self.tables.scan_consumers(SEGMENTS);
        let mut by_space = BTreeMap::<SpaceDid, Vec<client::Consumer>>::new();
        let mut done = 0;
        while let Some(entry) = rows.next().await {
            let entry = entry.map_err(|error| self.tables_error(&error))?;
            done += 1;
            let what = "reading the spaces of the network";
            sink(ProgressUpdate::Start {
                what,
                done,
                of: None,
            });
            // What makes no sense is told by `setup`.
            let client::ConsumerEntry::Consumer(row) = entry else {
                continue;
            };
            if let Ok(space) = row.space.as_str().parse::<SpaceDid>()
                && !own.contains(&space)
            {
                by_space.entry(space).or_default().push(row);
            }
        }
        let unit = |(space, rows): (SpaceDid, Vec<client::Consumer>)| {
            Some(Unit::new(UnitId::new(&self.owner(&rows)?, &space)))
        };
        Ok(by_space.into_iter().filter_map(unit).collect())
    }

    /// Who pays for a space: the row of the first provider in the order of the settings decides.
    fn owner(&self, rows: &[client::Consumer]) -> Option<CustomerDid> {
        let network = self.settings.network();
        let providers: Vec<&Did> = std::iter::once(&network.upload_service.did)
            .chain(&network.storage_providers)
            .collect();
        let rank = |row: &&client::Consumer| {
            providers
                .iter()
                .position(|one| **one == row.provider)
                .unwrap_or(usize::MAX)
        };
        let row = rows
            .iter()
            .filter(|row| row.customer.is_some())
            .min_by_key(rank)?;
        row.customer.as_ref()?.as_str().parse().ok()
    }

    /// Migration spaces are consumers too once they are provisioned; they hold no uploads.
    async fn own_spaces(&self) -> Result<BTreeSet<SpaceDid>> {
        let spaces = CustomerTables::of(self.store).migration_space_names().await;
        Ok(spaces.map_err(|error| CommandError::of_state(&error))?)
    }

    pub(super) fn tables_error(&self, error: &client::ClientError) -> CommandError {
        let table = &self.settings.network().tables.consumer;
        CommandError::of_client(
            error,
            "AWS_ENDPOINT_URL_DYNAMODB and CONSUMER_TABLE_NAME",
            table,
        )
    }
}

/// A scope that comes to nothing is told, and is no success.
pub(in crate::app::uploads) fn refuse_nothing(work: &Work, scope: &Scope) -> Result<()> {
    if !work.is_empty() {
        return Ok(());
    }
    let trouble = match &scope.customers {
        Some(file) if file.customers.is_empty() => CommandError::new(
            Kind::Usage,
            format!("use {}: it names no customer", file.path.display()),
            "the plan has no share for this instance",
            "start it with --steal to help the others, or run `sterna setup` with fewer instances",
        ),
        _ => CommandError::new(
            Kind::NotFound,
            "find a space to work on",
            "the selected customers have no spaces except migration spaces, or the network has none",
            "check --env and the selection; nothing was changed",
        ),
    };
    Err(trouble.into())
}

/// None of these roots is in any space.
pub(in crate::app::uploads) fn not_found(roots: &[Root]) -> CommandError {
    let named: Vec<String> = roots.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match roots.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let uploads = if roots.len() == 1 {
        "upload"
    } else {
        "uploads"
    };
    CommandError::new(
        Kind::NotFound,
        format!("find the {uploads} {}{more}", named.join(", ")),
        "no selected space has an upload with such a root, as CIDv0 or as CIDv1",
        "check --env and the CID; leave out --space and --customer to search every space; nothing was changed",
    )
}

fn refuse_unknown(unknown: &[String], source: &str) -> Result<()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let more = unknown.len().saturating_sub(NAMED);
    let mut list = unknown
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        list = format!("{list} and {more} more");
    }
    Err(CommandError::new(
        Kind::NotFound,
        format!("unknown customers or spaces in {source}: {list}"),
        "the consumer table of this network has no such customer or space",
        "correct the names, or write the file again with `sterna setup`; nothing was changed",
    )
    .into())
}
