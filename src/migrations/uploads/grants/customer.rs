//! Whose a space is, where the consumer table says several things.
//!
//! Anybody with a subscription may be the customer of a row about somebody else's space
//! (docs/protocol/pitfalls.md 59). A row alone therefore decides nothing when there is another: the holder of a
//! migration space gets all rights on what is stored in it.

use std::collections::{BTreeMap, BTreeSet};

use super::find::holds;
use crate::engine::UnitContext;
use crate::migrations::uploads::find::could_not_tell;
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::migrations::uploads::unit::space;
use crate::model::Failure;
use crate::proto::did::Did;

/// Whether a unit's space is its customer's: no row gives it to anybody else, or the operator says so, or of all whom
/// rows name the space itself has shared with this account alone.
///
/// # Errors
/// `CUSTOMER_CONFLICT` with all customers, and those of tables and buckets.
pub(crate) async fn confirm(parts: &Parts, unit: &UnitContext) -> Result<(), Failure> {
    if parts.settings.is_customer_named || parts.confirmed.has(&unit.id) {
        return Ok(());
    }
    let space = space(unit)?;
    let rows = parts.services.tables.consumers_of_space(&space).await;
    let rows = rows.map_err(could_not_tell)?;
    let named: BTreeSet<Did> = rows.into_iter().filter_map(|row| row.customer).collect();
    let is_own = |customer: &Did| *customer.as_str() == *unit.id.owner;
    if named.iter().any(|customer| !is_own(customer)) {
        let now = unit.clock.unix_secs();
        let mut holders = BTreeMap::new();
        for customer in &named {
            holders.insert(customer, holds(parts, &space, customer, now).await?);
        }
        let mut holding = holders.iter().filter(|(_, holds)| **holds);
        let only = match (holding.next(), holding.next()) {
            (Some((customer, _)), None) => Some(*customer),
            _ => None,
        };
        if !only.is_some_and(is_own) {
            return Err(conflict(&space, &named, only));
        }
    }
    parts.confirmed.add(&unit.id);
    Ok(())
}

fn conflict(space: &Did, named: &BTreeSet<Did>, only: Option<&Did>) -> Failure {
    let customers: Vec<&str> = named.iter().map(Did::as_str).collect();
    let rows = format!(
        "rows of the consumer table give space {space} to {}",
        customers.join(" and to ")
    );
    let text = match only {
        Some(holder) => format!("{rows}; of these it has shared itself with {holder} alone"),
        None => format!("{rows}, and no delegation of the space shows who owns it"),
    };
    Failure::permanent(reasons::CUSTOMER_CONFLICT, text)
}
