//! Which spaces are migrated, and for whom: consumer rows to one entry per space.

use std::collections::BTreeMap;

use super::filter::{Filter, SkipList};
use crate::proto::{CustomerDid, SpaceDid};

/// One row of the network's consumer table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsumerRow {
    /// The space (`consumer`).
    pub space: SpaceDid,
    /// Who pays for it; some rows have none (docs/protocol/pitfalls.md 80).
    pub customer: Option<CustomerDid>,
    /// DID of the provider.
    pub provider: String,
}

/// A space that rows give to several customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The space.
    pub space: SpaceDid,
    /// Who it was taken for.
    pub chosen: CustomerDid,
    /// Who else is named.
    pub others: Vec<CustomerDid>,
}

/// What came of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Each space once, with its customer, in order.
    pub spaces: BTreeMap<SpaceDid, CustomerDid>,
    /// Spaces that no row gives a customer.
    pub without_customer: Vec<SpaceDid>,
    /// Spaces with several customers.
    pub conflicts: Vec<Conflict>,
    /// Customers that are no `did:mailto`: nothing can be delegated to them.
    pub not_mail: Vec<CustomerDid>,
    /// Spaces left out because their customer does not pass the filter.
    pub filtered: u64,
    /// Spaces left out because their customer is on the skip list.
    pub skipped: u64,
}

/// One entry per space. Of several customers the one of the provider named first in `providers` is taken, then the
/// first in order (docs/protocol/pitfalls.md 55, 59).
#[must_use]
pub fn choose(
    rows: Vec<ConsumerRow>,
    providers: &[String],
    filter: &Filter,
    skip: &SkipList,
) -> Chosen {
    let mut chosen = Chosen::default();
    let mut by_space: BTreeMap<SpaceDid, Vec<(usize, CustomerDid)>> = BTreeMap::new();
    for row in rows {
        let rank = providers
            .iter()
            .position(|provider| *provider == row.provider)
            .unwrap_or(providers.len());
        let held = by_space.entry(row.space).or_default();
        held.extend(row.customer.map(|customer| (rank, customer)));
    }
    for (space, mut customers) in by_space {
        customers.sort_unstable();
        let mut customers = customers.into_iter().map(|(_, customer)| customer);
        let Some(customer) = customers.next() else {
            chosen.without_customer.push(space);
            continue;
        };
        let mut others: Vec<CustomerDid> = customers.filter(|other| *other != customer).collect();
        if !filter.passes(customer.as_str()) {
            chosen.filtered += 1;
            continue;
        }
        if skip.names(customer.as_str()) {
            chosen.skipped += 1;
            continue;
        }
        if !others.is_empty() {
            others.sort_unstable();
            others.dedup();
            chosen.conflicts.push(Conflict {
                space: space.clone(),
                chosen: customer.clone(),
                others,
            });
        }
        chosen.spaces.insert(space, customer);
    }
    chosen.not_mail = not_mail(&chosen.spaces);
    chosen
}

fn not_mail(spaces: &BTreeMap<SpaceDid, CustomerDid>) -> Vec<CustomerDid> {
    let mut customers: Vec<CustomerDid> = spaces
        .values()
        .filter(|customer| !customer.to_string().starts_with("did:mailto:"))
        .cloned()
        .collect();
    customers.sort_unstable();
    customers.dedup();
    customers
}
