//! Who and what a unit is about: a space of a customer.

use crate::engine::UnitContext;
use crate::model::{Failure, Reason};
use crate::proto::CustomerDid;
use crate::proto::did::Did;

use super::reasons;

/// The customer of a unit.
pub(super) fn customer(unit: &UnitContext) -> Result<CustomerDid, Failure> {
    unit.id
        .owner
        .parse()
        .map_err(|error| Failure::permanent(reasons::MISSING_CUSTOMER, format!("{error}")))
}

/// The space of a unit.
pub(super) fn space(unit: &UnitContext) -> Result<Did, Failure> {
    Did::parse(&unit.id.name)
        .map_err(|error| Failure::permanent(Reason::BAD_RECORD, error.to_string()))
}
